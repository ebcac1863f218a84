// What was observed of a file besides what is observed of every candidate.

package struct FilesEvidence: Sendable, Equatable {
  /// What statx(2) tells of it; nil where that was not asked.
  package var facts: Facts?
  /// Nil where that was not asked.
  package var copy: Copy?

  package struct Facts: Sendable, Equatable {
    package var size: Int64
    package var allocated: Int64
    package var links: UInt32
    /// Wall clock: when it was last written.
    package var written: Nanoseconds

    package init(size: Int64, allocated: Int64, links: UInt32, written: Nanoseconds) {
      self.size = size
      self.allocated = allocated
      self.links = links
      self.written = written
    }
  }

  /// What is known of a copy elsewhere.
  package enum Copy: Sendable, Equatable {
    /// Since when, wall clock.
    case proved(Nanoseconds)
    /// `until`: monotonic; when to ask again, where no event tells.
    case none(String, until: Nanoseconds?)
    /// Whoever knows was asked; an event tells the answer.
    case asked

    package var text: String {
      switch self {
      case .proved(let time): "proved at \(formatTime(time))"
      case .none(let why, _): "none: \(why)"
      case .asked: "asked for"
      }
    }
  }

  package init() {}

  var members: [(String, JSONValue)] {
    var members: [(String, JSONValue)] = []
    if let facts {
      members.append(("size", .integer(facts.size)))
      members.append(("allocated_bytes", .integer(facts.allocated)))
      members.append(("written_time", .string(formatTime(facts.written))))
      if facts.links > 1 { members.append(("links", .integer(Int64(facts.links)))) }
    }
    if let copy { members.append(("copy", .string(copy.text))) }
    return members
  }
}
