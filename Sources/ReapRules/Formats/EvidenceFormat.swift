// Evidence as JSON, for the audit and for `--json`.

extension Evidence {
  package var json: JSONValue {
    var members: [(String, JSONValue)] = [
      ("type", .string(entry.type.rawValue)), ("owner", .integer(Int64(entry.owner))),
    ]
    if entry.isMountPoint { members.append(("mount_point", .bool(true))) }
    if let name = clocks.name { members.append(("name_time", .string(formatTime(name)))) }
    if let birth = clocks.birth { members.append(("birth_time", .string(formatTime(birth)))) }
    switch claim {
    case .none: break
    case .found: members.append(("claim", .string("whole")))
    case .split: members.append(("claim", .string("beside its own name")))
    case .unfinished: members.append(("claim", .string("removal has begun")))
    }
    members += ofKind.members
    if let lock { members.append(("lock", .string(lock.text))) }
    if let surroundings { members.append(("surroundings", .string(surroundings.text))) }
    if let inside {
      members.append(("open_files", .string(inside.openness.text)))
      if let change = inside.newestChange {
        members.append(("newest_change", .string(formatTime(change))))
      }
      if let foreign = inside.foreignEntry { members.append(("foreign_entry", .string(foreign))) }
      if inside.isLocked { members.append(("directory_lock", .string("held"))) }
      if let pid = inside.namedProcess { members.append(("lock_names", .integer(Int64(pid)))) }
      if inside.isPinned { members.append(("pinned", .bool(true))) }
      if let writer = inside.writer { members.append(("writer", .integer(Int64(writer)))) }
      if let foreign = inside.foreignDirectory {
        members.append(("foreign_directory", .string(foreign)))
      }
    }
    if let life { members.append(("processes", .string(life.text))) }
    return .object(members)
  }
}

extension Evidence.Life {
  package var text: String {
    switch self {
    case .nobody: "none"
    case .used(let use, let pid, let command): "\(use.rawValue) of pid \(pid) (\(command))"
    case .unknown(let why): "unknown: \(why)"
    }
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
