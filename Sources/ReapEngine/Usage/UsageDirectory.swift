// A directory of a walk that adds up: where it lies, and its descriptor for as long as somebody needs it.

import OwnedDirectories
import Synchronization

final class UsageDirectory: Sendable {
  let name: [UInt8]
  /// The row that it counts for.
  let row: Int
  /// Of the directory at which the walk began: 0.
  let depth: Int
  /// Nil where the walk follows it otherwise.
  let descriptor: Descriptor?
  private let above: Mutex<UsageDirectory?>
  /// Its listing, and each block of subdirectories that wait to be opened.
  private let users = Atomic<Int>(1)

  init(
    _ name: [UInt8], in parent: UsageDirectory?, row: Int, _ descriptor: Descriptor?
  ) {
    self.name = name
    self.row = row
    self.descriptor = descriptor
    depth = parent.map { $0.depth + 1 } ?? 0
    above = Mutex(parent)
  }

  /// One after the other: a tree may be deeper than a stack.
  deinit {
    var next = takeAbove()
    while next != nil, isKnownUniquelyReferenced(&next) { next = next?.takeAbove() }
  }

  private func takeAbove() -> UsageDirectory? {
    above.withLock { above in
      defer { above = nil }
      return above
    }
  }

  func retain() { users.add(1, ordering: .relaxed) }

  /// - Returns: whether that was the last use, which has closed it.
  func release() -> Bool {
    guard users.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 else {
      return false
    }
    descriptor?.close()
    return true
  }

  /// Below the directory at which the walk began.
  func path(of name: [UInt8]? = nil) -> [UInt8] {
    var names: [[UInt8]] = name.map { [$0] } ?? []
    var next: UsageDirectory? = self
    while let directory = next, directory.depth > 0 {
      names.append(directory.name)
      next = directory.above.withLock { $0 }
    }
    return Array(names.reversed().joined(separator: [UInt8(ascii: "/")]))
  }
}
