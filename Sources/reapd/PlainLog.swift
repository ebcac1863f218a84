import Logging
import ReapRules

/// Log lines for people, on standard error: level where it matters, message, details.
struct PlainLog: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level = .info

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    var line = "reapd: "
    switch event.level {
    case .info, .notice: break
    default: line += "\(event.level): "
    }
    line += event.message.description
    let details = metadata.merging(event.metadata ?? [:]) { $1 }
    if !details.isEmpty {
      let parts = details.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
      line += " [\(parts.joined(separator: " "))]"
    }
    writeError(displayText(line))
  }
}
