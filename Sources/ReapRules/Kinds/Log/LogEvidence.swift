/// What is observed of a log, besides what every kind looks at.
package struct LogEvidence: Sendable, Equatable {
  /// What a file under a claimed name is.
  package enum Old: Sendable, Equatable {
    /// No trim has put it there.
    case unknown
    /// A copy of a tail that never came to its place.
    case unfinishedCopy(isOpen: Bool)
    /// The old file of a trimmed log, drained up to an offset.
    case drained(upTo: Int64, isOpen: Bool)
  }

  /// Bytes.
  package var size: Int64 = 0
  package var links: UInt32 = 1
  /// A trim has made it: its time of birth says nothing of its age.
  package var isFromTrim = false
  /// Where what is kept begins; nil until it was searched for.
  package var cut: Int64?
  /// The file system takes out heads …
  package var mayCollapse = false
  /// … and would take out so much: whole blocks before the cut.
  package var head: Int64 = 0
  /// Nil until it was looked for.
  package var holders: LogHolders?
  /// How it would be trimmed, or was.
  package var way: TrimWay?
  /// Of what has a claimed name.
  package var old: Old?
  /// Bytes, once it is trimmed.
  package var sizeAfter: Int64?
  /// Lines that writers wrote to the old file after the copy, and that came after it.
  package var lateLines: Int64?

  package init() {}

  /// Nil of another kind.
  package init?(_ ofKind: Evidence.OfKind) {
    guard case .log(let own) = ofKind else { return nil }
    self = own
  }

  var members: [(String, JSONValue)] {
    var members: [(String, JSONValue)] = [("size", .integer(size))]
    if let cut { members.append(("cut_at", .integer(cut))) }
    if let sizeAfter { members.append(("size_after", .integer(sizeAfter))) }
    if let way { members.append(("way", .string(way.rawValue))) }
    if links > 1 { members.append(("links", .integer(Int64(links)))) }
    if let holders { members.append(("holders", .string(holders.text))) }
    if let old { members.append(("old_file", .string(old.text))) }
    if let lateLines { members.append(("late_lines", .integer(lateLines))) }
    return members
  }

  /// For people.
  var signs: [OwnersSign] {
    var signs: [OwnersSign] = []
    if let holders { signs.append(OwnersSign(way: "open files", found: holders.text)) }
    if let way { signs.append(OwnersSign(way: "way", found: way.rawValue)) }
    if let old { signs.append(OwnersSign(way: "old file", found: old.text)) }
    return signs
  }
}

extension LogHolders {
  package var text: String {
    let listed = found.prefix(8).map { "pid \($0.pid) \($0.use.words)" }
    let more = found.count > 8 ? ["\(found.count - 8) more"] : []
    let unseen = isWhole ? [] : ["others may not be seen"]
    let all = listed + more + unseen
    return all.isEmpty ? "none" : all.joined(separator: ", ")
  }
}

extension LogHolders.Use {
  fileprivate var words: String {
    switch self {
    case .appends: "appends"
    case .reads: "reads"
    case .writesAtOffset: "writes at an offset"
    }
  }
}

extension LogEvidence.Old {
  fileprivate var text: String {
    switch self {
    case .unknown: "not known from a trim"
    case .unfinishedCopy(let isOpen): "an unfinished copy" + (isOpen ? ", open" : "")
    case .drained(let offset, let isOpen):
      "drained up to byte \(offset)" + (isOpen ? ", open" : "")
    }
  }
}
