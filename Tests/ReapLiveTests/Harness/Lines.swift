// What reapd says in JSON, read into types: a name or a word that the contract does not know is an issue.

import Foundation
import Testing

/// A line of the audit, schema 1, with all of its fields.
struct AuditEntry: Decodable {
  enum Action: String, Decodable {
    case reaped, condemned, reprieved, claimed, restored, trimmed, slimmed, refused, failed, warned
    case wouldReap = "would-reap"
    case wouldTrim = "would-trim"
    case wouldSlim = "would-slim"
  }

  enum Trigger: String, Decodable {
    case created, growth, startup, rescan, backstop, pressure, age, manual
    case closeEvent = "close-event"
    case graceOver = "grace-over"
    case cursorChange = "cursor-change"
    case ownerExit = "owner-exit"
    case copyProved = "copy-proved"
  }

  enum Schema: Int, Decodable { case one = 1 }

  let v: Schema
  let time: String
  let action: Action
  let rule: String
  let kind: String
  /// Nil where the name is not UTF-8; `pathB64` has it then.
  let path: String?
  let pathB64: String?
  let reason: String
  let trigger: Trigger
  let bytes: Int
  let files: Int
  /// With what begins or ends a claim or a condemnation.
  let id: String?
  let deadline: String?
  /// Only with what an event brought about.
  let latencyUs: Int?
  let dryRun: Bool
  let evidence: [String: JSON]
}

/// The last line of `sweep --json` and `watch --json`.
struct Summary: Decodable {
  let reaped: Int
  let kept: Int
  let failed: Int
  let bytes: Int
  let files: Int
  let wouldReap: Int
  let trimmed: Int
  let slimmed: Int
  let condemned: Int
  let reprieved: Int
  let restored: Int
  let refused: Int
  let backstopNeeded: Int
  let pruned: Int
  let protected: Int
  let reclaimed: Int
  let eventsLost: Int
}

/// A candidate in `sweep --json`: what became of it.
struct SweptLine: Decodable {
  let path: String?
  let pathB64: String?
  /// One of the audit's, or "kept".
  let action: String
  let reason: String
  let error: String?
}

/// A candidate in `list --json` and `explain --json`.
struct Finding: Decodable {
  struct User: Decodable {
    let pid: Int
    let command: String
  }

  let path: String?
  let pathB64: String?
  let rule: String
  let verdict: String
  let reason: String
  let explanation: String
  let evidence: [String: JSON]
  let bytes: Int?
  /// Of what is in quarantine.
  let id: String?
  let deadline: String?
  /// Of `explain` alone.
  let lockHolders: [User]?
  let openBy: [User]?
}

/// A partition in `explain --json`: its cursor, and each generation in it.
struct PartitionFinding: Decodable {
  let path: String?
  let rule: String
  let liveGeneration: String?
  let liveState: String
  let generations: [Finding]
}

/// What `restore --list --json` knows of a claim or a condemnation.
struct ClaimLine: Decodable {
  let id: String
  let path: String?
  let name: String
  let state: String
  let bytes: Int?
  let since: String
  /// Null where there is none.
  let deadline: JSON
}

/// What `restore --json` did.
struct RestoredLine: Decodable {
  let path: String?
  let action: String
  let id: String
  let pinned: Bool
}

/// What `drill --json` found.
struct DrillFindings: Decodable {
  struct Latencies: Decodable {
    let p50: Int?
    let p99: Int?
    let max: Int?
  }

  let kills: Int
  let reaped: Int
  let liveLost: Int
  let leftOver: Int
  let latencyUs: Latencies
  let eventsLost: Int
  let backstopNeeded: Int
  let seed: Int
  let passed: Bool
  let kill: String
  let reapdKills: Int
  let problem: String?
  let keptAt: String?
  let findings: [String]
}

/// A line of a followed log, from `tail --json`.
struct TailLine: Decodable {
  let path: String?
  let offset: Int
  let line: String?
  /// In place of `line` where that is not UTF-8.
  let lineB64: String?
  let cut: Bool?
}

/// JSON of any shape.
enum JSON: Decodable, Equatable {
  case null
  case bool(Bool)
  case int(Int)
  case number(Double)
  case text(String)
  case list([JSON])
  case object([String: JSON])

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Int.self) {
      self = .int(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .text(value)
    } else if let value = try? container.decode([JSON].self) {
      self = .list(value)
    } else {
      self = .object(try container.decode([String: JSON].self))
    }
  }

  var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  var int: Int? { if case .int(let value) = self { value } else { nil } }
  var text: String? { if case .text(let value) = self { value } else { nil } }
  var list: [JSON]? { if case .list(let value) = self { value } else { nil } }
  subscript(key: String) -> JSON? { if case .object(let all) = self { all[key] } else { nil } }
}

/// One value of JSON; nil, and an issue, where it is not such a one.
func decode<Line: Decodable>(_ data: Data, as type: Line.Type = Line.self) -> Line? {
  do {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Line.self, from: data)
  } catch {
    Issue.record("no \(Line.self): \(String(decoding: data, as: UTF8.self)) \(error)")
    return nil
  }
}

func decode<Line: Decodable>(_ text: String, as type: Line.Type = Line.self) -> Line? {
  decode(Data(text.utf8))
}

/// One value of JSON on each line.
func decodeLines<Line: Decodable>(_ text: String, as type: Line.Type = Line.self) -> [Line] {
  text.split(separator: "\n").compactMap { decode(String($0)) }
}

/// What `explain --json` printed; nil where it had no verdict to tell: of a path that is gone, and of a
/// directory that is no candidate but might hold some.
func decodeFinding(_ text: String) -> Finding? {
  guard !text.isEmpty, decode(text, as: JSON.self)?["generations"] == nil else { return nil }
  return decode(text)
}

/// What `sweep --json` printed: a line for each candidate, and the summary.
func decodeSweep(_ text: String) -> (lines: [SweptLine], summary: Summary?) {
  let lines = text.split(separator: "\n").map(String.init)
  return (lines.dropLast().compactMap { decode($0) }, lines.last.flatMap { decode($0) })
}
