// What events in instances mean: a manifest, or what else makes one complete, and files that protect it.
// Each instance that stays is watched itself, without what lies below its own directory.

import Glibc
import Logging
import OwnedDirectories
import ReapRules
import Watching

final class InstanceFollower: KindFollower {
  private struct Watched {
    let path: CandidatePath
    /// What its files told when it was looked at; nil where they were not asked.
    let seen: InstanceEvidence.Files?
    var handle: WatchHandle?
    /// Open only until the watch is there.
    var opened: Descriptor?
  }

  private unowned let root: WatchedRoot
  private let settings: InstanceSettings
  private let signals: Set<EntryName>
  private var watched: [UInt32: Watched] = [:]
  private var numbers: [CandidatePath: UInt32] = [:]
  /// Of instances that were given up before the answer to the command to watch them came.
  private var closing: [UInt32: Descriptor] = [:]
  private var last: UInt32 = 0
  private var isFullTold = false

  init(_ root: WatchedRoot, _ settings: InstanceSettings) {
    self.root = root
    self.settings = settings
    signals = settings.signals
  }

  private var inotify: INotifyThread { root.facilities.inotify }

  private func token(_ number: UInt32) -> UInt64 {
    WatchToken.owner(root: root.index, number: number).bits
  }

  // MARK: - Candidates

  func kept(_ path: CandidatePath, for reason: Reason, _ evidence: Evidence, _ now: Nanoseconds) {
    guard numbers[path] == nil, ClaimName(path.name) == nil,
      evidence.entry.type == .directory, root.rule.owners.allows(evidence.entry.owner),
      let open = root.root,
      let opened = try? openFile(
        path.bytes, at: open.descriptor, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, follow: .within)
    else { return }
    repeat {
      last = (last &+ 1) & CandidateID.generationMask
    } while watched[last] != nil || closing[last] != nil
    watched[last] = Watched(
      path: path, seen: evidence.ofKind.instances?.files, opened: opened)
    numbers[path] = last
    inotify.watch(path: opened.procPath, token: token(last), .writtenFiles)
  }

  func looked(at path: CandidatePath, isClaimed: Bool, _ now: Nanoseconds) {
    if isClaimed { end(path) }
  }

  func nameCame(_ path: CandidatePath) { end(path) }
  func nameGone(_ name: EntryName, in place: UInt32, _ arrival: Nanoseconds) {
    end(CandidatePath(name))
  }

  func signalled(
    _ name: EntryName, _ change: WatchMessage.Change, in place: UInt32, _ arrival: Nanoseconds
  ) {}
  func removed(_ path: CandidatePath, _ now: Nanoseconds) {}
  func forgot(place: [UInt8]) {}

  // MARK: - Watches

  func armed(_ number: UInt32, _ result: Result<WatchHandle, WatchFailure>) {
    guard let one = watched[number] else {
      if case .success(let handle) = result { inotify.unwatch(handle, token: token(number)) }
      return armedTooLate(number)
    }
    defer { one.opened?.close() }
    watched[number]!.opened = nil
    switch result {
    case .success(let handle):
      watched[number]!.handle = handle
      // What came before the watch made no event.
      guard let opened = one.opened, let seen = one.seen,
        InstanceReading(settings, opened).files() == seen
      else { return root.lookAgain(at: one.path, .created, readMonotonic()) }
    case .failure(let failure):
      end(one.path)
      guard failure.code == ENOSPC, !isFullTold else { return }
      isFullTold = true
      root.facilities.logger.warning(
        """
        the limit of inotify watches is reached: what becomes complete or protected in \
        \(root.access.path) is found by the backstop only
        """)
    }
  }

  func armedTooLate(_ number: UInt32) {
    if let one = watched.removeValue(forKey: number) {
      one.opened?.close()
      numbers[one.path] = nil
    }
    closing.removeValue(forKey: number)?.close()
  }

  var arming: Int { closing.count + watched.values.count { $0.opened != nil } }

  /// The directory was removed, moved or unmounted.
  func watchLost(_ number: UInt32) {
    guard let one = watched[number] else { return }
    end(one.path)
    root.lookAgain(at: one.path, .rescan, readMonotonic())
  }

  func entryChanged(
    _ number: UInt32, _ name: [UInt8], _ change: WatchMessage.Change, _ arrival: Nanoseconds
  ) {
    guard let one = watched[number], let name = EntryName(name), signals.contains(name) else {
      return
    }
    switch change {
    // Nothing stands in it yet, unless it was linked there: whoever made it closes it. What protects
    // does so from the first.
    case .created where !settings.protect.contains(name) && isEmpty(name, of: one.path): return
    case .modified: return
    case .created, .movedIn, .movedOut, .removed, .written, .attributes:
      root.lookAgain(at: one.path, .created, arrival)
    }
  }

  private func isEmpty(_ name: EntryName, of path: CandidatePath) -> Bool {
    guard let open = root.root,
      let facts = try? status(
        ofPath: path.bytes + [UInt8(ascii: "/")] + name.bytes, at: open.descriptor)
    else { return true }
    return facts.size == 0
  }

  func watch() {}
  /// Every candidate is looked at anew then, and watched when it stays.
  func rootFound() { endWatches() }
  func endWatches() { for path in Array(numbers.keys) { end(path) } }

  private func end(_ path: CandidatePath) {
    guard let number = numbers.removeValue(forKey: path),
      let one = watched.removeValue(forKey: number)
    else { return }
    if let handle = one.handle { inotify.unwatch(handle, token: token(number)) }
    if let opened = one.opened { closing[number] = opened }
  }

  func nextDeadline(now: Nanoseconds) -> Nanoseconds? { nil }
  func deadlinePassed(_ now: Nanoseconds) {}
}
