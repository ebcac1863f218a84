// The first reading of an archive: which of its members the disk has.

import OwnedDirectories
import ReapRules

/// What the first reading has found.
struct Findings {
  var ledger: Ledger
  /// Members that keep the archive from being dropped: how many, and the first one with the reason.
  var unproved = 0
  var firstUnproved: (member: [UInt8], why: String)?

  mutating func note(_ member: [UInt8], _ why: String) {
    unproved += 1
    if firstUnproved == nil { firstUnproved = (member, why) }
  }
}

/// Reads one archive, and those in it, and compares.
struct Proving {
  /// Pieces of the outermost stream; those inside get by with less, there may be twenty of them.
  private static let pieceSize = 256 << 10
  private static let innerPieceSize = 64 << 10

  private let comparison: FileComparison
  private let spending: SlimSpending
  private(set) var findings: Findings
  private var verdicts = InnerVerdicts()

  init(_ comparison: FileComparison, _ limits: SlimLimits) {
    self.comparison = comparison
    spending = SlimSpending(limits)
    findings = Findings(ledger: Ledger(nameLimit: limits.nameBytes, entries: limits.entries))
  }

  /// - Throws: where the archive must be kept whole.
  mutating func read(_ packed: any ByteStream, at place: ArchivePlace) throws(SlimProblem) {
    let stream = try unpacked(packed, Self.pieceSize)
    defer { stream.free() }
    let reader = try TarReader(stream, pieceSize: Self.pieceSize)
    defer { reader.free() }
    while let member = try reader.next() {
      do {
        try take(member, reader, place)
      } catch {
        throw error.member == nil ? error.at(member.path) : error
      }
    }
    let (tail, end) = try reader.finish()
    if tail < end { findings.note([], "a global header that no member follows") }
    findings.ledger.finish(tail: tail, end: end)
  }

  private mutating func take(
    _ member: Member, _ reader: TarReader, _ place: ArchivePlace
  ) throws(SlimProblem) {
    try spending.spendEntry()
    let name = try Self.name(member.path)
    let standing = try standing(of: member, name, reader, place, depth: 1)
    let global = member.chain?.globalLength ?? 0
    if global > 0 { findings.note(member.path, "a global header in front of it") }
    var isProved = false
    switch standing {
    case .proved: isProved = true
    case .alike: break
    case .differs(let why): findings.note(member.path, why)
    }
    if case .hardLink(let target) = member.form {
      findings.ledger.addLink(to: try Self.digest(Self.name(target)))
    }
    findings.ledger.add(
      name: Self.digest(name), at: member.start, global: global, isProved: isProved)
  }

  private static func name(_ path: [UInt8]) throws(SlimProblem) -> MemberName {
    do {
      return try MemberName(parsing: path)
    } catch {
      throw SlimProblem(.unsafePath, error.rawValue, member: path)
    }
  }

  /// Of a name, for telling whether it comes twice: an accident keeps a member, and costs nothing else.
  private static func digest(_ name: MemberName) -> UInt64 {
    var hasher = Hasher()
    hasher.combine(name)
    return UInt64(bitPattern: Int64(hasher.finalize()))
  }

  private func unpacked(
    _ packed: any ByteStream, _ size: Int
  ) throws(SlimProblem) -> UnpackedStream {
    let spending = spending
    return try UnpackedStream(packed, bufferSize: size) { count, packed, all throws(SlimProblem) in
      try spending.spend(bytes: count, packed: packed, unpacked: all)
    }
  }

  // MARK: - One member

  private mutating func standing(
    of member: Member, _ name: MemberName, _ reader: TarReader, _ place: ArchivePlace, depth: Int
  ) throws(SlimProblem) -> Standing {
    let path = place.provingPath(of: name)
    switch member.form {
    case .file: break
    case .directory:
      return comparison.hasDirectory(path.bytes) ? .alike : .differs("its directory is not there")
    case .symbolicLink(let target):
      return try alike(comparison.linkStamp(path, to: target), path, or: "its link is not there")
    case .hardLink(let target):
      let other = place.provingPath(of: try Self.name(target))
      return try alike(
        comparison.sharedStamp(path.bytes, other.bytes), path, or: "its two names are not one file")
    case .other: return .differs("a device or the like")
    }
    guard !name.components.isEmpty else { return .differs("a file without a name") }
    guard member.isPlain else { return .differs("its headers are in no plain form") }
    switch try comparison.find(path.bytes, size: member.size) {
    case .success(let file):
      defer { file.close() }
      let standing = try comparison.compare(member, reader, with: file)
      if case .proved(let stamp) = standing {
        try findings.ledger.add(proof: path.bytes, stamp: stamp)
      }
      return standing
    case .failure(let absence):
      guard name.namesArchive else { return .differs(absence.what) }
      return try standingInside(member, path, reader, depth: depth)
    }
  }

  /// Looked at again in the end as what proves bytes is.
  private mutating func alike(
    _ stamp: UInt64?, _ path: MemberName, or why: String
  ) throws(SlimProblem) -> Standing {
    guard let stamp else { return .differs(why) }
    try findings.ledger.add(proof: path.bytes, stamp: stamp)
    return .alike
  }

  /// An archive in the archive that is no longer on the disk as it was: read as a stream, it may go where
  /// each of its members is on the disk.
  private mutating func standingInside(
    _ outer: Member, _ path: MemberName, _ reader: TarReader, depth: Int
  ) throws(SlimProblem) -> Standing {
    let archive = InnerArchive(path: path.bytes, size: outer.size)
    switch verdicts[archive] {
    case .differs(let why): return .differs(why)
    case .proved(let digest):
      // Whatever else has its place and its length stays.
      return try reader.digest(of: outer.size) == digest
        ? .proved(stamp: 0) : .differs("it is another archive than the one before of this name")
    case nil: break
    }
    let stream = MemberStream(reader, digest: StreamDigest())
    let standing = try unpackedStanding(outer, path, stream, depth: depth)
    switch standing {
    case .differs(let why): verdicts.remember(archive, .differs(why))
    case .proved, .alike:
      if let digest = stream.finishDigest(of: outer.size) {
        verdicts.remember(archive, .proved(digest))
      }
    }
    return standing
  }

  private mutating func unpackedStanding(
    _ outer: Member, _ path: MemberName, _ packed: MemberStream, depth: Int
  ) throws(SlimProblem) -> Standing {
    try spending.check(depth: depth)
    do {
      let stream = try unpacked(packed, Self.innerPieceSize)
      defer { stream.free() }
      let inner = try TarReader(stream, pieceSize: Self.innerPieceSize)
      defer { inner.free() }
      let place = ArchivePlace(path)
      while let member = try inner.next() {
        try spending.spendEntry()
        let name = try Self.name(member.path)
        guard member.chain?.globalLength == 0 else {
          return .differs("\(displayText(member.path)) in it: its headers are in no plain form")
        }
        let standing = try standing(of: member, name, inner, place, depth: depth + 1)
        if case .differs(let why) = standing {
          return .differs("\(displayText(member.path)) in it: \(why)")
        }
      }
      let (tail, end) = try inner.finish()
      guard tail == end else { return .differs("it has a global header that no member follows") }
      return .proved(stamp: 0)
    } catch {
      switch error.reason {
      case .limit, .unsafePath, .system: throw error.at(outer.path)
      default: return .differs("it is an archive of an unexpected form: \(error)")
      }
    }
  }
}
