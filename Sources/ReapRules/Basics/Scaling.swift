/// value × numerator ÷ denominator, rounded up; the largest number that there is where it is more. What is
/// negative counts as nothing.
///
/// - Parameter denominator: more than 0.
package func scaled(_ value: Int64, by numerator: Int64, over denominator: Int64) -> Int64 {
  let product = UInt64(max(0, value)).multipliedFullWidth(by: UInt64(max(0, numerator)))
  let divisor = UInt64(denominator)
  // The quotient has to fit for the division to be possible.
  guard product.high < divisor else { return .max }
  let (quotient, rest) = divisor.dividingFullWidth(product)
  return quotient < UInt64(Int64.max) ? Int64(quotient) + (rest > 0 ? 1 : 0) : .max
}
