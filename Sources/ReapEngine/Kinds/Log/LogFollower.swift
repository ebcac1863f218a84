// What is heard of logs at a watched root: that one grows, and that somebody closes the old file of a
// trim. A file that grows is not watched until it has come to rest: its size is asked for now and then.

import Glibc
import OwnedDirectories
import ReapRules
import Watching

final class LogFollower: KindFollower {
  /// Where no watch is to be had.
  private static let pollInterval = 30 * nanosecondsPerSecond

  private struct Followed {
    enum News {
      /// A command to watch it is under way, or its answer came to nothing …
      case arming, none
      /// … or an event tells.
      case watched(WatchHandle)
    }

    let path: CandidatePath
    let identity: FileIdentity
    var news = News.none
    /// As it was last seen; it may have grown since the look that led here.
    var size: Int64 = -1
    var pace = GrowthPace()
    /// Monotonic; when its size is asked for next.
    var due: Nanoseconds?

    var isOld: Bool { ClaimName(path.name) != nil }
  }

  private unowned let root: WatchedRoot
  private let settings: LogSettings
  private var followed: [UInt32: Followed] = [:]
  private var numbers: [CandidatePath: UInt32] = [:]
  private var last: UInt32 = 0
  /// Commands to watch that are not answered, also of files that are followed no more.
  private(set) var arming = 0

  init(_ root: WatchedRoot, _ settings: LogSettings) {
    self.root = root
    self.settings = settings
  }

  // MARK: - Which files are followed

  func looked(at path: CandidatePath, isClaimed: Bool, _ now: Nanoseconds) {
    guard let open = root.root,
      let facts = try? status(of: path.name, at: open.descriptor), facts.type == .regular
    else { return leave(path) }
    if let number = numbers[path], let known = followed[number], known.identity == facts.identity {
      guard case .none = known.news, known.due == nil else { return }
      followed[number]?.due = now + GrowthPace.shortest
      return
    }
    leave(path)
    last = (last &+ 1) & CandidateID.generationMask
    numbers[path] = last
    followed[last] = Followed(path: path, identity: facts.identity)
    arm(last)
  }

  private func leave(_ path: CandidatePath) {
    guard let number = numbers.removeValue(forKey: path),
      let file = followed.removeValue(forKey: number)
    else { return }
    unwatch(file, number)
  }

  private func token(_ number: UInt32) -> UInt64 {
    WatchToken.owner(root: root.index, number: number).bits
  }

  private func arm(_ number: UInt32) {
    guard let file = followed[number], let open = root.root else { return }
    followed[number]?.news = .arming
    followed[number]?.due = nil
    arming += 1
    root.facilities.inotify.watch(
      path: FilePath(open.path(of: file.path)), token: token(number), .followed)
  }

  private func unwatch(_ file: Followed, _ number: UInt32) {
    guard case .watched(let handle) = file.news else { return }
    root.facilities.inotify.unwatch(handle, token: token(number))
  }

  func armed(_ number: UInt32, _ result: Result<WatchHandle, WatchFailure>) {
    arming -= 1
    guard followed[number] != nil else {
      if case .success(let handle) = result {
        root.facilities.inotify.unwatch(handle, token: token(number))
      }
      return
    }
    let now = readMonotonic()
    switch result {
    case .success(let handle):
      followed[number]?.news = .watched(handle)
      // What happened before the watch was there is found by looking now; and that somebody has closed
      // an old one, by nothing else.
      guard let file = followed[number], size(of: file) == file.size else {
        return touched(number, now)
      }
      if file.isOld { look(at: file, now) }
    case .failure:
      followed[number]?.news = .none
      followed[number]?.due = now + Self.pollInterval
    }
  }

  /// Nil where another file has its name by now, or none.
  private func size(of file: Followed) -> Int64? {
    guard let open = root.root,
      let facts = try? status(of: file.path.name, at: open.descriptor),
      facts.identity == file.identity
    else { return nil }
    return facts.size
  }

  // MARK: - What happens to them

  /// It was written to, or closed by a writer.
  func touched(_ number: UInt32, _ arrival: Nanoseconds) {
    guard let file = followed[number] else { return }
    // Until it has come to rest, no event of it is read.
    unwatch(file, number)
    followed[number]?.news = .none
    see(number, arrival)
  }

  private func look(at file: Followed, _ now: Nanoseconds) {
    root.lookAgain(at: file.path, .growth, now)
  }

  private func see(_ number: UInt32, _ now: Nanoseconds) {
    guard var file = followed[number] else { return }
    guard let size = size(of: file) else {
      // A look finds out what became of it.
      look(at: file, now)
      return leave(file.path)
    }
    if file.isOld {
      look(at: file, now)
      file.due = now + GrowthPace.shortest
    } else {
      if size > settings.maxBytes { look(at: file, now) }
      file.due = now + file.pace.wait(size: size, limit: settings.maxBytes, now: now)
    }
    file.size = size
    followed[number] = file
  }

  func watchLost(_ number: UInt32) {
    guard let file = followed[number] else { return }
    followed[number]?.news = .none
    leave(file.path)
  }

  // MARK: - Deadlines

  func nextDeadline(now: Nanoseconds) -> Nanoseconds? { followed.values.compactMap(\.due).min() }

  func deadlinePassed(_ now: Nanoseconds) {
    for (number, file) in followed where file.due ?? .max <= now {
      followed[number]?.due = nil
      if size(of: file) == file.size { arm(number) } else { touched(number, now) }
    }
  }

  // MARK: - The root

  func endWatches() {
    for (number, file) in followed { unwatch(file, number) }
    followed = [:]
    numbers = [:]
  }

  func rootFound() { endWatches() }

  func nameGone(_ name: EntryName, in place: UInt32, _ arrival: Nanoseconds) {
    leave(CandidatePath(name))
  }

  func armedTooLate(_ number: UInt32) { arming -= 1 }

  // What else there is to be heard says nothing of logs.

  func signalled(
    _ name: EntryName, _ change: WatchMessage.Change, in place: UInt32, _ arrival: Nanoseconds
  ) {}
  func nameCame(_ path: CandidatePath) {}
  func kept(_ path: CandidatePath, for reason: Reason, _ evidence: Evidence, _ now: Nanoseconds) {}
  func removed(_ path: CandidatePath, _ now: Nanoseconds) {}
  func forgot(place: [UInt8]) {}
  func watch() {}
  func entryChanged(
    _ number: UInt32, _ name: [UInt8], _ change: WatchMessage.Change, _ arrival: Nanoseconds
  ) {}
}
