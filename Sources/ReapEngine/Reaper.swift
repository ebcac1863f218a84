// The daemon's loop. What it drives, in the order of an event:
//
//   Watching/          reads events, and hands them over as messages            (inotify thread)
//   Reaper             takes a message, and has the queue worked off after it
//   Roots/             whose the event is, and what it means there
//   ReapRules/Schedule what is to be done: the agenda asks it, one event after the other
//   Looking/           gathers what the judge asks for                          (here, or a worker)
//   ReapRules/Kinds    judges
//   Claiming/          takes what is dead out of sight, or gives a claimed name back
//   Disposing/         removes it                                               (workers)
//   Auditing/          tells
//
//   Trees/ opens, walks and measures for all of these; Kinds/ is what is particular to a kind.
//
// Carrying out an action may post events to the agenda, and never handles them: so no schedule is
// asked anything while it is being answered. Sweep and Explaining/ go the same way from Looking on.

import Logging
import OwnedDirectories
import ReapRules
import Watching

final class Reaper {
  /// Events that may wait before the rest is given up for a full scan: four kernel queues' worth.
  private static let mailboxLimit = 65_536
  /// Messages that the inotify thread may work off itself: the kernel's queue waits meanwhile.
  private static let fewMessages = 8

  let mailbox: LoopMailbox<ReaperMessage>
  private let hub: WatchHub
  private let facilities: Facilities
  private let roster: Roster
  private var isStopping = false

  /// Starts the inotify thread, if nobody has; call it before many descriptors are open.
  init(options: ReaperOptions, reporter: Reporter, descriptorLimit: Int) throws {
    let mailbox = LoopMailbox<ReaperMessage>(limit: Self.mailboxLimit)
    self.mailbox = mailbox
    hub = try WatchHub.shared()
    facilities = Facilities(
      options, reporter: reporter, inotify: hub.thread, mailbox: mailbox,
      heldLimit: max(0, descriptorLimit - Shortage.reservedDescriptors),
      kindEdge: { kindEdge(of: $0, ownerExited: $1) })
    roster = Roster(facilities)
    let mounts = hub.thread.seesMounts ? facilities.mounts : nil
    hub.setTenant { messages, arrival in
      #if DEBUG
        if Fault.injected == .deaf {
          for message in messages {
            guard case .armed = message else { continue }
            mailbox.post(.watched([message], at: arrival))
          }
          return
        }
      #endif
      mounts?.note(isChanged: messages.contains(.mountsChanged), at: arrival)
      // What answers a command is never dropped; what tells of the world may be, and is counted.
      let isNews = !messages.contains { if case .armed = $0 { true } else { false } }
      mailbox.post(
        .watched(messages, at: arrival), weight: messages.count, droppable: isNews,
        inPlace: isNews && messages.count <= Self.fewMessages)
    }
    reporter.audit?.whenWritable { mailbox.post(.auditWritable) }
  }

  /// Opens every root; one that is absent is waited for.
  ///
  /// - Throws: `RootFailure` for a root that may not be used: then nothing has begun.
  func open() throws(RootFailure) { try roster.open() }

  /// Works until told to stop; returns once the removals in hand are finished.
  func run() {
    roster.begin()
    // Few messages are worked off by the inotify thread while this one waits: that spares a switch.
    mailbox.lend { [self] message in
      facilities.inotify.hold()
      handle(message)
      roster.relieveShortage()
      facilities.inotify.flush()
      return roster.isListing ? 0 : roster.nextDeadline
    }
    while !isStopping { turn() }
    mailbox.lend(to: nil)
    finish()
  }

  private func turn() {
    let listing = roster.listing
    let (messages, hasLost) = mailbox.take(until: listing.isEmpty ? roster.nextDeadline : 0)
    facilities.inotify.hold()
    for message in messages { handle(message) }
    // After the others, which are older: a scan must have the last word on what is there.
    if hasLost { roster.desynced("the reaper's queue is full") }
    roster.deadlinesPassed()
    for root in listing { roster.goOn(root) }
    roster.relieveShortage()
    facilities.inotify.flush()
  }

  private func handle(_ message: ReaperMessage) {
    switch message {
    case .watched(let messages, let arrival):
      for message in messages.withoutOvertakenMoves() {
        roster.handle(message, arrival)
        roster.drain()
      }
    case .examined(let owner, let id, let examine, let examined, let open):
      facilities.workload.looked()
      if let root = roster.reached(owner) {
        root.looks.answered(id, examine, examined)
        roster.drain()
        root.announce()
      } else {
        facilities.workload.discard(examined)
      }
      open.release()
      facilities.workload.submit()
    case .removed(let owner, let claimed, let result, let occasion):
      removed(owner, claimed, result, occasion)
      facilities.workload.submit()
    case .ownerExited(let index, let path): roster.reached(index)?.ownerExited(path)
    case .news(let index, let path, let trigger):
      roster.reached(index)?.lookAgain(at: path, trigger, readMonotonic())
    case .reload(let options): roster.apply(options)
    case .auditWritable: roster.postAll(.lookAtAll(.rescan))
    case .stop: isStopping = true
    }
    roster.drain()
  }

  private func removed(
    _ owner: WatchedRoot.Reference?, _ claimed: Claimed, _ result: RemovalResult,
    _ occasion: Occasion
  ) {
    facilities.workload.removed()
    facilities.reporter.reaped(claimed, result, occasion)
    facilities.reporter.audit?.retry()
    if let root = owner.flatMap({ roster.reached($0) }) {
      root.looks.removed(claimed, result)
      facilities.lookAtUse(of: root)
    } else {
      result.obstacle?.directory.close()
    }
  }

  // MARK: - The end

  private func finish() {
    facilities.isStopping = true
    facilities.stopBeside()
    for root in roster.sorted { root.follower?.stop() }
    hub.setTenant(nil)
    for root in roster.sorted { facilities.workload.drop(of: root.reference) }
    facilities.workload.drain()
    finishLast()
    for root in roster.sorted { root.reprieveAll("exit") }
    let reporter = facilities.reporter
    reporter.tellUntold(isLast: true)
    reporter.audit?.retry()
    reporter.count { [kept = roster.candidates] in $0.kept = kept }
  }

  /// What the workers have done since nobody asked them for more: what they claimed is removed, too.
  private func finishLast() {
    let last = WorkerPool()
    for message in mailbox.take(until: 0).messages {
      switch message {
      case .removed(let owner, let claimed, let result, let occasion):
        removed(owner, claimed, result, occasion)
      case .examined(let owner, _, let examine, let examined, let open):
        let occasion = Occasion(trigger: examine.trigger, wokenAt: examine.wokenAt)
        if let claimed = examined.claimed {
          facilities.workload.remove(claimed, of: owner, occasion, on: last)
        }
        if let held = examined.held { facilities.inherited.leave(held) }
        if let rule = roster.reached(owner)?.rule {
          for file in examined.files { facilities.reporter.removed(file, occasion, rule: rule) }
        }
        open.release()
      case .watched, .ownerExited, .news, .reload, .auditWritable, .stop: break
      }
    }
    last.drain()
    for case .removed(let owner, let claimed, let result, let occasion) in mailbox.take(until: 0)
      .messages
    {
      removed(owner, claimed, result, occasion)
    }
  }
}
