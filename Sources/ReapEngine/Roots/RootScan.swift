// How a root's directories are listed: a portion at a time, so that events are handled in between.

import Glibc
import Logging
import OwnedDirectories
import ReapRules

final class RootScan {
  /// How many candidates are looked at before events are handled again.
  private static let portion = 128
  /// Commands to watch that may be unanswered while a scan goes on, which bounds their memory …
  private static let armingLimit = 4096
  /// … and, where descriptors are short, those that are open only until the answer comes.
  private static let sparseArmingLimit = 256

  /// A directory that is being listed.
  private struct Listing {
    var listing: DirectoryListing
    var batch: ArraySlice<DirectoryEntry> = []
    let place: UInt32
    let path: [UInt8]
    /// The directory, opened for this listing; nil for the root, whose own descriptor is used.
    let descriptor: Descriptor?

    func finish() {
      listing.finish()
      descriptor?.close()
    }
  }

  /// What is listed, and why.
  private enum State {
    /// Single places are listed as they come.
    case following
    /// Everything is. `next`: another scan was asked for meanwhile, and comes after it.
    case scanning(Trigger, next: Trigger?)
  }

  private unowned let root: WatchedRoot
  private var state = State.following
  private var listing: Listing?
  /// A portion is being listed at this moment: the looks that it asks for are made together.
  private(set) var isListingNow = false
  /// Places that wait to be listed.
  private var unlisted: [UInt32] = []

  init(_ root: WatchedRoot) { self.root = root }

  /// What brought about the scan of everything that is under way; nil where there is none.
  var trigger: Trigger? {
    switch state {
    case .following: nil
    case .scanning(let trigger, _): trigger
    }
  }

  func begin(_ trigger: Trigger) {
    guard root.root != nil else { return }
    if case .scanning(let present, _) = state {
      state = .scanning(present, next: trigger)
      return
    }
    var isFirst = true
    if case .over = root.beginning { isFirst = false }
    state = .scanning(isFirst && !root.isBelated ? .startup : trigger, next: nil)
    root.places.beginScan()
    unlisted.append(PlaceTree.root)
    root.post(.scanBegan, at: readMonotonic())
  }

  /// Lists one place.
  func list(_ place: UInt32) { unlisted.append(place) }

  /// Whether a listing could go on now.
  var canGoOn: Bool { hasWork && room > 0 }

  /// Whether there is something to list.
  var hasWork: Bool {
    listing != nil || !unlisted.isEmpty || (trigger != nil && root.places.arming == 0)
  }

  /// How many more commands to watch may be under way.
  private var room: Int {
    let limit = max(
      Self.sparseArmingLimit,
      min(Self.armingLimit, root.facilities.shortage.descriptorsLeft / 2))
    return limit - root.holdings.arming - root.places.arming
  }

  /// Goes on with a listing that is under way, or begins the next.
  func goOn() {
    isListingNow = trigger != nil
    list()
    root.facilities.roster.drain()
    isListingNow = false
    root.looks.makeBatch()
  }

  /// Lists the next portion. What it finds is posted.
  private func list() {
    var left = min(Self.portion, room)
    while left > 0, hasWork {
      guard listing != nil else {
        guard beginListing() else { return }
        continue
      }
      if let entry = listing!.batch.popFirst() {
        left -= 1
        found(entry)
        continue
      }
      do {
        listing!.batch = try listing!.listing.nextBatch()[...]
      } catch {
        root.facilities.logger.warning(
          "\(root.access.path)/\(displayText(listing!.path)) cannot be listed: \(error)")
        endListing()
        // What could not be listed must not be taken for gone.
        if trigger != nil { return end() }
        continue
      }
      if listing!.batch.isEmpty { endListing() }
    }
  }

  /// Begins with the next directory; false where there is none, which ends a scan.
  private func beginListing() -> Bool {
    guard let open = root.root else { return false }
    while let number = unlisted.popLast() {
      guard let place = root.places[number] else { continue }
      guard number != PlaceTree.root else {
        listing = Listing(
          listing: DirectoryListing(open.descriptor), place: number, path: [], descriptor: nil)
        return true
      }
      guard
        let opened = try? openFile(
          place.path, at: open.descriptor, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, follow: .within)
      else { continue }  // it went, and an event tells
      listing = Listing(
        listing: DirectoryListing(opened, from: nil), place: number, path: place.path,
        descriptor: opened)
      return true
    }
    if trigger != nil, root.places.arming == 0 {
      root.post(.scanEnded, at: readMonotonic())
      root.keeper?.scanned(readMonotonic())
      root.places.removeUnseen()
      end()
    }
    return false
  }

  private func found(_ entry: DirectoryEntry) {
    guard let listing else { return }
    let isDirectory: Bool? = entry.kind == .unknown ? nil : entry.kind == .directory
    let path = CandidatePath(directory: listing.path, entry.name)
    switch root.rule.role(of: entry.name, isDirectory: isDirectory, in: listing.path) {
    case .nothing, .signal: return
    case .place: root.places.enter(path.bytes, below: listing.place)
    case .candidate:
      guard !root.claims.contains(path) else { return }
      root.places.noteCandidate(entry.name, in: listing.place)
      root.post(.listed(path, trigger ?? .created), at: readMonotonic())
    }
  }

  private func endListing() {
    listing?.finish()
    listing = nil
  }

  private func end() {
    endListing()
    guard case .scanning(_, let next) = state else { return }
    state = .following
    root.noteListed()
    if let next { begin(next) }
  }

  /// The root is let go of.
  func stop() {
    if case .scanning(let trigger, _) = state { state = .scanning(trigger, next: nil) }
    end()
    unlisted = []
  }
}
