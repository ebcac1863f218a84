// An audit file that grows while a test looks at it again and again: each line is read once.

import Foundation
import Glibc
import Synchronization

final class AuditFile: Sendable {
  private struct State {
    var file = ino_t(0)
    var offset = 0
    var lines: [AuditEntry] = []
  }

  let path: String
  private let state = Mutex(State())

  init(_ path: String) { self.path = path }

  /// All lines so far. Without the last one while that is being written, and without one that a crash
  /// or a full disk has cut off, which is no JSON.
  var lines: [AuditEntry] {
    state.withLock { state in
      guard let file = FileHandle(forReadingAtPath: path) else { return [] }
      defer { try? file.close() }
      var status = stat()
      fstat(file.fileDescriptor, &status)
      if status.st_ino != state.file || Int(status.st_size) < state.offset { state = State() }
      state.file = status.st_ino
      guard Int(status.st_size) > state.offset else { return state.lines }
      try? file.seek(toOffset: UInt64(state.offset))
      let data = (try? file.readToEnd()) ?? Data()
      guard let end = data.lastIndex(of: 10) else { return state.lines }
      state.offset += end + 1 - data.startIndex
      state.lines += data[..<end].split(separator: 10).filter(isJSON).compactMap { decode($0) }
      return state.lines
    }
  }

  /// Those about a path.
  func of(_ path: String, action: AuditEntry.Action? = nil) -> [AuditEntry] {
    lines.filter { $0.path == path && (action == nil || $0.action == action) }
  }

  private func isJSON(_ data: Data) -> Bool {
    (try? JSONSerialization.jsonObject(with: data)) != nil
  }
}
