// What is free on a file system, and how much of it has to be.

/// Room on a file system, as statvfs(3) counts it for unprivileged users.
package struct FreeRoom: Sendable, Equatable {
  package let freeBytes: Int64
  package let totalBytes: Int64
  package let freeInodes: Int64
  package let totalInodes: Int64

  package init(freeBytes: Int64, totalBytes: Int64, freeInodes: Int64, totalInodes: Int64) {
    self.freeBytes = freeBytes
    self.totalBytes = totalBytes
    self.freeInodes = freeInodes
    self.totalInodes = totalInodes
  }
}

/// Room that must stay free on a file system: blocks or inodes.
package enum FreeSpace: Hashable, Sendable {
  /// Bytes, or a number of inodes.
  case amount(Int64)
  /// Of the whole, in hundredths of a percent: 0…10,000.
  case share(Int64)

  /// The whole, in hundredths of a percent.
  static let whole: Int64 = 10_000

  /// How much more would have to be free. A file system without a total (btrfs tells none for
  /// inodes) is never short of it.
  package func shortfall(free: Int64, total: Int64) -> Int64 {
    guard total > 0 else { return 0 }
    let wanted: Int64
    switch self {
    case .amount(let amount): wanted = amount
    case .share(let share):
      // Rounded up: what is free is a whole number.
      let part = Self.whole.dividingFullWidth(total.multipliedFullWidth(by: share))
      wanted = part.quotient + (part.remainder > 0 ? 1 : 0)
    }
    return max(0, saturatingDifference(wanted, free))
  }

  /// Whether less is free than that.
  package func isBelow(free: Int64, total: Int64) -> Bool {
    shortfall(free: free, total: total) > 0
  }

  /// Reads `5%` and `12.5%`, at most two decimals; nil for anything else.
  package static func parseShare(_ text: String) -> FreeSpace? {
    guard text.last == "%" else { return nil }
    let parts = text.dropLast().split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(isDigit) }),
      let percent = Int64(parts[0]), percent <= 100
    else { return nil }
    var share = percent * 100
    if parts.count == 2 {
      guard parts[1].utf8.count <= 2, let decimals = Int64(parts[1]) else { return nil }
      share += parts[1].utf8.count == 1 ? decimals * 10 : decimals
    }
    return share <= whole ? .share(share) : nil
  }

  package static func formatShare(_ share: Int64) -> String {
    let (whole, rest) = share.quotientAndRemainder(dividingBy: 100)
    guard rest != 0 else { return "\(whole)%" }
    return rest % 10 == 0 ? "\(whole).\(rest / 10)%" : "\(whole).\(rest < 10 ? "0" : "")\(rest)%"
  }
}
