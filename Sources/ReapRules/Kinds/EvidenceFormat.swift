// What evidence is made of, as JSON and as text: for the audit and for people.

extension Evidence.Entry {
  var members: [(String, JSONValue)] {
    var members: [(String, JSONValue)] = [
      ("type", .string(type.rawValue)), ("owner", .integer(Int64(owner))),
    ]
    if isMountPoint { members.append(("mount_point", .bool(true))) }
    return members
  }
}

extension Evidence.Clocks {
  var members: [(String, JSONValue)] {
    var members: [(String, JSONValue)] = []
    if let name { members.append(("name_time", .string(formatTime(name)))) }
    if let birth { members.append(("birth_time", .string(formatTime(birth)))) }
    return members
  }
}

extension Evidence.Claim {
  /// Nil where it has its own name.
  var text: String? {
    switch self {
    case .none: nil
    case .found: "whole"
    case .split: "beside its own name"
    case .unfinished: "removal has begun"
    }
  }
}

extension Evidence.Inside {
  var members: [(String, JSONValue)] {
    var members: [(String, JSONValue)] = [("open_files", .string(openness.text))]
    if let newestChange {
      members.append(("newest_change", .string(formatTime(newestChange))))
    }
    if let foreignEntry { members.append(("foreign_entry", .string(foreignEntry))) }
    if isLocked { members.append(("directory_lock", .string("held"))) }
    if let namedProcess { members.append(("lock_names", .integer(Int64(namedProcess)))) }
    if isPinned { members.append(("pinned", .bool(true))) }
    if let writer { members.append(("writer", .integer(Int64(writer)))) }
    if let foreignDirectory { members.append(("foreign_directory", .string(foreignDirectory))) }
    return members
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
