/// The time in a name of the form `spill_<unix seconds>_<decimal>`, in nanoseconds since 1970.
///
/// Nil for any other name: such a candidate just lacks that clock.
package func spillNameTime(_ name: EntryName) -> Nanoseconds? {
  var rest = name.bytes[...]
  guard rest.starts(with: "spill_".utf8) else { return nil }
  rest = rest.dropFirst(6)
  guard let seconds = takeDecimal(&rest), rest.popFirst() == UInt8(ascii: "_") else { return nil }
  guard !rest.isEmpty, rest.allSatisfy(isDigit) else { return nil }
  let (stamp, overflow) = seconds.multipliedReportingOverflow(by: nanosecondsPerSecond)
  return overflow ? nil : stamp
}

/// Takes the digits at the front; nil where there is none, or they do not fit.
private func takeDecimal(_ bytes: inout ArraySlice<UInt8>) -> Int64? {
  guard let first = bytes.first, isDigit(first) else { return nil }
  var value: Int64 = 0
  while let byte = bytes.first, isDigit(byte) {
    let (product, over) = value.multipliedReportingOverflow(by: 10)
    let (sum, overSum) = product.addingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
    guard !over, !overSum else { return nil }
    value = sum
    bytes.removeFirst()
  }
  return value
}
