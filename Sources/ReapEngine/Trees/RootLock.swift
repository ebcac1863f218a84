// The lock by which this process is the only reaper of a root, shared by its rules on that root.

import Glibc
import OwnedDirectories
import ReapRules
import Synchronization

/// One rule's use of a root's lock.
package final class RootLock: Sendable {
  /// How far a root is ours.
  private enum Hold: Sendable {
    /// Nobody else can have it.
    case exclusive
    /// Somebody without rights over the root has a shared lock too: another reapd finds ours.
    case shared
    /// Such a one has it exclusively. The kernel tells of no end of that: it is tried again.
    case none
  }

  private struct Use {
    /// The descriptor that has the lock, kept open for the last use.
    let root: OpenRoot
    /// What has it instead, for a root that many share.
    let file: Descriptor?
    var hold: Hold
    var trouble: String?
    /// Nil for a rule that is about to leave.
    var users: [ObjectIdentifier: Rule?] = [:]
  }

  private static let holdings = Mutex<[FileIdentity: Use]>([:])

  private let identity: FileIdentity

  private init(_ identity: FileIdentity) { self.identity = identity }

  /// - Throws: `RootFailure.held` where another reapd, or somebody with rights over the root, has it,
  ///   and where a rule of this process works on the same root that may take the same names.
  static func take(_ root: OpenRoot, for rule: Rule) throws(RootFailure) -> RootLock {
    let use = RootLock(root.identity)
    let failure = holdings.withLock { holdings -> RootFailure? in
      let others = holdings[root.identity]?.users.values.compactMap(\.self) ?? []
      if let other = others.first(where: rule.mayTakeSame) {
        return .held(path: root.path, by: "rule \(other.name), which may take the same names")
      }
      if holdings[root.identity] == nil {
        do throws(RootFailure) {
          let file = rule.mayShareRoot ? try lockOfSharedRoot(root) : nil
          let (hold, trouble) = file == nil ? try acquire(root) : (.exclusive, nil)
          root.retain()
          holdings[root.identity] = Use(root: root, file: file, hold: hold, trouble: trouble)
        } catch {
          return error
        }
      }
      holdings[root.identity]!.users[ObjectIdentifier(use)] = rule
      return nil
    }
    if let failure { throw failure }
    return use
  }

  /// Why the root is worked on although somebody else has a lock on it, told once; nil where nobody
  /// has.
  package func takeTrouble() -> String? {
    Self.holdings.withLock { holdings in
      defer { holdings[identity]?.trouble = nil }
      return holdings[identity]?.trouble
    }
  }

  /// Whether it is to be tried again.
  package var isMissing: Bool { Self.holdings.withLock { $0[identity]?.hold == Hold.none } }

  /// - Throws: `RootFailure.held` where another reapd has come by it meanwhile.
  func tryAgain() throws(RootFailure) {
    let failure = Self.holdings.withLock { holdings -> RootFailure? in
      guard let held = holdings[identity], held.hold == .none else { return nil }
      do throws(RootFailure) {
        holdings[identity]!.hold = try Self.acquire(held.root).0
        return nil
      } catch {
        return error
      }
    }
    if let failure { throw failure }
  }

  /// Lets a rule follow that may take the same names, before this one is ended: so a root that stays
  /// is never without its lock.
  ///
  /// - Parameter staying: takes it back, for this rule.
  func makeWay(staying rule: Rule? = nil) {
    Self.holdings.withLock { $0[identity]?.users[ObjectIdentifier(self)] = .some(rule) }
  }

  /// Gives up this use; the last one unlocks the root.
  func release() {
    Self.holdings.withLock { holdings in
      guard holdings[identity]?.users.removeValue(forKey: ObjectIdentifier(self)) != nil,
        let held = holdings[identity], held.users.isEmpty
      else { return }
      holdings[identity] = nil
      if let file = held.file { file.close() } else { releaseLock(held.root.descriptor, .flock) }
      held.root.release()
    }
  }

  /// On a root that many share, anybody could keep everybody else out: each user has a lock of its own
  /// there, in the runtime directory. Nil for any other root, and where there is no such directory.
  private static func lockOfSharedRoot(_ root: OpenRoot) throws(RootFailure) -> Descriptor? {
    guard let facts = try? status(of: root.descriptor), facts.permissions & 0o1002 == 0o1002,
      let file = openRuntimeLock("reapd-\(root.identity.device)-\(root.identity.inode).lock")
    else { return nil }
    guard tryLock(file, .flock) == .taken else {
      file.close()
      throw .held(path: root.path, by: "another reapd of this user's")
    }
    return file
  }

  private static func acquire(_ root: OpenRoot) throws(RootFailure) -> (Hold, trouble: String?) {
    switch tryLockRoot(root.descriptor) {
    case .taken: return (.exclusive, nil)
    case .failed(let reason):
      throw .system(SystemError("lock (\(reason))", "\(root.path)", EIO))
    case .held: break
    }
    let trouble = try judgeOthers(root)
    guard tryLockRootShared(root.descriptor) else { return (.none, trouble) }
    // Another reapd may have done the same at this moment: then both see each other.
    do throws(RootFailure) {
      _ = try judgeOthers(root)
    } catch {
      releaseLock(root.descriptor, .flock)
      throw error
    }
    return (.shared, trouble)
  }

  /// - Returns: who has a lock on the root without any right over it.
  private static func judgeOthers(_ root: OpenRoot) throws(RootFailure) -> String {
    let view = RootLockView(of: root.identity)
    switch judgeRootLock(
      view.holders, takers: view.takers, rootOwner: root.owner, ownUser: getuid(),
      seesAll: view.seesAll)
    {
    case .respected(let holders):
      throw .held(path: root.path, by: holders.map(\.text).joined(separator: ", "))
    case .hidden: throw .held(path: root.path, by: "a process that cannot be seen from here")
    case .foreign(let holders) where holders.isEmpty:
      return "a lock on \(root.path) that no process has open is passed over"
    case .foreign(let holders):
      let who = holders.map(\.text).joined(separator: ", ")
      return "a lock on \(root.path) is passed over: \(who) has no right over that directory"
    }
  }
}
