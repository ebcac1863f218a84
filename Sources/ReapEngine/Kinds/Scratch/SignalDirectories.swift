// Directories besides the root in which files tell of its candidates' owners: each is watched, and so is
// every directory on the way to it below the root. None is reached through a link or another mount.

import Glibc
import Logging
import OwnedDirectories
import ReapRules
import Watching

final class SignalDirectories {
  private struct Watched {
    /// Which of the paths, and how much of it is the watched directory's.
    let path: Int
    let depth: Int
    var handle: WatchHandle?
    /// Open only until the watch is there.
    var opened: Descriptor?
  }

  private unowned let root: WatchedRoot
  private let paths: [[EntryName]]
  /// What lies in one of them may have changed without an event.
  private let changed: () -> Void
  private var watched: [UInt32: Watched] = [:]
  /// Of directories that were given up before the answer to the command to watch them came.
  private var closing: [UInt32: Descriptor] = [:]
  private var last: UInt32 = 0
  /// Not before the root is watched itself.
  private var hasBegun = false
  /// What was said of each path that cannot be watched.
  private var complaints: [Int: String] = [:]

  init(_ root: WatchedRoot, _ paths: [[EntryName]], changed: @escaping () -> Void) {
    self.root = root
    self.paths = paths
    self.changed = changed
  }

  private var inotify: INotifyThread { root.facilities.inotify }

  private func token(_ number: UInt32) -> UInt64 {
    WatchToken.owner(root: root.index, number: number).bits
  }

  /// Commands that are not answered yet.
  var arming: Int { closing.count + watched.values.count { $0.opened != nil } }

  // MARK: - Beginning

  /// The root is watched, and may be another directory than before.
  func watchAnew() {
    hasBegun = true
    for path in paths.indices { watch(path, from: 0) }
  }

  /// Tries what could not be watched before.
  func watchMissing() {
    for path in paths.indices where hasBegun {
      let depth = watched.values.count { $0.path == path }
      if depth < paths[path].count { watch(path, from: depth) }
    }
  }

  /// Watches the directories of a path from one on, each once the watch on the one above it is there:
  /// nothing that happens to it later is missed.
  private func watch(_ path: Int, from depth: Int) {
    end { $0.path == path && $0.depth >= depth }
    guard let open = root.root else { return }
    let opened: Descriptor
    do {
      opened = try openFile(
        bytes(path, depth), at: open.descriptor, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
        follow: .within)
    } catch {
      // None there, or nothing in which an owner's file would be looked for.
      if ![ENOENT, ENOTDIR, ELOOP, EXDEV].contains(error.code) {
        complain(path, depth, errorText(error.code))
      }
      return
    }
    repeat {
      last = (last &+ 1) & CandidateID.generationMask
    } while watched[last] != nil || closing[last] != nil
    watched[last] = Watched(path: path, depth: depth, opened: opened)
    inotify.watch(path: opened.procPath, token: token(last), .directory)
  }

  private func bytes(_ path: Int, _ depth: Int) -> [UInt8] {
    Array(paths[path][...depth].map(\.bytes).joined(separator: [UInt8(ascii: "/")]))
  }

  private func complain(_ path: Int, _ depth: Int, _ why: String) {
    let text = "\(root.access.path)/\(displayText(bytes(path, depth))) cannot be watched: \(why)"
    guard complaints.updateValue(text, forKey: path) != text else { return }
    root.facilities.logger.warning(
      "\(text); what the files in it tell of is looked at ever more seldom instead")
  }

  func armed(_ number: UInt32, _ result: Result<WatchHandle, WatchFailure>) {
    guard let one = watched[number] else {
      if case .success(let handle) = result { inotify.unwatch(handle, token: token(number)) }
      return armedTooLate(number)
    }
    one.opened?.close()
    watched[number]!.opened = nil
    switch result {
    case .success(let handle):
      watched[number]!.handle = handle
      complaints[one.path] = nil
      guard one.depth + 1 < paths[one.path].count else { return changed() }
      watch(one.path, from: one.depth + 1)
    case .failure(let failure):
      watched[number] = nil
      let isFull = failure.code == ENOSPC
      complain(
        one.path, one.depth,
        isFull ? "the limit of inotify watches is reached" : errorText(failure.code))
    }
  }

  func armedTooLate(_ number: UInt32) {
    watched[number]?.opened?.close()
    watched[number] = nil
    closing.removeValue(forKey: number)?.close()
  }

  // MARK: - Events

  /// Something happened to an entry of the root.
  func changed(_ name: EntryName, _ change: WatchMessage.Change) {
    for path in paths.indices where paths[path][0] == name { changed(path, at: 0, change) }
  }

  /// Something happened to an entry of a watched directory.
  ///
  /// - Returns: the directory, where the entry is one of the files that tell something.
  func changed(
    _ number: UInt32, _ name: EntryName, _ change: WatchMessage.Change
  ) -> [EntryName]? {
    guard let one = watched[number] else { return nil }
    let next = one.depth + 1
    guard next < paths[one.path].count else { return paths[one.path] }
    if paths[one.path][next] == name { changed(one.path, at: next, change) }
    return nil
  }

  private func changed(_ path: Int, at depth: Int, _ change: WatchMessage.Change) {
    // A mode tells something of one that could not be opened.
    let isWatched = watched.values.contains { $0.path == path && $0.depth == depth }
    guard change != .attributes || !isWatched else { return }
    watch(path, from: depth)
    // What was in it is gone; what is in one that came instead is looked at once that is watched.
    changed()
  }

  /// The directory was removed, moved or unmounted.
  func lost(_ number: UInt32) {
    guard let one = watched[number] else { return }
    watch(one.path, from: one.depth)
    changed()
  }

  // MARK: - The end

  func endWatches() { end { _ in true } }

  private func end(where isOver: (Watched) -> Bool) {
    for (number, one) in watched where isOver(one) {
      watched[number] = nil
      if let handle = one.handle { inotify.unwatch(handle, token: token(number)) }
      if let opened = one.opened { closing[number] = opened }
    }
  }
}
