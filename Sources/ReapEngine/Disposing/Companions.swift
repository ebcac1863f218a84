// What goes with a candidate: entries beside it, such as its lock file.

import Glibc
import OwnedDirectories
import ReapRules

struct Companions {
  let claimed: Claimed

  private var spot: Spot { claimed.spot }

  /// Removes the entries that go with what was claimed, once everything in it is gone. One that may be
  /// somebody's stays: it is in nobody's way.
  ///
  /// - Parameter removed: called with what each was.
  func remove(_ removed: (FileStatus) -> Void) {
    // Made anew meanwhile, it has them.
    guard claimed.name == claimed.original || !spot.has(claimed.original) else { return }
    for name in claimed.companions {
      if let facts = companion(name),
        (try? unlink(name, at: spot.directory.descriptor, isDirectory: false)) != nil
      {
        removed(facts)
      }
    }
  }

  /// Nil where it is none of ours: another user's, a candidate itself, neither a file nor a socket, or in
  /// use.
  private func companion(_ name: EntryName) -> FileStatus? {
    let directory = spot.directory.descriptor
    guard claimed.rule.role(of: name, isDirectory: false) != .candidate,
      !claimed.rule.neverTakes(name),
      let facts = try? status(of: name, at: directory),
      facts.owner == claimed.evidence.entry.owner, facts.isMountPoint != true
    else { return nil }
    guard facts.type != .socket else { return isBound(name, facts) ? nil : facts }
    guard facts.type == .regular else { return nil }
    // A lock file goes only while we hold it: whoever takes it next would own what is not there.
    if let held = claimed.held, held.identity == facts.identity {
      return probeOpen(held.descriptor) == .notOpen
        && (try? isPinned(held.descriptor)) == false ? facts : nil
    }
    guard !isLockFile(name) else { return nil }
    guard
      let file = try? openFile(
        name.bytes, at: directory, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, follow: .within)
    else { return nil }
    defer { file.close() }
    return probeOpen(file) == .notOpen && (try? isPinned(file)) == false ? facts : nil
  }

  /// By that name or, renamed since, by another one that is gone.
  private func isBound(_ name: EntryName, _ facts: FileStatus) -> Bool {
    let view = LifeView.shared.current()
    guard view.binder(of: name, identity: facts.identity) == nil,
      let directory = try? status(of: spot.directory.descriptor)
    else { return true }
    return view.holder(of: directory.identity)?.use == .boundSocket
  }

  private func isLockFile(_ name: EntryName) -> Bool {
    spot.shared.part.outerLock(of: claimed.original) == .beside(name.bytes)
  }
}
