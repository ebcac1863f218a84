import ReapRules

/// What was done to a file that is no removal by way of a claim, such as a trim of a log: for the audit,
/// beside what became of the candidate.
struct TrimReport: Sendable {
  var action = AuditRecord.Action.trimmed
  let reason: Reason
  /// Allocated bytes that are free again.
  let bytes: Int64
  let evidence: Evidence
}
