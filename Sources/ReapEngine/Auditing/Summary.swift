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
  package var slimmed = 0
  package var condemned = 0
  package var reprieved = 0
  package var restored = 0
  package var refused = 0
  /// Of groups: what went for their bounds, what of them may not go, and what was freed, in bytes.
  package var pruned = 0
  package var protected = 0
  package var reclaimed: Int64 = 0
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
      ("slimmed", .integer(Int64(slimmed))),
      ("condemned", .integer(Int64(condemned))),
      ("reprieved", .integer(Int64(reprieved))),
      ("restored", .integer(Int64(restored))),
      ("refused", .integer(Int64(refused))), ("backstop_needed", .integer(Int64(backstopNeeded))),
      ("pruned", .integer(Int64(pruned))), ("protected", .integer(Int64(protected))),
      ("reclaimed", .integer(reclaimed)),
      ("events_lost", .integer(Int64(eventsLost))),
    ])
  }
}
