// Processes that were seen to use candidates in a way that no event on a file tells of, such as by their
// working directory: at the latest their exit ends that.

import OwnedDirectories
import ReapRules

final class ProcessUsers {
  /// Each has a descriptor. Others are found by looking ever more seldom.
  private static let limit = 256

  private let exited: @Sendable (CandidatePath) -> Void
  /// A thread of its own, from the first one on.
  private lazy var exits = ProcessExits(exited: exited)
  private var hasBegun = false
  private var users: [CandidatePath: ProcessHandle] = [:]

  /// - Parameter exited: called on some thread.
  init(exited: @escaping @Sendable (CandidatePath) -> Void) { self.exited = exited }

  deinit {
    guard hasBegun else { return }
    exits.stop()
    for process in users.values { process.close() }
  }

  /// - Parameters:
  ///   - pid: of the one that uses it now; nil where none does.
  ///   - isKnown: whether there is such a candidate still.
  func note(_ pid: Int32?, of path: CandidatePath, _ isKnown: (CandidatePath) -> Bool) {
    guard let pid else { return forget(path) }
    // One that has exited is another one of that number, if it was seen at all.
    if let user = users[path], user.pid == pid, !user.hasExited { return }
    forget(path)
    if users.count >= Self.limit {
      for gone in users.keys.filter({ !isKnown($0) }) { forget(gone) }
    }
    guard users.count < Self.limit else { return }
    // None of that number, or one that has ended: it went a moment ago, or /proc counts otherwise than
    // this process's namespace does. A look at once would find the same, and again.
    guard let process = try? ProcessHandle(pid: pid) else { return }
    guard !process.hasExited else { return process.close() }
    hasBegun = true
    users[path] = process
    exits.watch(process, for: path)
  }

  func forget(_ path: CandidatePath) {
    guard !users.isEmpty, let process = users.removeValue(forKey: path) else { return }
    exits.forget(process)
    process.close()
  }
}
