// Whose lock on a root counts.

import Testing

@testable import ReapRules

@Suite("A root's lock in other hands")
struct RootLockPolicyTests {
  /// The root belongs to 1000; reapd runs as the given user.
  private func judged(
    _ holders: [RootLockHolder], takers: [RootLockHolder]? = [], as user: UInt32 = 0,
    seesAll: Bool = true
  ) -> RootLockVerdict {
    judgeRootLock(
      holders, takers: takers, rootOwner: 1000, ownUser: user, seesAll: seesAll)
  }

  private func holder(
    _ user: UInt32?, isReapd: Bool = false, holdsLock: Bool = true
  ) -> RootLockHolder {
    RootLockHolder(pid: 7, user: user, isReapd: isReapd, holdsLock: holdsLock, command: "x")
  }

  @Test("is respected from root and from the root's owner, whatever they run")
  func rights() {
    for user: UInt32 in [0, 1000] {
      #expect(judged([holder(user)]) == .respected([holder(user)]))
      #expect(judged([holder(65534), holder(user)]) == .respected([holder(user)]))
    }
  }

  @Test("is respected from our own user only if that runs a reapd")
  func ownUser() {
    let other = holder(5, isReapd: true)
    #expect(judged([other], as: 5) == .respected([other]))
    #expect(judged([holder(5)], as: 5) == .foreign([holder(5)]))
    #expect(judged([other], as: 6) == .foreign([other]))
  }

  @Test("is passed over from anybody else")
  func foreign() {
    #expect(judged([holder(65534)]) == .foreign([holder(65534)]))
    #expect(judged([holder(65534)], seesAll: false) == .foreign([holder(65534)]))
  }

  @Test("keeps a second reapd out that finds the first at work without it")
  func openAlone() {
    let first = holder(0, isReapd: true, holdsLock: false)
    #expect(judged([holder(65534), first]) == .respected([first]))
    let looking = holder(0, holdsLock: false)
    #expect(judged([holder(65534), looking]) == .foreign([holder(65534)]))
  }

  @Test("counts where nothing can be known of who has it")
  func hidden() {
    #expect(judged([], takers: nil) == .hidden)
    #expect(judged([], takers: [holder(0)]) == .hidden)
    #expect(judged([], takers: [holder(65534), holder(1000)]) == .hidden)
    #expect(judged([], takers: [holder(nil)]) == .hidden)
    #expect(judged([], seesAll: false) == .hidden)
    #expect(judged([holder(nil)]) == .hidden)
    #expect(judged([holder(nil), holder(65534)]) == .hidden)
  }

  @Test("is passed over where no process has it: it waits in the queue of a socket")
  func inFlight() {
    #expect(judged([]) == .foreign([]))
    #expect(judged([], takers: [holder(5)], seesAll: false) == .foreign([holder(5)]))
  }
}
