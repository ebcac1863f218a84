// When the reaper has something to do without being asked, and what.

import Glibc
import OwnedDirectories
import ReapRules

extension Reaper {
  var nextDeadline: Nanoseconds? {
    var earliest = nextBackstop
    func consider(_ instant: Nanoseconds?) {
      if let instant { earliest = min(earliest ?? instant, instant) }
    }
    consider(shortageDeadline())
    consider(reporter.untoldDue)
    consider(inherited.nextLapse)
    for watched in roots.values {
      consider(watched.schedule.nextDeadline)
      consider(watched.nextPoll)
      consider(watched.nextLockTry)
      consider(roomDeadline(watched, now: readMonotonic()))
    }
    consider(obstacles.nextDeadline)
    return earliest
  }

  func handleDeadlines() {
    let now = readMonotonic()
    attemptDueRemovals(now)
    if let lapse = inherited.nextLapse, lapse <= now, inherited.lapse() {
      // An owner has ended whose directory got another name: nobody else may look at that.
      for watched in sortedRoots where watched.root != nil { feed(watched, .desynced, now) }
    }
    for watched in roots.values {
      if let deadline = watched.schedule.nextDeadline, deadline <= now {
        feed(watched, .tick, now)
      }
      if let poll = watched.nextPoll, poll <= now {
        watched.nextPoll = now + pollInterval(watched.rule)
        // For want of watches there is none on the root: its answer brings the scan.
        if watched.directoryWatch == nil {
          watchDirectory(watched)
        } else {
          feed(watched, .desynced, now)
        }
      }
    }
    for watched in roots.values {
      if let instant = watched.nextLockTry, instant <= now { tryForLock(watched) }
      if let instant = roomDeadline(watched, now: now), instant <= now { checkRoom(watched, now) }
    }
    if let instant = nextBackstop, instant <= now {
      setBackstop(now)
      inherited.lapse()
      for watched in sortedRoots {
        checkWay(watched, anew: watched.root == nil)
        watchOwner(watched)
        if watched.root != nil { feed(watched, .backstopDue, now) }
      }
    }
    reporter.tellUntold()
  }

  func pollInterval(_ rule: Rule) -> Nanoseconds {
    max(nanosecondsPerSecond, min(rule.grace / 2, 30 * nanosecondsPerSecond))
  }

  func setBackstop(_ now: Nanoseconds) { nextBackstop = options.backstop.map { now + $0 } }
}
