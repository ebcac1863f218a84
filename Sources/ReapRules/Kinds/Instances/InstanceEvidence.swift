// What was observed of an instance besides what is observed of every candidate.

package struct InstanceEvidence: Sendable, Equatable {
  /// What its own files tell; nil where they were not read.
  package var files: Files?

  package struct Files: Sendable, Equatable {
    /// Of the files that make it complete, the first that is not there.
    package var missing: String?
    package var time: Time
    package var protection = Protection.none
    /// One of them is there, and is no regular file.
    package var odd: String?

    package init(missing: String? = nil, time: Time) {
      self.missing = missing
      self.time = time
    }
  }

  /// When it was made, by its manifest.
  package enum Time: Sendable, Equatable {
    /// Wall clock.
    case at(Nanoseconds)
    /// There is no manifest, or it tells none.
    case unknown(String)
  }

  package enum Protection: Sendable, Equatable {
    case none
    /// By that file, since then by what stands in it.
    case since(EntryName, Nanoseconds)
    /// By that file, which does not tell since when.
    case unknown(EntryName, String)
  }

  package init() {}

  var members: [(String, JSONValue)] {
    guard let files else { return [] }
    var members: [(String, JSONValue)] = []
    if let odd = files.odd { members.append(("odd_file", .string(odd))) }
    if let missing = files.missing { members.append(("missing_file", .string(missing))) }
    switch files.time {
    case .at(let time): members.append(("made_time", .string(formatTime(time))))
    case .unknown(let why): members.append(("made_time", .string("unknown: \(why)")))
    }
    switch files.protection {
    case .none: break
    case .since(let name, let time):
      members.append(("protected_by", .string("\(name.display), since \(formatTime(time))")))
    case .unknown(let name, let why):
      members.append(("protected_by", .string("\(name.display), unreadable: \(why)")))
    }
    return members
  }
}
