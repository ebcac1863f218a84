// How the reaper learns that a removal which failed may succeed now.

import OwnedDirectories
import ReapRules
import Watching

final class ObstacleWatches {
  private var obstacles = Obstacles()
  /// Set once: what it belongs to holds it.
  unowned var roster: Roster!

  private var facilities: Facilities { roster.facilities }
  private var inotify: INotifyThread { roster.facilities.inotify }

  var nextDeadline: Nanoseconds? { obstacles.nextDeadline }

  /// A removal, or the claim before it, failed at something that may be taken out of the way.
  func wait(at obstacle: Obstacle, _ root: WatchedRoot, _ path: CandidatePath) {
    guard !facilities.isStopping else { return obstacle.directory.close() }
    let (number, ended) = obstacles.add(obstacle, root.index, path)
    for (number, wait) in ended { release(number, wait) }
    if let number { watch(number) }
  }

  private func watch(_ number: UInt32) {
    guard let wait = obstacles[number] else { return }
    inotify.watch(
      path: wait.obstacle.directory.procPath,
      token: WatchToken.obstacle(root: wait.root, number: number).bits, .obstacle)
  }

  func armed(
    _ number: UInt32, _ token: UInt64, _ result: Result<WatchHandle, WatchFailure>,
    _ now: Nanoseconds
  ) {
    switch result {
    case .failure:
      _ = obstacles.armed(number, nil, now: now)
    case .success(let watch):
      guard obstacles.armed(number, watch, now: now) else {
        return inotify.unwatch(watch, token: token)
      }
      attemptDue(now)
    }
  }

  func touched(_ number: UInt32, _ now: Nanoseconds) {
    obstacles.touched(number, now: now)
    attemptDue(now)
  }

  /// Looks again at what a removal of failed, where that may come to something else now.
  func attemptDue(_ now: Nanoseconds) {
    for wait in obstacles.due(now: now) {
      guard let root = roster[wait.root], root.isCandidate(wait.path) else { continue }
      root.post(.appeared(wait.path, created: false, .rescan), at: now)
    }
  }

  func end(of root: WatchedRoot, where isOver: (CandidatePath) -> Bool = { _ in true }) {
    guard !facilities.isStopping else { return }
    let index = root.index
    for (number, wait) in obstacles.end(where: { $0.root == index && isOver($0.path) }) {
      release(number, wait)
    }
  }

  private func release(_ number: UInt32, _ wait: Obstacles.Wait) {
    if let watch = wait.watch {
      inotify.unwatch(watch, token: WatchToken.obstacle(root: wait.root, number: number).bits)
    }
    obstacles.close(number, wait)
  }
}
