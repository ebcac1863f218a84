package import ReapRules

/// What a run came to; the last line of `--json`.
package struct Summary: Sendable, Equatable {
  package var reaped = 0
  package var kept = 0
  package var failed = 0
  package var bytes: Int64 = 0
  package var files: Int64 = 0
  package var wouldReap = 0
  package var trimmed = 0
  package var condemned = 0
  package var reprieved = 0
  package var restored = 0
  package var refused = 0
  /// Orphans that no event had told of: 0 in normal operation.
  package var backstopNeeded = 0
  /// Times that events were lost and a full scan made up for it.
  package var eventsLost = 0

  package init() {}

  package var json: JSONValue {
    .object([
      ("reaped", .integer(Int64(reaped))), ("kept", .integer(Int64(kept))),
      ("failed", .integer(Int64(failed))), ("bytes", .integer(bytes)), ("files", .integer(files)),
      ("would_reap", .integer(Int64(wouldReap))), ("trimmed", .integer(Int64(trimmed))),
      ("condemned", .integer(Int64(condemned))),
      ("reprieved", .integer(Int64(reprieved))),
      ("restored", .integer(Int64(restored))),
      ("refused", .integer(Int64(refused))), ("backstop_needed", .integer(Int64(backstopNeeded))),
      ("events_lost", .integer(Int64(eventsLost))),
    ])
  }
}
