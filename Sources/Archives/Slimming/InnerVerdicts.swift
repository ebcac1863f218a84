// What was found of archives in the archive at hand. An archive that holds all older ones holds the oldest of
// them once for each path through the others: 2^N times. Each is unpacked once; where it comes again, its
// bytes are enough.

/// Where an archive lies, which says what its members are looked up as, and how long it is.
struct InnerArchive: Hashable {
  let path: [UInt8]
  let size: Int64
}

/// Findings of one reading, in bounded memory. The files that proved something are looked at again before
/// anything goes, however often they were used.
struct InnerVerdicts {
  enum Verdict {
    /// Each member was proved of the archive that has this digest.
    case proved(StreamDigest.Value)
    case differs(String)
  }

  /// Of what is remembered, in bytes; then archives are unpacked again.
  private static let limit = 1 << 20
  /// A digest, a hash table's share, and what memory is allocated in.
  private static let overhead = 160

  private var verdicts: [InnerArchive: Verdict] = [:]
  private var used = 0

  subscript(archive: InnerArchive) -> Verdict? { verdicts[archive] }

  mutating func remember(_ archive: InnerArchive, _ verdict: Verdict) {
    var size = archive.path.count + Self.overhead
    if case .differs(let why) = verdict { size += why.utf8.count }
    guard used + size <= Self.limit, verdicts[archive] == nil else { return }
    used += size
    verdicts[archive] = verdict
  }
}
