// Whose lock on a root keeps reapd from it. Anyone who may open a directory may lock it.

/// A process that has a root directory open.
package struct RootLockHolder: Sendable, Hashable {
  package let pid: Int32
  /// Its real user, which a set-user-ID program started by somebody else does not change; nil where
  /// that cannot be read.
  package let user: UInt32?
  /// Whether it runs the same program as we do, or one named reapd.
  package let isReapd: Bool
  /// Whether the lock is on a descriptor of its own; otherwise it merely has the directory open.
  package let holdsLock: Bool
  /// For people.
  package let command: String

  package init(pid: Int32, user: UInt32?, isReapd: Bool, holdsLock: Bool, command: String) {
    self.pid = pid
    self.user = user
    self.isReapd = isReapd
    self.holdsLock = holdsLock
    self.command = command
  }

  package var text: String { "pid \(pid) (\(command))" }
}

/// What a root's lock, held by others, means.
package enum RootLockVerdict: Sendable, Equatable {
  /// The root is the holders' now.
  case respected([RootLockHolder])
  /// The root may be somebody's: who holds the lock cannot be seen.
  case hidden
  /// The holders have no right over the root. Empty: no process has the lock, it lies in a socket's
  /// queue.
  case foreign([RootLockHolder])
}

/// - Parameters:
///   - holders: every process that can be seen with the directory open, ours apart.
///   - takers: those who took the lock and live, be it that they have passed it on since; nil where
///     the kernel lists none, so that it was taken where we see no processes.
///   - seesAll: whether the descriptors of every process could be read.
package func judgeRootLock(
  _ holders: [RootLockHolder], takers: [RootLockHolder]?, rootOwner: UInt32, ownUser: UInt32,
  seesAll: Bool
) -> RootLockVerdict {
  // Root and the root's owner may keep anybody out; our own user may by another reapd, which works
  // without the lock while somebody else has that.
  func hasRights(_ holder: RootLockHolder) -> Bool {
    holder.user == 0 || holder.user == rootOwner
  }
  let respected = holders.filter { holder in
    hasRights(holder)
      ? holder.holdsLock || holder.isReapd : holder.isReapd && holder.user == ownUser
  }
  guard respected.isEmpty else { return .respected(respected) }
  let locking = holders.filter(\.holdsLock)
  guard locking.allSatisfy({ $0.user != nil }) else { return .hidden }
  guard locking.isEmpty, let takers else { return locking.isEmpty ? .hidden : .foreign(locking) }
  // Nobody has it who can be seen. A reapd takes its lock itself and never passes it on: so who took
  // this one tells, if that one lives; if not, only having seen everybody does.
  let isStrangers =
    takers.isEmpty ? seesAll : takers.allSatisfy { $0.user != nil && !hasRights($0) }
  return isStrangers ? .foreign(takers) : .hidden
}
