package import OwnedDirectories
package import ReapRules
import Glibc

/// What a removal could not get past: an entry, and the directory that it is in. Immutable flags and
/// permissions of either forbid it.
///
/// The kernel raises no event when chattr(1) changes a flag (no IN_ATTRIB, seen on 6.18), but the
/// tool has to open and close what it changes: any close there is a reason to compare change times,
/// which a changed flag does move. So whoever merely opens files, reapd itself included, brings
/// about two calls of statx(2) and no other attempt.
package struct Obstacle: Sendable {
  private struct Stamp: Equatable {
    let identity: FileIdentity
    let change: Int64
  }

  /// Opened with O_PATH: to close it raises no event.
  package let directory: Descriptor
  /// The entry; nil where the directory itself could not be moved.
  private let name: EntryName?
  private let directoryStamp: Stamp?
  private let entryStamp: Stamp?

  /// Whether flags or permissions may be behind an error; all else has other events, or none.
  package static func explains(_ error: SystemError) -> Bool {
    error.code == EPERM || error.code == EACCES
  }

  /// Nil where the directory cannot be opened.
  package init?(_ name: EntryName?, in directory: Descriptor, named path: [UInt8] = [0x2E]) {
    guard let opened = try? openDirectoryPath(path, at: directory) else { return nil }
    self.init(name, opened)
  }

  private init(_ name: EntryName?, _ opened: Descriptor) {
    self.directory = opened
    self.name = name
    directoryStamp = Self.stamp(try? status(of: opened))
    entryStamp = name.flatMap { Self.stamp(try? status(of: $0, at: opened)) }
  }

  private static func stamp(_ facts: FileStatus?) -> Stamp? {
    facts.map { Stamp(identity: $0.identity, change: $0.change) }
  }

  /// This obstacle with the stamps of now; the result takes over the descriptor.
  package func renewed() -> Obstacle { Obstacle(name, directory) }

  /// Whether another attempt may come to something else.
  package var hasChanged: Bool { !isSame(as: renewed()) }

  /// Whether nothing changed from the one to the other.
  package func isSame(as other: Obstacle) -> Bool {
    name == other.name && directoryStamp == other.directoryStamp && entryStamp == other.entryStamp
  }

  /// Whether the directory is gone, and the obstacle with it.
  package var isGone: Bool { (try? status(of: directory))?.links == 0 }
}
