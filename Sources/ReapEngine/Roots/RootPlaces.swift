// How the reaper follows the directories below a root: those that come, go and move.

import Glibc
import Logging
import OwnedDirectories
import ReapRules
import Watching

final class RootPlaces {
  private unowned let root: WatchedRoot
  private var tree = PlaceTree()

  init(_ root: WatchedRoot) { self.root = root }

  private var inotify: INotifyThread { root.facilities.inotify }

  subscript(number: UInt32) -> PlaceTree.Place? { tree[number] }

  func number(of path: [UInt8]) -> UInt32? { tree.number(of: path) }

  /// Commands to watch that are not answered yet.
  var arming: Int { tree.arming }

  func token(_ number: UInt32) -> UInt64 {
    WatchToken.place(root: root.index, number: number).bits
  }

  // MARK: - Candidates

  /// What lies in the root itself is known to the schedule, and nothing depends on the others.
  func noteCandidate(_ name: EntryName, in number: UInt32) {
    if root.part.hasPlaces { tree.noteCandidate(name, in: number) }
  }

  func noteCandidate(_ path: CandidatePath) {
    guard root.part.hasPlaces, let number = tree.number(of: path.directory) else { return }
    tree.noteCandidate(path.name, in: number)
  }

  func forgetCandidate(_ name: EntryName, in number: UInt32) {
    if root.part.hasPlaces { tree.forgetCandidate(name, in: number) }
  }

  func forgetCandidate(_ path: CandidatePath) {
    guard root.part.hasPlaces, let number = tree.number(of: path.directory) else { return }
    tree.forgetCandidate(path.name, in: number)
  }

  /// False where that is known already.
  func noteConflict(in number: UInt32) -> Bool { tree.noteConflict(in: number) }

  func forgetConflict(in number: UInt32) { tree.forgetConflict(in: number) }

  // MARK: - Events

  func changed(_ path: [UInt8], below parent: UInt32, _ change: WatchMessage.Change) {
    switch change {
    case .written, .modified, .attributes: return
    case .created, .movedIn, .movedOut:
      if let old = tree.number(of: path) { remove(old) }
      enter(path, below: parent)
    case .removed:
      if let old = tree.number(of: path) { remove(old) }
    }
  }

  /// Watches a directory in which candidates may lie, and then lists it: what is made in it before
  /// the watch is there is found by that. One that is known is only listed.
  func enter(_ path: [UInt8], below parent: UInt32) {
    guard let open = root.root, tree[parent] != nil else { return }
    if let known = tree.number(of: path) {
      tree.noteSeen(known)
      guard tree[known]?.arming == nil else { return }
      guard tree[known]?.watch == nil else { return root.scan.list(known) }
      remove(known)  // its watch is gone: begin anew
    }
    let opened: Descriptor
    do {
      opened = try openFile(
        path, at: open.descriptor, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, follow: .within)
    } catch {
      // Gone again, a file, a link, or another file system: nothing that holds candidates.
      if error.code == ENAMETOOLONG {
        tellTooDeep(path, below: parent)
      } else if ![ENOENT, ENOTDIR, ELOOP, EXDEV].contains(error.code) {
        root.facilities.logger.warning(
          "\(root.access.path)/\(displayText(path)) is not watched: \(error)")
      }
      return
    }
    let number = tree.add(path, below: parent, opened: opened)
    inotify.watch(path: opened.procPath, token: token(number), .partition)
  }

  /// Once for all that comes there: somebody may make and remove such directories all the time.
  private func tellTooDeep(_ path: [UInt8], below parent: UInt32) {
    guard tree.noteTooDeep(below: parent) else { return }
    root.facilities.logger.warning(
      """
      \(root.access.path)/\(displayText(Array(path.prefix(200))))… is not watched, nor what comes \
      beside it: its path of \(path.count) bytes is longer than the kernel takes in one piece
      """)
  }

  func armed(_ number: UInt32, _ result: Result<WatchHandle, WatchFailure>) {
    var handle: WatchHandle?
    switch result {
    case .success(let watch): handle = watch
    case .failure(let failure): root.access.pollUnwatched(failure.code)
    }
    guard tree.armed(number, handle) else {
      if let handle { inotify.unwatch(handle, token: token(number)) }
      return
    }
    root.scan.list(number)
  }

  /// A watch that was asked for before the rule ended.
  func armedTooLate(_ number: UInt32) { _ = tree.armed(number, nil) }

  /// The directory was removed, moved or unmounted; its parent's events tell whether it is back.
  func lost(_ number: UInt32) {
    guard let place = tree[number] else { return }
    remove(number)
    enter(place.path, below: place.parent)
  }

  private func remove(_ number: UInt32) { forget(tree.remove(number)) }

  /// Lets go of all of them, with the root.
  func removeAll() { forget(tree.remove(PlaceTree.root)) }

  private func forget(_ removed: [(number: UInt32, place: PlaceTree.Place)]) {
    let now = readMonotonic()
    for (number, place) in removed {
      if let watch = place.watch { inotify.unwatch(watch, token: token(number)) }
      root.follower?.forgot(place: place.path)
      for name in place.candidates {
        let path = CandidatePath(directory: place.path, name)
        root.reprieve(path, "gone", nil, Occasion(trigger: .rescan))
        root.holdings.handOn(path)
        root.post(.vanished(path), at: now)
      }
    }
  }

  // MARK: - Scans

  func beginScan() { tree.beginScan() }

  /// Drops what a scan did not come to any more.
  func removeUnseen() {
    for number in tree.unseen where tree[number] != nil { remove(number) }
  }
}
