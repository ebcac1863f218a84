// Evidence and verdicts as JSON, for the audit and for `--json`.

extension Evidence {
  package var json: JSONValue {
    var members: [(String, JSONValue)] = [
      ("type", .string(entry.type.rawValue)), ("owner", .integer(Int64(entry.owner))),
    ]
    if entry.isMountPoint { members.append(("mount_point", .bool(true))) }
    if let name = clocks.name { members.append(("name_time", .string(formatTime(name)))) }
    if let birth = clocks.birth { members.append(("birth_time", .string(formatTime(birth)))) }
    if let lock { members.append(("lock", .string(lock.text))) }
    if let surroundings { members.append(("surroundings", .string(surroundings.text))) }
    if let inside {
      members.append(("open_files", .string(inside.openness.text)))
      if let change = inside.newestChange {
        members.append(("newest_change", .string(formatTime(change))))
      }
      if let foreign = inside.foreignEntry { members.append(("foreign_entry", .string(foreign))) }
    }
    return .object(members)
  }
}

extension Evidence.Lock {
  package var text: String {
    switch self {
    case .held: "held"
    case .taken: "free"
    case .takenUnlinked: "free, lock file already removed"
    case .missing: "missing"
    case .notAFile(let what): "not a file: \(what)"
    case .unreadable(let why): "unreadable: \(why)"
    case .unknown(let why): "unknown: \(why)"
    }
  }
}

extension Evidence.Surroundings {
  package var text: String {
    switch self {
    case .clear: "clear"
    case .mountInside(let path): "mount at \(path)"
    case .rootInside(let path): "watched root at \(path)"
    case .unknown(let why): "unknown: \(why)"
    }
  }
}

extension Evidence.Inside.Openness {
  package var text: String {
    switch self {
    case .nothingOpen: "none"
    case .open(let name): "\(name) is open"
    case .unknown(let why): "unknown: \(why)"
    }
  }
}

extension Verdict {
  /// Whether this is a refusal that an operator should hear of, and no part of normal life.
  package var isRefusal: Bool {
    switch self {
    case .dispose: false
    case .unsure: true
    case .keep(let reason, _):
      switch reason {
      case .young, .lockHeld, .lockOpen, .recentlyChanged, .fileOpen, .notMatched: false
      default: true
      }
    }
  }
}
