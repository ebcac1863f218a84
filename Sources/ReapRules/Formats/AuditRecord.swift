/// One audit line, schema 1: what changed something or was refused, and why.
package struct AuditRecord: Sendable, Equatable {
  package enum Action: String, Sendable {
    case reaped, condemned, reprieved, restored, trimmed, slimmed, refused, failed, warned
    case wouldReap = "would-reap"
    case wouldTrim = "would-trim"
    case wouldSlim = "would-slim"
  }

  package var wall: Nanoseconds
  package var action: Action
  package var rule: String
  package var kind: String
  /// The original name's path, as bytes.
  package var path: [UInt8]
  package var reason: String
  package var trigger: Trigger
  /// Allocated bytes; hard links counted once.
  package var bytes: Int64
  /// Everything that is no directory, the lock file included.
  package var files: Int64
  /// From the arrival of the event to the name being gone; nil where no event brought it about.
  package var latencyMicroseconds: Int64?
  package var dryRun: Bool
  package var evidence: JSONValue
  /// Names a condemnation or a claim; only with what begins or ends one.
  package var id: String?
  /// When the quarantine will be over, wall clock: an estimate, since a suspend does not count.
  package var deadline: Nanoseconds?

  package init(
    wall: Nanoseconds, action: Action, rule: String, kind: String, path: [UInt8], reason: String,
    trigger: Trigger, bytes: Int64 = 0, files: Int64 = 0, latencyMicroseconds: Int64? = nil,
    dryRun: Bool = false, evidence: JSONValue = .object([]), id: String? = nil
  ) {
    self.wall = wall
    self.action = action
    self.rule = rule
    self.kind = kind
    self.path = path
    self.reason = reason
    self.trigger = trigger
    self.bytes = bytes
    self.files = files
    self.latencyMicroseconds = latencyMicroseconds
    self.dryRun = dryRun
    self.evidence = evidence
    self.id = id
  }

  package var json: JSONValue {
    var members: [(String, JSONValue)] = [
      ("v", .integer(1)), ("time", .string(formatTime(wall))), ("action", .string(action.rawValue)),
      ("rule", .string(rule)), ("kind", .string(kind)), JSONValue.pathMember(path),
      ("reason", .string(reason)), ("trigger", .string(trigger.rawValue)),
      ("bytes", .integer(bytes)), ("files", .integer(files)),
    ]
    if let id { members.append(("id", .string(id))) }
    if let deadline { members.append(("deadline", .string(formatTime(deadline)))) }
    if let latencyMicroseconds { members.append(("latency_us", .integer(latencyMicroseconds))) }
    members.append(("dry_run", .bool(dryRun)))
    members.append(("evidence", evidence))
    return .object(members)
  }
}

/// `2026-11-20T23:11:04.123456Z` for nanoseconds since 1970, by the civil-from-days algorithm
/// (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
package func formatTime(_ wall: Nanoseconds) -> String {
  let seconds = wall >= 0 ? wall / nanosecondsPerSecond : (wall + 1) / nanosecondsPerSecond - 1
  let rest = wall % nanosecondsPerSecond
  let micros = (rest < 0 ? rest + nanosecondsPerSecond : rest) / 1000
  let days = seconds >= 0 ? seconds / 86400 : (seconds + 1) / 86400 - 1
  let second = seconds - days * 86400
  let shifted = days + 719_468
  let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
  let dayOfEra = shifted - era * 146_097
  let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
  let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
  let monthIndex = (5 * dayOfYear + 2) / 153
  let day = dayOfYear - (153 * monthIndex + 2) / 5 + 1
  let month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
  let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  func padded(_ value: Int64, _ width: Int) -> String {
    let text = String(value)
    return String(repeating: "0", count: max(0, width - text.count)) + text
  }
  return padded(year, 4) + "-" + padded(month, 2) + "-" + padded(day, 2) + "T"
    + padded(second / 3600, 2) + ":" + padded(second / 60 % 60, 2) + ":" + padded(second % 60, 2)
    + "." + padded(micros, 6) + "Z"
}
