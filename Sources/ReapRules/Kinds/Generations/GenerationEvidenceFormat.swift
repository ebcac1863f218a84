// What is particular to a generation's evidence, as JSON and as text.

extension GenerationEvidence {
  var members: [(String, JSONValue)] {
    var members: [(String, JSONValue)] = []
    if let partition { members += partition.members }
    if let marker { members.append(("marker_time", .string(formatTime(marker)))) }
    if let condemned { members.append(("condemned_time", .string(formatTime(condemned.id)))) }
    if shortage != nil { members.append(("short_of_room", .bool(true))) }
    if let owner { members.append(("owner_process", .string(owner.text))) }
    return members
  }
}

extension Evidence.Partition {
  package var members: [(String, JSONValue)] {
    var members: [(String, JSONValue)] = []
    switch cursor {
    case .known(let name): members.append(("live_generation", .string(name.display)))
    case .unknown(let why): members.append(("cursor", .string("unknown: \(why)")))
    }
    members.append(("live_state", .string(live.text)))
    if let cursorChange { members.append(("cursor_time", .string(formatTime(cursorChange)))) }
    if let conflict { members.append(("conflict", .string(conflict))) }
    return members
  }
}

extension CursorReading {
  package var text: String {
    switch self {
    case .known(let name): "names \(name.display)"
    case .unknown(let why): "unknown: \(why)"
    }
  }
}

extension Evidence.Partition.Live {
  package var text: String {
    switch self {
    case .complete: "complete"
    case .incomplete: "incomplete"
    case .absent: "absent"
    case .unknown(let why): "unknown: \(why)"
    }
  }
}

extension Evidence.Owner {
  package var text: String {
    switch self {
    case .alive(let pid, _): "\(pid) is alive"
    case .exited(let pid, _): "\(pid) was seen to exit"
    case .absent(let pid): "\(pid) does not exist here, or started at another time"
    case .unknown(let why): "unknown: \(why)"
    }
  }
}
