import OwnedDirectories
package import ReapRules
import Synchronization

/// The mount table as it is now. Read again only when the kernel says that it changed, which one
/// poll(2) without waiting tells (proc_pid_mountinfo(5): POLLPRI), so that a claim costs no parse.
package final class MountView: Sendable {
  /// How long what another thread saw serves: it handles an event that it has just read.
  private static let freshness: Nanoseconds = 100_000

  private struct State {
    var file: Descriptor?
    var table: MountTable?
    /// Monotonic; when the kernel last said that nothing had changed since the table was read.
    var unchangedAt = Nanoseconds.min
    /// It said that something has, and the table was not read since.
    var isOutdated = false
  }

  private let state: Mutex<State>

  package init() {
    state = Mutex(State(file: try? openForReading("/proc/self/mountinfo"), table: nil))
  }

  /// The inotify thread, which is told of each change, was told of none up to an instant (monotonic), or
  /// of one. What it handles at once is spared a system call by that.
  package func note(isChanged: Bool, at instant: Nanoseconds) {
    state.withLock { state in
      if isChanged { state.isOutdated = true }
      state.unchangedAt = state.isOutdated ? .min : instant
    }
  }

  /// Nil where the table cannot be read or does not have the documented form.
  package func current() -> MountTable? {
    state.withLock { state in
      guard let file = state.file else { return nil }
      if let table = state.table, state.unchangedAt > readMonotonic() - Self.freshness {
        return table
      }
      state.isOutdated = false
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
