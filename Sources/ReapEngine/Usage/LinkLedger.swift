// Files with several names, so that each counts once, and for the same directory in every run.

import OwnedDirectories
import ReapRules

/// Which of them were met. One is forgotten when all its names were.
struct LinkLedger: Sendable {
  private struct Key: Hashable {
    let device: UInt64
    let inode: UInt64
  }

  private struct Met {
    var row: Int
    var namesLeft: UInt32
  }

  /// What a name that was met means for the sums.
  enum Meaning: Equatable {
    case first
    /// It was counted for another row, whose name comes later.
    case moved(from: Int)
    case known
  }

  private var met: [Key: Met] = [:]

  /// - Parameter precedes: whether the first of two rows comes before the other by name.
  mutating func meet(
    _ facts: Occupied, in row: Int, _ precedes: (Int, Int) -> Bool
  ) -> Meaning {
    let key = Key(device: facts.device, inode: facts.inode)
    guard var found = met[key] else {
      met[key] = Met(row: row, namesLeft: facts.links - 1)
      return .first
    }
    found.namesLeft -= 1
    let old = found.row
    let isMoved = old != row && precedes(row, old)
    if isMoved { found.row = row }
    met[key] = found.namesLeft > 0 ? found : nil
    return isMoved ? .moved(from: old) : .known
  }
}
