// What is told of a way back by hand.

import OwnedDirectories
import ReapRules

extension Reporter {
  package func restored(_ entry: QuarantineEntry) {
    restored(
      entry.root.path(of: entry.original), rule: entry.rule,
      reason: Reason.keptByHand.rawValue, trigger: .manual, id: "\(entry.id)")
  }

  package func notRestored(_ entry: QuarantineEntry, _ failure: RestoreFailure) {
    let action: AuditRecord.Action = if case .system = failure { .failed } else { .refused }
    count { if action == .failed { $0.failed += 1 } else { $0.refused += 1 } }
    audit?.append(
      AuditRecord(
        wall: readClocks().wall, action: action, rule: entry.rule.name, kind: entry.rule.kind.name,
        path: entry.root.path(of: entry.original), reason: failure.reason, trigger: .manual,
        evidence: .object([
          ("error", .string("\(failure)")), ("name", .string(entry.path.name.display)),
        ]), id: "\(entry.id)"))
  }
}
