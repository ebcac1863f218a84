// Sizes in bytes and shares of a file system, as people write them.

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

/// Room that must stay free on a file system: blocks or inodes.
package enum FreeSpace: Hashable, Sendable {
  /// Bytes, or a number of inodes.
  case amount(Int64)
  /// Of the whole, in hundredths of a percent: 0…10,000.
  case share(Int64)

  /// Whether less is free than that. A file system without a total (btrfs tells none for inodes)
  /// is never short of it.
  package func isBelow(free: Int64, total: Int64) -> Bool {
    guard total > 0 else { return false }
    switch self {
    case .amount(let amount): return free < amount
    case .share(let share): return Double(free) < Double(total) / 10_000 * Double(share)
    }
  }

  /// Reads `5%` and `12.5%`, at most two decimals; nil for anything else.
  package static func parseShare(_ text: String) -> FreeSpace? {
    guard text.last == "%" else { return nil }
    let parts = text.dropLast().split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(isDigit) }),
      let whole = Int64(parts[0]), whole <= 100
    else { return nil }
    var share = whole * 100
    if parts.count == 2 {
      guard parts[1].utf8.count <= 2, let decimals = Int64(parts[1]) else { return nil }
      share += parts[1].utf8.count == 1 ? decimals * 10 : decimals
    }
    return share <= 10_000 ? .share(share) : nil
  }

  package static func formatShare(_ share: Int64) -> String {
    let (whole, rest) = share.quotientAndRemainder(dividingBy: 100)
    guard rest != 0 else { return "\(whole)%" }
    return rest % 10 == 0 ? "\(whole).\(rest / 10)%" : "\(whole).\(rest < 10 ? "0" : "")\(rest)%"
  }
}

func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
