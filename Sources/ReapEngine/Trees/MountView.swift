import OwnedDirectories
package import ReapRules
import Synchronization

/// The mount table as it is now. Read again only when the kernel says that it changed, which one
/// poll(2) without waiting tells (proc_pid_mountinfo(5): POLLPRI), so that a claim costs no parse.
package final class MountView: Sendable {
  private struct State {
    var file: Descriptor?
    var table: MountTable?
  }

  private let state: Mutex<State>

  package init() {
    state = Mutex(State(file: try? openForReading("/proc/self/mountinfo"), table: nil))
  }

  /// Nil where the table cannot be read or does not have the documented form.
  package func current() -> MountTable? {
    state.withLock { state in
      guard let file = state.file else { return nil }
      let changed = hasChanged(file)
      if changed || state.table == nil {
        state.table = (try? readToEnd(file, "/proc/self/mountinfo")).flatMap {
          MountTable(parsing: $0)
        }
      }
      return state.table
    }
  }
}
