// How the reaper tells what came under a name from what stood there all the time: its grace begins
// with its arrival.

import Glibc
import OwnedDirectories
import ReapRules

extension Reaper {
  /// Two names that were exchanged are both still there, though this event comes last for one of
  /// them; and another directory may have the name by now, whose own event is still to come.
  func movedOut(
    _ watched: WatchedRoot, _ number: UInt32, _ path: CandidatePath, _ arrival: Nanoseconds
  ) {
    do {
      guard let root = watched.root else { return }
      let there = try status(ofPath: path.bytes, at: root.descriptor).identity
      let isBack = watched.claims.hasRenamed(there, to: path)
      appeared(watched, number, path, created: !isBack, .created, arrival)
    } catch  where error.code == ENOENT && !watched.schedule.isExamining(path) {
      reprieve(watched, path, "gone", nil, Occasion(trigger: .rescan))
      endObstacles { $0.root == watched.index && $0.path == path }
      watched.tree.forgetCandidate(path.name, in: number)
      // It has its owner still, wherever it is.
      handOn(watched, path)
      feed(watched, .vanished(path), arrival)
    } catch {
      // A look is under way, and may be the one that claims it.
      appeared(watched, number, path, created: false, .created, arrival)
    }
  }

  /// Whether what was moved in came from elsewhere; not what this process gave that name.
  func isArrival(_ watched: WatchedRoot, _ path: CandidatePath) -> Bool {
    guard let known = watched.claims.takeRename(to: path), let root = watched.root,
      (try? status(ofPath: path.bytes, at: root.descriptor))?.identity == known.identity
    else { return true }
    return known.cameAt.map { readMonotonic() - $0 < watched.rule.grace } ?? false
  }
}
