// Times are whole nanoseconds: what the kernel's stamps hold, and half the size of a Duration.

/// A span of time, in nanoseconds.
package typealias Nanoseconds = Int64

package let nanosecondsPerSecond: Nanoseconds = 1_000_000_000

/// The two clocks, read together at the edge and handed in.
package struct Now: Hashable, Sendable {
  /// Nanoseconds since 1970 (CLOCK_REALTIME). May step.
  package let wall: Nanoseconds
  /// CLOCK_MONOTONIC: never steps, stands still while the machine is suspended.
  package let monotonic: Nanoseconds

  package init(wall: Nanoseconds, monotonic: Nanoseconds) {
    self.wall = wall
    self.monotonic = monotonic
  }
}

private let durationUnits: [(suffix: String, span: Nanoseconds)] = [
  ("ns", 1), ("us", 1000), ("ms", 1_000_000), ("s", nanosecondsPerSecond),
  ("m", 60 * nanosecondsPerSecond), ("h", 3600 * nanosecondsPerSecond),
  ("d", 86400 * nanosecondsPerSecond),
]

/// Reads `250ms`, `30s`, `10m`, `1h30m`, `3d`; nil for anything else, overflow included.
package func parseDuration(_ text: String) -> Nanoseconds? {
  guard !text.isEmpty else { return nil }
  if text == "0" { return 0 }
  var total: Nanoseconds = 0
  var previous = Nanoseconds.max
  var rest = Substring(text)
  while !rest.isEmpty {
    let digits = rest.prefix { $0.isASCII && $0.isNumber }
    guard !digits.isEmpty, let value = Nanoseconds(digits) else { return nil }
    rest = rest.dropFirst(digits.count)
    let letters = rest.prefix { $0.isASCII && $0.isLetter }
    rest = rest.dropFirst(letters.count)
    guard let unit = durationUnits.first(where: { $0.suffix == letters })?.span else { return nil }
    guard unit < previous else { return nil }  // 30m1h and 1s1s are typing errors
    previous = unit
    let (product, overflow) = value.multipliedReportingOverflow(by: unit)
    guard !overflow, !total.addingReportingOverflow(product).overflow else { return nil }
    total += product
  }
  return total
}

/// The shortest form that `parseDuration` reads back to the same value.
package func formatDuration(_ span: Nanoseconds) -> String {
  guard span != 0 else { return "0s" }
  guard span > 0 else { return "-" + formatDuration(span == .min ? .max : -span) }
  var rest = span
  var text = ""
  for unit in durationUnits.reversed() where rest >= unit.span {
    text += "\(rest / unit.span)\(unit.suffix)"
    rest %= unit.span
  }
  return text
}

/// A span for a person: its two largest units, `3d4h`, `1m5s`, `250ms`.
package func roughDuration(_ span: Nanoseconds) -> String {
  guard span > 0 else { return span == 0 ? "0s" : "-" + roughDuration(span == .min ? .max : -span) }
  let units = durationUnits.reversed().filter { span >= $0.span }
  guard let first = units.first else { return "0s" }
  let second = units.dropFirst().first?.span ?? 1
  let granule = first.span >= nanosecondsPerSecond ? max(second, nanosecondsPerSecond) : first.span
  return formatDuration(span / granule * granule)
}

/// Stamps come from names and file systems, so their differences may not fit.
package func saturatingDifference(_ left: Nanoseconds, _ right: Nanoseconds) -> Nanoseconds {
  let (difference, overflow) = left.subtractingReportingOverflow(right)
  return overflow ? (left < right ? .min / 2 : .max / 2) : max(difference, .min / 2)
}

package func saturatingSum(_ left: Int64, _ right: Int64) -> Int64 {
  let (sum, overflow) = left.addingReportingOverflow(right)
  return overflow ? (right < 0 ? .min / 2 : .max / 2) : sum
}
