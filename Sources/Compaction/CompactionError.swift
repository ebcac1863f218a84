/// Why a partition is not compacted. The live generation was not touched.
package struct CompactionError: Error, Sendable, CustomStringConvertible {
  package enum Reason: Sendable {
    /// The data is not what compaction can merge: not JSON lines, truncated, of a foreign format.
    case badData
    /// Somebody else has changed the partition meanwhile, or holds it.
    case contended
    case noPermission
    /// The result would take much more room than what it is made of.
    case grows
    /// Anything else the system refused.
    case system
  }

  package let reason: Reason
  package let path: String
  package let what: String

  package init(_ reason: Reason, _ path: String, _ what: String) {
    self.reason = reason
    self.path = path
    self.what = what
  }

  package var description: String { "\(path): \(what)" }
}
