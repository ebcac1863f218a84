// What is left of rules that a reread configuration has ended.

import OwnedDirectories
import ReapRules
import Watching

extension Reaper {
  /// A watch was asked for by a rule that has ended since: what was kept open for it is closed.
  func armedTooLate(_ token: UInt64, _ result: Result<WatchHandle, WatchFailure>) {
    if case .success(let handle) = result { inotify.unwatch(handle, token: token) }
    let of = WatchToken(bits: token)
    guard let watched = ended[of.root] else { return }
    switch of {
    case .candidate(_, let id):
      watched.arming -= 1
      if let orphan = watched.holdings.adopt(id) {
        if orphan.isWatchedFileKnown, !orphan.isSparse { heldCount -= 1 }
        orphan.file?.descriptor.close()
      }
    case .place(_, let number): _ = watched.tree.armed(number, nil)
    case .directory, .way, .owner, .obstacle: break
    }
    if watched.arming + watched.tree.arming == 0 { ended[of.root] = nil }
  }
}
