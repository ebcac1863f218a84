// What a message of one watch means: whose it is, by its token.

import OwnedDirectories
import ReapRules
import Watching

extension Reaper {
  func entry(
    _ token: UInt64, _ name: [UInt8], isDirectory: Bool, _ change: WatchMessage.Change,
    _ arrival: Nanoseconds
  ) {
    let of = WatchToken(bits: token)
    guard let watched = roots[of.root] else { return }
    switch of {
    case .place(_, let number):
      entry(watched, in: number, name, isDirectory: isDirectory, change, arrival)
    case .owner: ownerPlaceChanged(watched, name)
    case .way where token == watched.ancestorToken: wayChanged(watched, name, change)
    case .directory where token == watched.directoryToken:
      guard watched.root != nil else { return wayChanged(watched, name, change) }
      entry(watched, in: PartitionTree.root, name, isDirectory: isDirectory, change, arrival)
    // Of an earlier watch; or of one that tells of no names.
    case .way, .directory, .candidate, .obstacle: break
    }
  }

  func touched(_ token: UInt64, _ arrival: Nanoseconds) {
    switch WatchToken(bits: token) {
    case .candidate(let root, let id):
      if let watched = roots[root] { feed(watched, .closed(id), arrival) }
    case .obstacle(_, let number): obstacleTouched(number, arrival)
    case .directory, .way, .place, .owner: break
    }
  }

  func lost(_ token: UInt64) {
    let of = WatchToken(bits: token)
    guard let watched = roots[of.root] else { return }
    switch of {
    case .candidate(_, let id): watchLost(watched, id)
    case .place(_, let number): placeLost(watched, number)
    case .owner:
      endOwnerWatch(watched)
      watchOwner(watched)
    case .directory where token == watched.directoryToken:
      detach(watched)
      checkWay(watched, anew: true)
    case .way where token == watched.ancestorToken: checkWay(watched, anew: true)
    case .way, .directory, .obstacle: break
    }
  }

  func armed(
    _ token: UInt64, _ result: Result<WatchHandle, WatchFailure>, _ arrival: Nanoseconds
  ) {
    let of = WatchToken(bits: token)
    if case .obstacle(_, let number) = of { return obstacleArmed(number, token, result, arrival) }
    guard let watched = roots[of.root] else { return armedTooLate(token, result) }
    switch of {
    case .candidate(_, let id): armed(watched, id, result, arrival)
    case .place(_, let number): placeArmed(watched, number, token, result)
    case .owner: ownerArmed(watched, result)
    case .directory, .way: directoryArmed(watched, token, result)
    case .obstacle: break
    }
  }
}
