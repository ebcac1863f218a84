// Sizes in bytes, as people write them.

private let sizeUnits: [(suffix: String, size: Int64)] = [
  ("B", 1), ("kB", 1000), ("KB", 1000), ("KiB", 1 << 10), ("MB", 1_000_000), ("MiB", 1 << 20),
  ("GB", 1_000_000_000), ("GiB", 1 << 30), ("TB", 1_000_000_000_000), ("TiB", 1 << 40),
]

/// Reads `64MiB`, `2GB`, `512B`; nil for anything else. A unit must be there: a number alone has
/// been taken for gigabytes and for bytes by two programs that shared it.
package func parseSize(_ text: String) -> Int64? {
  let digits = text.prefix { $0.isASCII && $0.isNumber }
  let suffix = text.dropFirst(digits.count)
  guard let value = Int64(digits), let unit = sizeUnits.first(where: { $0.suffix == suffix })
  else { return nil }
  let (size, overflow) = value.multipliedReportingOverflow(by: unit.size)
  return overflow ? nil : size
}

/// The shortest whole number of a unit that `parseSize` reads back to the same value.
package func formatSize(_ size: Int64) -> String {
  let fitting = sizeUnits.filter { $0.size <= max(size, 1) && size % $0.size == 0 }
  let shortest = fitting.map { "\(size / $0.size)\($0.suffix)" }.min {
    $0.utf8.count < $1.utf8.count
  }
  return shortest ?? "\(size)B"
}

/// A size for a person, to a tenth of a power of 1024: `512 B`, `12.3 MiB`.
package func roughSize(_ bytes: Int64) -> String {
  var value = Double(bytes)
  var unit = "B"
  for next in ["KiB", "MiB", "GiB", "TiB"] where value >= 1024 {
    value /= 1024
    unit = next
  }
  if unit == "B" { return "\(bytes) B" }
  let tenths = Int((value * 10).rounded())
  return "\(tenths / 10).\(tenths % 10) \(unit)"
}

func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
