// Reading reapd's audit log: what a test asserts on.

import OwnedDirectories
import ReapRules

/// One line of the audit log (schema 1).
public struct AuditLine: Sendable {
  /// `reaped`, `refused`, `failed`, `restored` and so on.
  public let action: String
  /// The path that the directory had under its own name, as bytes: names need not be UTF-8.
  public let pathBytes: [UInt8]
  /// The name of the rule.
  public let rule: String
  /// Why: `lock-released`, `lock-missing` and so on.
  public let reason: String
  /// What led to it: `close-event`, `grace-over`, `backstop` and so on.
  public let trigger: String
  /// When the line was written: wall clock, nanoseconds since 1970, exact to the microsecond.
  public let time: Int64
  /// Microseconds from the event's arrival to the name being gone; nil where no event led to it.
  public let latencyMicroseconds: Int64?
  /// The whole line.
  public let text: String

  /// The path as text; bytes that are not UTF-8 show as U+FFFD.
  public var path: String { String(decoding: pathBytes, as: UTF8.self) }

  /// Reads one line, without its newline; nil if it is no line of an audit log.
  public init?(_ line: some Collection<UInt8>) {
    guard let json = try? JSONValue(parsing: line), json["v"]?.integer == 1,
      let action = json["action"]?.string,
      let time = json["time"]?.string.flatMap({ parseTimestamp($0) })
    else { return nil }
    if let path = json["path"]?.string {
      pathBytes = Array(path.utf8)
    } else if let path = json["path_b64"]?.string, let bytes = decodeBase64(path) {
      pathBytes = bytes
    } else {
      return nil
    }
    self.action = action
    self.time = time
    rule = json["rule"]?.string ?? ""
    reason = json["reason"]?.string ?? ""
    trigger = json["trigger"]?.string ?? ""
    latencyMicroseconds = json["latency_us"]?.integer
    text = String(decoding: line, as: UTF8.self)
  }
}

/// The audit log of a reapd at work, read as it grows. A last line without its newline is left for
/// the next time.
public final class AuditTrail {
  /// The log's path.
  public let path: String
  private var position: Int64 = 0
  private var unread: [UInt8] = []
  private var seen: [AuditLine] = []

  /// - Parameter path: the log's path, which need not exist yet.
  public init(_ path: String) { self.path = path }

  /// Every line so far, oldest first.
  public var lines: [AuditLine] {
    _ = readNew()
    return seen
  }

  /// The lines about one directory, with that action if one is given.
  public func lines(of path: String, action: String? = nil) -> [AuditLine] {
    lines.filter { $0.pathBytes == Array(path.utf8) && (action == nil || $0.action == action) }
  }

  /// Waits for the first line about a directory with that action.
  ///
  /// - Returns: nil when `seconds` have passed without such a line.
  public func wait(
    for path: String, action: String = "reaped", within seconds: Double = 20
  ) -> AuditLine? {
    waitUntil(within: seconds) { !lines(of: path, action: action).isEmpty }
    return lines(of: path, action: action).first
  }

  /// The lines that have come since the last time.
  public func readNew() -> [AuditLine] {
    guard let file = try? openForReading(FilePath(path)) else { return [] }
    defer { file.close() }
    let bytes = readOn(file, from: position)
    position += Int64(bytes.count)
    unread += bytes
    guard let last = unread.lastIndex(of: 10) else { return [] }
    let new = unread[..<last].split(separator: 10).compactMap { AuditLine($0) }
    unread.removeSubrange(...last)
    seen += new
    return new
  }
}

/// RFC 4648 with padding; nil for anything else.
func decodeBase64(_ text: String) -> [UInt8]? {
  let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  let digits = text.utf8.prefix { $0 != UInt8(ascii: "=") }
  guard text.utf8.count % 4 == 0, text.utf8.count - digits.count <= 2 else { return nil }
  var bytes: [UInt8] = []
  var word: UInt32 = 0
  var bits = 0
  for digit in digits {
    guard let value = alphabet.firstIndex(of: digit) else { return nil }
    word = word << 6 | UInt32(value)
    bits += 6
    if bits >= 8 {
      bits -= 8
      bytes.append(UInt8(truncatingIfNeeded: word >> UInt32(bits)))
    }
  }
  return bytes
}
