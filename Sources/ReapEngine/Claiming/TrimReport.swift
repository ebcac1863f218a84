import ReapRules

/// What a trim did to a log: for the audit, beside what became of the candidate.
struct TrimReport: Sendable {
  let reason: Reason
  /// Allocated bytes that are free again.
  let bytes: Int64
  let evidence: Evidence
}
