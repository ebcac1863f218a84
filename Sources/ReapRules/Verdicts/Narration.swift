// What a reapd in a terminal says of what it does, as it does it: the audit's line in words.

extension AuditRecord {
  /// Nil for what is told in any case, or not worth a line.
  package var narration: String? {
    let why = Reason(rawValue: reason)?.explanation ?? reason
    switch action {
    case .reaped:
      let speed = latencyMicroseconds.map { ", \(roughDuration($0 * 1000)) after the event" } ?? ""
      return "removed \(roughSize(bytes)) in \(counted(files, "file"))\(speed): \(why)"
    case .condemned:
      let span = deadline.map { " for \(roughDuration(saturatingDifference($0, wall)))" } ?? ""
      return "condemned\(span), and then judged again: \(why)"
    case .reprieved: return "reprieved: \(why)"
    case .trimmed: return "trimmed, \(roughSize(bytes)) freed: \(why)"
    case .wouldTrim: return "would be trimmed: \(why)"
    case .wouldReap: return "would be removed: \(why)"
    case .slimmed: return "slimmed, \(roughSize(bytes)) freed: \(why)"
    case .wouldSlim: return "would be slimmed: \(why)"
    case .restored, .refused, .failed, .warned: return nil
    }
  }
}
