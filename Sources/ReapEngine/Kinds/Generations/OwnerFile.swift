// The file that names the owners' process, watched.

import Glibc
import OwnedDirectories
import ReapRules
import Watching

final class OwnerFile {
  private let owner: OwnerWatch
  private unowned let root: WatchedRoot
  /// On its directory, or on the nearest one above that exists …
  private var watchHandle: WatchHandle?
  /// … and that one's path.
  private var place: FilePath = ""

  init(_ owner: OwnerWatch, _ root: WatchedRoot) {
    self.owner = owner
    self.root = root
  }

  private var token: UInt64 { WatchToken.owner(root: root.index, number: 0).bits }
  private var inotify: INotifyThread { root.facilities.inotify }

  func watch() {
    if watchHandle == nil {
      place = nearestAncestor(owner.pidfile.path)
      // A pid file may be written in place: the mask for partitions tells of that too.
      inotify.watch(path: place, token: token, .partition)
    }
    owner.refresh()
  }

  func armed(_ result: Result<WatchHandle, WatchFailure>) {
    switch result {
    case .success(let handle):
      if let old = watchHandle { inotify.unwatch(old, token: token) }
      watchHandle = handle
      placeChanged()  // before the watch was there
    case .failure(let failure):
      if failure.code == ENOENT { watch() }  // it went meanwhile: the next one above
    }
  }

  /// Something came, went or was written where the pid file is, or in the nearest directory above
  /// that exists.
  ///
  /// - Parameter name: what it was; nil where anything may have changed.
  func placeChanged(_ name: [UInt8]? = nil) {
    let rest = owner.pidfile.path.bytes.dropFirst(place.bytes.count)
    let awaited = rest.split(separator: UInt8(ascii: "/"), maxSplits: 1).first
    // The directory may be a busy one: /run, or whatever is nearest to one that is absent.
    guard name == nil || awaited?.elementsEqual(name ?? []) == true else { return }
    guard nearestAncestor(owner.pidfile.path) == place else { return watchLost() }
    owner.refresh()
  }

  func watchLost() {
    endWatch()
    watch()
  }

  func endWatch() {
    guard let handle = watchHandle else { return }
    inotify.unwatch(handle, token: token)
    watchHandle = nil
  }
}

private func nearestAncestor(_ path: FilePath) -> FilePath {
  var ancestor = path
  while let parent = ancestor.parent, parent != "/" {
    ancestor = parent
    if (try? status(ofPath: ancestor))?.type == .directory { return ancestor }
  }
  return "/"
}
