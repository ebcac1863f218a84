// Warns of a file system that fills up. Nothing is polled for that: it is looked at where its root is looked at
// anyway.

import Logging
import OwnedDirectories
import ReapRules

final class UseMarks {
  /// Removals come by the thousand.
  private static let interval = nanosecondsPerSecond

  private struct FileSystem {
    var warning = UseWarning()
    var lookedAt: Nanoseconds
  }

  /// By device.
  private var known: [UInt64: FileSystem] = [:]
  private let logger: Logger

  init(logger: Logger) { self.logger = logger }

  /// - Parameter mark: used, in hundredths of a percent; nil: nobody is warned.
  func look(at root: OpenRoot, mark: Int64?) {
    guard let mark else { return }
    let now = readMonotonic()
    var file = known[root.identity.device] ?? FileSystem(lookedAt: .min / 2)
    guard now - file.lookedAt >= Self.interval else { return }
    file.lookedAt = now
    if let room = try? freeRoom(at: root.descriptor) {
      for words in file.warning.look(at: room, mark: mark) { warn(words, room, root, mark) }
    }
    known[root.identity.device] = file
  }

  private func warn(_ words: UseWarning.Words, _ room: FreeRoom, _ root: OpenRoot, _ mark: Int64) {
    let isBytes = words.room == .bytes
    let left = isBytes ? "\(roughSize(room.freeBytes)) left" : "\(room.freeInodes) left"
    logger.warning(
      """
      the file system of \(root.path) is at \(FreeSpace.formatShare(words.share)) of its \
      \(isBytes ? "room" : "inodes"), \(left) (warn_used: \(FreeSpace.formatShare(mark)))
      """)
  }
}
