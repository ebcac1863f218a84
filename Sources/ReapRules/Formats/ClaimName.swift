/// `.reapd.<19-digit unix ns>.<original name>`: the name of a directory that was claimed.
package struct ClaimName: Hashable, Sendable {
  /// When it was claimed, wall clock, nanoseconds since 1970.
  package let claimedAt: Nanoseconds
  package let original: EntryName

  private static let prefix = Array(".reapd.".utf8)
  private static let digits = 19
  /// The most bytes an original name may have: NAME_MAX (255) less prefix, digits and dot.
  package static let longestOriginal = 255 - 7 - 19 - 1

  /// Nil where the claimed name would exceed NAME_MAX: such a directory is removed in place.
  package init?(claimedAt: Nanoseconds, original: EntryName) {
    guard original.bytes.count <= Self.longestOriginal else { return nil }
    guard claimedAt >= 1_000_000_000_000_000_000 else { return nil }  // 19 digits: since 2001
    self.claimedAt = claimedAt
    self.original = original
  }

  /// Reads a claimed name; nil for every other name.
  package init?(_ name: EntryName) {
    let bytes = name.bytes
    let head = Self.prefix.count + Self.digits
    guard bytes.count > head + 1, bytes[head] == UInt8(ascii: ".") else { return nil }
    for index in Self.prefix.indices where bytes[index] != Self.prefix[index] { return nil }
    var stamp: Nanoseconds = 0
    for byte in bytes[Self.prefix.count..<head] {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
      let (product, over) = stamp.multipliedReportingOverflow(by: 10)
      let (sum, overSum) = product.addingReportingOverflow(Nanoseconds(byte - UInt8(ascii: "0")))
      guard !over, !overSum else { return nil }
      stamp = sum
    }
    guard let original = EntryName(Array(bytes[(head + 1)...])) else { return nil }
    self.init(claimedAt: stamp, original: original)
  }

  /// Names the claim in the audit and to `restore`.
  package var id: String { "\(claimedAt)" }

  package var entry: EntryName {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Self.prefix.count + Self.digits + 1 + original.bytes.count)
    bytes += Self.prefix
    var unit: Nanoseconds = 1_000_000_000_000_000_000
    while unit > 0 {
      bytes.append(UInt8(ascii: "0") + UInt8(claimedAt / unit % 10))
      unit /= 10
    }
    bytes.append(UInt8(ascii: "."))
    bytes += original.bytes
    return EntryName(bytes)!
  }
}
