import Glibc
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
    let number = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)
    state = Mutex(State(file: number >= 0 ? Descriptor(number: number) : nil, table: nil))
  }

  /// Nil where the table cannot be read or does not have the documented form.
  package func current() -> MountTable? {
    state.withLock { state in
      guard let file = state.file else { return nil }
      var polled = pollfd(fd: file.number, events: Int16(POLLPRI), revents: 0)
      let changed = poll(&polled, 1, 0) != 0
      if changed || state.table == nil {
        state.table = (try? readToEnd(file, "/proc/self/mountinfo")).flatMap {
          MountTable(parsing: $0)
        }
      }
      return state.table
    }
  }
}
