import Glibc
package import OwnedDirectories
package import ReapRules
import Synchronization

/// The audit file: one line, one write. Lines that find no room wait in memory.
package final class AuditLog: Sendable {
  /// How many lines wait before the oldest are given up, and counted.
  private static let waitingLimit = 100_000

  private struct State {
    var file: Descriptor?
    var waiting: [[UInt8]] = []
    var lost = 0
    var complained = false
  }

  package let path: FilePath
  private let state: Mutex<State>
  private let complain: @Sendable (String) -> Void

  /// Opens the first of the paths that can be written to, making directories on the way.
  ///
  /// - Parameter complain: told in words what is wrong, each thing once.
  package init(
    trying paths: [FilePath], complain: @escaping @Sendable (String) -> Void
  ) throws(SystemError) {
    self.complain = complain
    var first: SystemError?
    for path in paths {
      do {
        let file = try openForAppending(path)
        self.path = path
        state = Mutex(State(file: file))
        if let first { complain("audit: \(first); writing to \(path) instead") }
        return
      } catch  where error.code == ENOSPC || error.code == EDQUOT {
        // A full disk is what reapd is there for: it is made once there is room.
        self.path = path
        state = Mutex(State(file: nil))
        complain("audit: \(error); lines wait in memory")
        return
      } catch {
        if first == nil { first = error }
      }
    }
    throw first ?? SystemError("open", "(no audit file)", ENOENT)
  }

  package func append(_ record: AuditRecord) {
    let line = Array((record.json.text + "\n").utf8)
    state.withLock { state in
      state.waiting.append(line)
      flush(&state)
    }
  }

  /// Whether lines wait for room; `retry()` tries again.
  package var isWaiting: Bool { state.withLock { !$0.waiting.isEmpty } }

  package func retry() { state.withLock { flush(&$0) } }

  /// Opens the file again by its name, as after a rotation.
  package func reopen() {
    state.withLock { state in
      guard let fresh = try? openForAppending(path) else { return }
      state.file?.close()
      state.file = fresh
    }
  }

  package func close() {
    state.withLock { state in
      flush(&state)
      let unwritten = state.waiting.count + state.lost
      if unwritten > 0 { complain("audit: \(unwritten) lines could not be written to \(path)") }
      state.file?.close()
      state.file = nil
    }
  }

  private func flush(_ state: inout State) {
    if state.file == nil { state.file = try? openForAppending(path) }
    guard let file = state.file else { return }
    var written = 0
    defer { state.waiting.removeFirst(written) }
    while written < state.waiting.count {
      let line = state.waiting[written]
      let size = writeOnce(line, to: file)
      if size == line.count {
        written += 1
        state.complained = false
        continue
      }
      if size > 0 { state.waiting[written].removeFirst(size) }  // the rest follows when it can
      if !state.complained {
        state.complained = true
        complain("audit: \(SystemError("write", "\(path)")); lines wait in memory")
      }
      if state.waiting.count - written > Self.waitingLimit {
        state.waiting.remove(at: written + 1)
        state.lost += 1
      }
      return
    }
  }
}
