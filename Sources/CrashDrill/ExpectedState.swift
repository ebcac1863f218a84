// What the root ought to look like, kept from the writers' own words and apart from the real one.

import ReapRules

/// Every directory of a drill, by name, with what its owner last said of it. Pure: lines, deaths
/// and audit lines go in, the findings come out.
package struct ExpectedState {
  /// What a writer says, one line each: the point, the directory's name, perhaps more.
  package enum Point: String, Sendable {
    /// It is about to make it; with the wall clock (ns since 1970).
    case will
    case made, opened
    /// The lock is held: from here on nobody may touch it.
    case owned
    case chunk
    /// The owner begins to remove the directory, lock in hand.
    case removing
    case done
    /// About to close the lock and leave the directory; with the wall clock (ns since 1970).
    case releasing
    /// What it owned was taken from it, or its creation was disturbed; with what it saw.
    case lost
    /// Its creation took longer than the grace, and failed: no promise covers that.
    case late
    /// It cannot work for a reason that has nothing to do with reapd (a full disk); with which.
    case stuck
  }

  struct Directory {
    var last: Point
    /// Wall clock, ns: right before it was made.
    var begunAt: Int64?
    /// Wall clock, ns: when its owner let go of it, or was known to be alive for the last time.
    var releasedAt: Int64?
    var ownedAt: Int64?
    /// Wall clock, ns: when reapd noted that it has removed it.
    var reapedAt: Int64?
  }

  private var directories: [String: Directory] = [:]
  /// What each writer has in hand.
  private var current: [Int: String] = [:]
  private var losses: [String: String] = [:]
  private(set) var late = 0
  private(set) var stuck: String?
  private var reapedNames: Set<String> = []
  var reaped: Int { reapedNames.count }

  package init() {}

  package mutating func said(_ line: String, by writer: Int, at now: Int64) {
    let words = line.split(separator: " ", maxSplits: 2).map(String.init)
    guard words.count >= 2, let point = Point(rawValue: words[0]) else { return }
    let name = words[1]
    let detail = words.count > 2 ? words[2] : ""
    switch point {
    case .stuck: stuck = detail
    case .late: late += 1
    case .lost: lose(name, detail)
    default: break
    }
    guard point != .stuck else { return }
    var directory = directories[name] ?? Directory(last: point)
    directory.last = point
    if point == .will { directory.begunAt = Int64(detail) ?? now }
    if point == .owned { directory.ownedAt = now }
    if point == .releasing { directory.releasedAt = Int64(detail) ?? now }
    directories[name] = directory
    let isOver = [.done, .releasing, .lost, .late].contains(point)
    current[writer] = isOver ? nil : name
  }

  /// - Parameter instant: right before the signal was sent: until then it was alive.
  package mutating func died(_ writer: Int, killedAt instant: Int64) {
    guard let name = current.removeValue(forKey: writer) else { return }
    directories[name]?.releasedAt = instant
  }

  /// - Parameter root: what the paths of the writers' directories begin with.
  package mutating func audit(_ line: AuditLine, below root: String) {
    guard line.action == "reaped", line.path.hasPrefix(root + "/") else { return }
    let name = String(line.path.dropFirst(root.utf8.count + 1))
    reapedNames.insert(name)
    directories[name]?.reapedAt = line.time
  }

  func wasReaped(_ name: String) -> Bool { reapedNames.contains(name) }

  mutating func lose(_ name: String, _ what: String) { losses[name] = losses[name] ?? what }

  /// What a drill comes to, once every writer is dead and every audit line was read.
  package struct Findings: Sendable, Equatable {
    /// Living owners' directories that were touched, with what was seen of it.
    package var lost: [String] = []
    /// Creations that took longer than the grace, by the clocks and not by their makers' words.
    package var late = 0
    /// Directories that their owners left, that are gone, and of which the audit does not tell.
    package var unexplained: [String] = []
    /// Microseconds from the instant before an owner let go of its lock to the audit line, of
    /// directories past their grace.
    package var fromRelease: [Int64] = []
    /// Microseconds from the instant before SIGKILL was sent to the audit line, of the same ones.
    package var fromKill: [Int64] = []
  }

  /// - Parameters:
  ///   - present: what is in the root.
  ///   - grace: ns.
  ///   - outages: wall clock, ns, when no reapd was there: nothing that falls into one is measured.
  package func findings(
    present: Set<String>, grace: Int64, outages: [ClosedRange<Int64>]
  ) -> Findings {
    var result = Findings()
    var losses = losses
    for (name, directory) in directories {
      guard let reapedAt = directory.reapedAt else {
        let wasThere: [Point] = [.made, .opened, .owned, .chunk, .releasing]
        if directory.releasedAt != nil, wasThere.contains(directory.last), !present.contains(name) {
          result.unexplained.append(name)
        }
        continue
      }
      guard let releasedAt = directory.releasedAt, releasedAt <= reapedAt else {
        if directory.last == .late { continue }
        // Not locked a grace after it was begun: late, and its maker had no time to say so.
        let isUnlocked = [.will, .made, .opened].contains(directory.last)
        if isUnlocked, let begunAt = directory.begunAt, reapedAt - begunAt >= grace {
          result.late += 1
        } else if losses[name] == nil {
          // Its owner may have said itself what became of it.
          losses[name] = "reaped while its owner lived"
        }
        continue
      }
      // Sooner than that reapd waits for the end of the grace, and not for the release.
      guard let ownedAt = directory.ownedAt, releasedAt - ownedAt > grace + grace / 2,
        !outages.contains(where: { $0.overlaps(releasedAt...reapedAt) })
      else { continue }
      let micros = (reapedAt - releasedAt) / 1000
      if directory.last == .releasing {
        result.fromRelease.append(micros)
      } else {
        result.fromKill.append(micros)
      }
    }
    result.lost = losses.map { "\($0.key): \($0.value)" }.sorted()
    result.unexplained.sort()
    result.fromRelease.sort()
    result.fromKill.sort()
    return result
  }
}
