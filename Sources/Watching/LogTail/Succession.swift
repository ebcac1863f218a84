// Which files of a directory were a log between two others, by name and time of birth.

package import OwnedDirectories
package import ReapRules

/// A file in the directory of a log.
package struct LogSibling: Sendable, Equatable {
  package let name: [UInt8]
  package let identity: FileIdentity
  /// Wall clock, nanoseconds (ctime): a rename sets it, so of several rotated files the older one
  /// has the smaller, also where two were born within one tick of the clock (4 ms).
  package let change: Int64
  /// Wall clock, nanoseconds (mtime): of its last line.
  package let modification: Int64
  /// Bytes.
  package let size: Int64
  /// Where it lies, with a slash at the end.
  package let directory: [UInt8]
  /// Since when it holds what it holds, wall clock, ns: its birth, or its last line where another file's
  /// contents were written over what it held; nil: that is not known.
  package var arrival: Int64?
  /// Known, but holding something else by now.
  package var isRewritten = false

  package init(
    name: [UInt8], identity: FileIdentity, change: Int64, modification: Int64 = 0, size: Int64 = 0,
    directory: [UInt8] = []
  ) {
    self.name = name
    self.identity = identity
    self.change = change
    self.modification = modification
    self.size = size
    self.directory = directory
    arrival = identity.birth
  }
}

/// Which names the parts of a log have that were rotated away.
package struct PartNames {
  package let base: [UInt8]
  /// The path is a link, and what it leads to has a name with a date.
  package let isLinked: Bool
  /// The user's own.
  package let pattern: Glob?

  package init(base: [UInt8], isLinked: Bool = false, pattern: Glob? = nil) {
    self.base = base
    self.isLinked = isLinked
    self.pattern = pattern
  }

  package func matches(_ name: [UInt8]) -> Bool {
    guard Self.unpacked(name) == nil else { return false }
    return isRotatedName(name, of: base) || isLinked && isDatedPeer(name, of: base)
      || EntryName(name).map { pattern?.matches($0) ?? false } ?? false
  }

  /// Whether a name is the log's own with a number, date or word behind it: that of no other log.
  package func isOwn(_ name: [UInt8]) -> Bool {
    name.starts(with: base) && matches(name)
  }

  /// Whether a name fits, plain or compressed.
  package func matchesEither(_ name: [UInt8]) -> Bool { matches(Self.unpacked(name) ?? name) }

  /// Without `.gz`; nil for other names.
  package static func unpacked(_ name: [UInt8]) -> [UInt8]? {
    let suffix = Array(".gz".utf8)
    guard name.count > suffix.count, name.suffix(suffix.count).elementsEqual(suffix) else {
      return nil
    }
    return Array(name.dropLast(suffix.count))
  }

  /// The compressed parts, the oldest first: by the time of their last line, which gzip and logrotate
  /// keep. While a part is being compressed its plain file is still there, and no younger.
  package func packed(among siblings: [LogSibling]) -> [LogSibling] {
    let present = Dictionary(
      siblings.filter { $0.size > 0 }.map { ($0.directory + $0.name, $0.modification) },
      uniquingKeysWith: max)
    let found = siblings.filter { sibling in
      guard let plain = Self.unpacked(sibling.name), matches(plain) else { return false }
      return present[sibling.directory + plain].map { $0 > sibling.modification } ?? true
    }
    return found.sorted { precedes($0, $1) }
  }

  /// Whether one part is older than another by the numbers or the dates in their names, plain or
  /// compressed; nil where the names say nothing of that. An archive may have the time of its making
  /// (kubelet's), which a plain file that follows it need not reach.
  package func isOlderByName(_ left: [UInt8], than right: [UInt8]) -> Bool? {
    let left = Self.unpacked(left) ?? left
    let right = Self.unpacked(right) ?? right
    guard left != right else { return nil }
    if let one = number(of: left), let other = number(of: right) { return one > other }
    let isSameForm =
      left.count == right.count
      && zip(left, right).allSatisfy { $0 == $1 || Self.isDigit($0) && Self.isDigit($1) }
    return isSameForm ? left.lexicographicallyPrecedes(right) : nil
  }

  /// Of `log.3`; nil for other names. Longer ones are dates.
  private func number(of name: [UInt8]) -> Int? {
    let digits = name.dropFirst(base.count + 1)
    guard name.starts(with: base + [UInt8(ascii: ".")]), digits.count <= 5,
      digits.allSatisfy(Self.isDigit)
    else { return nil }
    return Int(String(decoding: digits, as: UTF8.self))
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

  /// By the time of the last line: a copy is older than the log that was cut after it, whatever their
  /// births. Those have an order only where the lines have none.
  fileprivate func precedes(_ left: LogSibling, _ right: LogSibling) -> Bool {
    if left.modification != right.modification { return left.modification < right.modification }
    let isPacked = Self.unpacked(left.name) != nil
    if !isPacked, left.arrival != right.arrival {
      return left.arrival ?? 0 < right.arrival ?? 0
    }
    if left.change != right.change { return left.change < right.change }
    // Within one tick of the clock: `log.2` is older than `log.1`, and `log-1120` than `log-1121`.
    let limit = base.count + (isPacked ? 9 : 6)
    let isNumbered = left.name.count < limit && right.name.count < limit
    if left.name.count != right.name.count {
      return (left.name.count > right.name.count) == isNumbered
    }
    return left.name.lexicographicallyPrecedes(right.name) != isNumbered
  }
}

/// Files that stood at the log's path after one was born and before another one was, oldest first.
///
/// Only names that rotation gives count (`isRotatedName`): another log beside it, a copy or a
/// compressed file is not a part of this one. Without birth times nothing can be told.
///
/// - Parameters:
///   - after: birth of the last file that is known, ns.
///   - current: what stands at the path now; nil where nothing does.
///   - isLinked: the path is a link, and what it leads to has a name with a date.
package func successors(
  of base: [UInt8], after: Int64, current: FileIdentity?, among siblings: [LogSibling],
  isLinked: Bool = false, pattern: Glob? = nil
) -> [LogSibling] {
  let names = PartNames(base: base, isLinked: isLinked, pattern: pattern)
  let found = siblings.filter { sibling in
    guard let arrival = sibling.arrival, sibling.identity != current else { return false }
    guard arrival >= after, arrival <= current?.birth ?? .max else { return false }
    return names.matches(sibling.name)
  }
  return found.sorted { names.precedes($0, $1) }
}

/// Whether rotation names files so: `app.log.1`, `app.log-20261120`, `app.log.2026-11-20T12:00`,
/// `app.log.old`, `app-2026-11-20.log`, `app.1.log`; beside `current` also multilog's, s6-log's and
/// svlogd's `@4000000068….s`. Not `app.log.1.gz`, nor `app-error.log`.
package func isRotatedName(_ name: [UInt8], of base: [UInt8]) -> Bool {
  if base.elementsEqual("current".utf8), isTAI64N(name) { return true }
  if name.starts(with: base), isStamp(name.dropFirst(base.count)) { return true }
  guard let dot = base.lastIndex(of: UInt8(ascii: ".")), dot > 0 else { return false }
  let suffix = base[dot...]
  guard name.count > base.count, name.starts(with: base[..<dot]),
    name.suffix(suffix.count).elementsEqual(suffix)
  else { return false }
  return isStamp(name[dot...].dropLast(suffix.count))
}

/// `@`, 24 hexadecimal digits or more (TAI64N: a time to the nanosecond; TAI64NA has 32), and what became
/// of the file: `.s` all was written, `.u` it was cut short.
private func isTAI64N(_ name: [UInt8]) -> Bool {
  guard name.first == UInt8(ascii: "@") else { return false }
  let stamp = name.dropFirst().prefix {
    isDigit($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
  }
  let rest = name[stamp.endIndex...]
  return (24...32).contains(stamp.count)
    && (rest.isEmpty || rest.elementsEqual(".s".utf8) || rest.elementsEqual(".u".utf8))
}

private func isDigit(_ byte: UInt8) -> Bool {
  (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
}

/// Whether two names differ in nothing but the digits of a date, four at least: `app-2026-11-20.log` and
/// `app-2026-11-21.log`.
package func isDatedPeer(_ name: [UInt8], of base: [UInt8]) -> Bool {
  name.count == base.count && name != base && base.count(where: isDigit) >= 4
    && zip(name, base).allSatisfy { isDigit($0) && isDigit($1) || $0 == $1 }
}

/// A separator, and digits with what stands in dates; or a word for "the one before".
private func isStamp(_ bytes: ArraySlice<UInt8>) -> Bool {
  guard let first = bytes.first, [0x2E, 0x2D, 0x5F].contains(first) else { return false }
  let rest = bytes.dropFirst()
  for word in ["old", "prev", "bak", "0.old", "1.old"] where rest.elementsEqual(word.utf8) {
    return true
  }
  return rest.contains(where: isDigit)
    && rest.allSatisfy { isDigit($0) || "-_.:+TZ".utf8.contains($0) }
}
