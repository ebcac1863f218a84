import Glibc
import ReapRules

/// The files that other reapds have open: whoever only looks would take them for in use.
package struct ReapdFiles: Sendable {
  /// Monotonic, when the walk through /proc began.
  package let begun = readMonotonic()
  private var files: Set<ProcessView.Key> = []

  package init() {
    let own = ownProgram()
    for process in (try? entryNames(in: "/proc")) ?? [] {
      guard let pid = Int32(process), pid != processID, isReapd(pid, own) else { continue }
      for number in (try? entryNames(in: "/proc/\(pid)/fd")) ?? [] {
        var facts = stat()
        guard unsafe stat("/proc/\(pid)/fd/\(number)", &facts) == 0,
          facts.st_mode & S_IFMT == S_IFREG
        else { continue }
        files.insert(
          ProcessView.Key(
            FileIdentity(
              device: UInt64(facts.st_dev), inode: UInt64(facts.st_ino), birth: nil)))
      }
    }
  }

  package func contains(_ file: FileIdentity) -> Bool { files.contains(ProcessView.Key(file)) }
}
