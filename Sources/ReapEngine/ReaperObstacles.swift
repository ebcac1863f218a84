// How the reaper learns that a removal which failed may succeed now.

import Glibc
import OwnedDirectories
import ReapRules
import Watching

extension Reaper {
  /// A removal, or the claim before it, failed at something that may be taken out of the way.
  func wait(at obstacle: Obstacle, _ watched: WatchedRoot, _ path: CandidatePath) {
    guard !isStopping else { return obstacle.directory.close() }
    let (number, ended) = obstacles.add(obstacle, watched.index, path)
    for (number, wait) in ended { release(number, wait) }
    if let number { watch(number) }
  }

  private func watch(_ number: UInt32) {
    guard let wait = obstacles[number] else { return }
    inotify.watch(
      path: wait.obstacle.directory.procPath,
      token: WatchToken.obstacle(root: wait.root, number: number).bits, .obstacle)
  }

  func obstacleArmed(
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
      attemptDueRemovals(now)
    }
  }

  func obstacleTouched(_ number: UInt32, _ now: Nanoseconds) {
    obstacles.touched(number, now: now)
    attemptDueRemovals(now)
  }

  func attemptDueRemovals(_ now: Nanoseconds) {
    for wait in obstacles.due(now: now) {
      guard let watched = roots[wait.root], watched.isCandidate(wait.path) else { continue }
      feed(watched, .appeared(wait.path, created: false, .rescan), now)
    }
  }

  func endObstacles(where isOver: (Obstacles.Wait) -> Bool) {
    guard !isStopping else { return }  // the inotify thread takes no command any more
    for (number, wait) in obstacles.end(where: isOver) { release(number, wait) }
  }

  private func release(_ number: UInt32, _ wait: Obstacles.Wait) {
    if let watch = wait.watch {
      inotify.unwatch(watch, token: WatchToken.obstacle(root: wait.root, number: number).bits)
    }
    obstacles.close(number, wait)
  }
}
