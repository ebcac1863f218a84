// Copies of a log beside it: copytruncate and logrotate's copy make some, and people do. What they hold
// was given out already, or is the rest of what was cut away.

import OwnedDirectories

/// What was read of a file: its first bytes, hashed, and the place up to which.
struct ReadRecord {
  let head: FileHead
  let position: ReadingPosition
}

extension ReadRecord {
  /// Fewer bytes hardly tell one log from another: a line and its stamp.
  private static let least = 32

  init(_ done: TailCheckpoint.Done) {
    head = done.head
    position = ReadingPosition(offset: done.size, window: [], isSkipping: false)
  }

  var done: TailCheckpoint.Done { .init(head: head, size: position.offset) }

  /// Whether that is what was read, and no more: by head and size.
  func isAll(of head: [UInt8], size: Int64) -> Bool {
    self.head.length >= Self.least && size == position.offset
      && FileHead(head.prefix(self.head.length)) == self.head
  }

  /// Whether a file begins with what was read, as far as it goes: a copy, made before or after.
  func isBeginning(of file: Descriptor, size: Int64) -> Bool {
    guard head.length >= Self.least else { return false }
    if position.window.isEmpty { return size == position.offset && hasHead(file) }
    if size >= position.offset { return holds(file) }
    // It ends before the place, so the remembered bytes are not in it: the head must do.
    return size >= Int64(head.length) && hasHead(file)
  }

  /// Whether a file still holds that, by its beginning, and perhaps more behind it.
  func isHead(of file: Descriptor, size: Int64) -> Bool {
    head.length > 0 && size >= position.offset && hasHead(file)
  }

  /// Whether it tells one log from another.
  var isStrong: Bool { head.length >= Self.least }

  private func hasHead(_ file: Descriptor) -> Bool {
    (try? FileHead(of: file, length: head.length)) == head
  }

  /// Whether a file holds all that was read, and perhaps more behind it. How few bytes that may be is
  /// for the caller to weigh.
  func holds(_ file: Descriptor) -> Bool {
    guard head.length > 0, hasHead(file) else { return false }
    let window = position.window
    let check = ReadBuffer(capacity: max(1, window.count))
    let start = position.offset - Int64(window.count)
    guard (try? check.fill(from: file, at: start, upTo: window.count)) != nil else { return false }
    return check.holds(window[...], at: 0)
  }
}

/// Whether a file is a copy of the beginning of another one that is open still: the same first bytes,
/// and the same ones at its end.
func isCopy(_ file: Descriptor, size: Int64, of original: Descriptor) -> Bool {
  guard size > 0, let whole = try? status(of: original).size, whole >= size,
    let head = try? FileHead(of: file, length: FileHead.size),
    (try? FileHead(of: original, length: head.length)) == head
  else { return false }
  let length = Int(min(size, Int64(ReadingPosition.windowSize)))
  let (mine, other) = (ReadBuffer(capacity: length), ReadBuffer(capacity: length))
  let start = size - Int64(length)
  guard (try? mine.fill(from: file, at: start, upTo: length)) != nil,
    (try? other.fill(from: original, at: start, upTo: length)) != nil
  else { return false }
  return mine.count == other.count && mine.holds(other.bytes(0..<other.count)[...], at: 0)
}
