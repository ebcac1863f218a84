/// A file beside entries that tells of their owners, such as a lock: where it lies and, from its name,
/// whose it is.
package struct ScratchSignal: Sendable, Equatable {
  /// Whom such a file concerns.
  package enum Concern: Sendable, Equatable {
    case entry(EntryName)
    case all
  }

  private enum Mark: String, CaseIterable { case name = "{name}", stem = "{stem}" }

  /// From the directory that holds the entries down to the one that holds the files; empty where both
  /// are the same.
  package let directories: [EntryName]
  private let prefix: [UInt8]
  private let suffix: [UInt8]
  /// What stands between them; nil where there is one such file for all entries.
  private let mark: Mark?

  /// - Parameter parts: of a path from the directory that holds the entries.
  /// - Returns: nil where each entry has a directory of its own for it, or a name could be read in
  ///   several ways.
  init?(_ parts: [[UInt8]]) {
    let marks = { (part: [UInt8]) in
      Mark.allCases.flatMap { mark in part.ranges(of: Array(mark.rawValue.utf8)).map { (mark, $0) }
      }
    }
    directories = parts.dropLast().compactMap(EntryName.init)
    guard let last = parts.last, parts.dropLast().allSatisfy({ marks($0).isEmpty }) else {
      return nil
    }
    let found = marks(last)
    guard found.count <= 1 else { return nil }
    (prefix, suffix) =
      found.first.map { (Array(last[..<$0.1.lowerBound]), Array(last[$0.1.upperBound...])) }
      ?? (last, [])
    mark = found.first?.0
  }

  /// Whom a file of that name in its directory concerns; nil where it is none of those.
  package func concern(of name: EntryName, _ stem: GlobStem?) -> Concern? {
    let bytes = name.bytes
    guard let mark else { return bytes == prefix ? .all : nil }
    guard bytes.count >= prefix.count + suffix.count, bytes.starts(with: prefix),
      bytes.suffix(suffix.count).elementsEqual(suffix)
    else { return nil }
    let part = bytes[prefix.count..<bytes.count - suffix.count]
    return switch mark {
    case .name: EntryName(part).map { .entry($0) }
    case .stem: stem?.name(with: part).map { .entry($0) }
    }
  }
}

extension ScratchSettings.Way {
  /// The file beside entries by which an owner shows that it lives.
  package var signal: ScratchSignal? {
    switch self {
    case .lock(let path), .pidInLink(let path, _): path.signal
    case .pidInFile(let file): file.path.signal
    case .pidInName, .open, .boot: nil
    }
  }
}
