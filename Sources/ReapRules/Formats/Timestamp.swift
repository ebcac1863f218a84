/// Reads a time of RFC 3339 (`2026-11-20T23:21:16.855Z`, `…+01:00`) as nanoseconds since 1970.
///
/// Nil for anything else: a time without an offset is no time.
///
/// - Parameter isClamped: a time that 64 bits of nanoseconds cannot hold is the nearest that they can,
///   and not nil.
package func parseTimestamp(_ text: String, isClamped: Bool = false) -> Nanoseconds? {
  var rest = Array(text.utf8)[...]
  func take(_ count: Int) -> Int64? {
    let digits = rest.prefix(count)
    guard digits.count == count, digits.allSatisfy(isDigit) else { return nil }
    rest = rest.dropFirst(count)
    return digits.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
  }
  func skip(_ characters: String) -> Bool {
    guard let first = rest.first, characters.utf8.contains(first) else { return false }
    rest = rest.dropFirst()
    return true
  }
  guard let year = take(4), skip("-"), let month = take(2), skip("-"), let day = take(2),
    skip("Tt "), let hour = take(2), skip(":"), let minute = take(2), skip(":"),
    let second = take(2)
  else { return nil }
  guard (1...12).contains(month), (1...daysIn(month, of: year)).contains(day), hour < 24,
    minute < 60, second <= 60
  else { return nil }
  var fraction: Nanoseconds = 0
  if skip(".") {
    let digits = rest.prefix { isDigit($0) }
    guard !digits.isEmpty else { return nil }
    rest = rest.dropFirst(digits.count)
    for place in 0..<9 {
      fraction = fraction * 10
      if place < digits.count {
        fraction += Nanoseconds(digits[digits.startIndex + place] - UInt8(ascii: "0"))
      }
    }
  }
  var offset: Int64 = 0
  if !skip("Zz") {
    guard let sign = rest.first, skip("+-"), let hours = take(2), skip(":"), let minutes = take(2),
      hours < 24, minutes < 60
    else { return nil }
    offset = (hours * 60 + minutes) * 60 * (sign == UInt8(ascii: "-") ? -1 : 1)
  }
  guard rest.isEmpty else { return nil }
  let seconds =
    daysSince1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset
  let (stamp, overflow) = seconds.multipliedReportingOverflow(by: nanosecondsPerSecond)
  let (sum, isBeyond) = stamp.addingReportingOverflow(fraction)
  guard overflow || isBeyond else { return sum }
  return isClamped ? (seconds < 0 ? .min / 4 : .max / 2) : nil
}

private func daysIn(_ month: Int64, of year: Int64) -> Int64 {
  let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
  switch month {
  case 2: return isLeap ? 29 : 28
  case 4, 6, 9, 11: return 30
  default: return 31
  }
}

/// Days from 1970-01-01 in the Gregorian calendar, for years 0 to 9999: years begin in March, so
/// that the leap day comes last.
private func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
  let shifted = month <= 2 ? year - 1 : year
  let era = shifted >= 0 ? shifted / 400 : -1
  let yearOfEra = shifted - era * 400
  let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
  let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}
