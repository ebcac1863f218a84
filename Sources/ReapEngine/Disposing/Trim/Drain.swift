// Draining: what late writers wrote to the old file of a trimmed log is appended to the new one, line
// by line, until a lease proves that nobody has the old one open. Killed at any instant, it goes on.

import Glibc
import OwnedDirectories
import ReapRules

struct Drain {
  /// Appended by one write(2), so that no other writer's line comes between: whole lines …
  private static let pieceSize = 64 << 10
  /// … but for one that is longer than this.
  private static let longestLine = 4 << 20

  /// Less than this is not given back early.
  private static let worthGiving: Int64 = 4 << 20

  enum Outcome {
    case finished(bytes: Int64)
    /// Somebody has it open.
    case open
  }

  let spot: Spot
  /// The old file's, a claimed one; and the log's.
  let name: EntryName
  let original: EntryName
  let file: Descriptor
  let facts: FileStatus
  private(set) var record: DrainRecord
  private(set) var lines: Int64 = 0

  init(
    _ name: EntryName, _ original: EntryName, _ file: Descriptor, _ facts: FileStatus,
    _ record: DrainRecord, at spot: Spot
  ) {
    self.spot = spot
    self.name = name
    self.original = original
    self.file = file
    self.facts = facts
    self.record = record
  }

  private var directory: Descriptor { spot.directory.descriptor }

  mutating func run() throws(SystemError) -> Outcome {
    if let piece = record.piece {
      record = try BegunPiece(piece, from: file, record.upTo, original, at: directory).settled()
      try note()
    }
    try carryOver(isLast: false)
    guard probeOpen(file) == .notOpen else { return .open }
    try synchronizeTarget()
    guard takeWriteLease(file) else { return .open }
    defer { giveBackLease(file) }
    let before = lines
    try carryOver(isLast: true)
    if lines > before { try synchronizeTarget() }
    let there = try status(of: name, at: directory)
    guard there.identity == facts.identity, there.size <= record.upTo else {
      throw SystemError("unlink", name.display, ESTALE)
    }
    try unlink(name, at: directory, isDirectory: false)
    return .finished(bytes: there.links == 1 ? there.allocated : 0)
  }

  /// Gives back the blocks of what is carried over, where nobody reads it.
  func giveBackBlocks() {
    let block = blockSize(of: file)
    guard block > 0, facts.links == 1,
      facts.allocated > facts.size - record.upTo + Self.worthGiving,
      logHolders(of: facts.identity, except: file).onlyAppend,
      let writable = try? openLog(name, at: directory)
    else { return }
    defer { writable.close() }
    guard (try? status(of: writable).identity) == facts.identity else { return }
    OwnedDirectories.giveBackBlocks(of: writable, upTo: record.upTo / block * block)
  }

  private func note() throws(SystemError) {
    try setMark(DrainRecord.name, record.text, on: file)
  }

  /// - Parameter isLast: nobody can write to it any more: a line without an end is one.
  private mutating func carryOver(isLast: Bool) throws(SystemError) {
    // Whoever has it open has cut it off, and goes on from its beginning.
    if try status(of: file).size < record.upTo {
      record = DrainRecord(upTo: 0)
      try note()
    }
    let buffer = ReadBuffer(capacity: Self.pieceSize)
    var target: Target?
    defer { target?.file.close() }
    var hasMoved = false
    reading: while true {
      try buffer.fill(from: file, at: record.upTo, upTo: buffer.capacity)
      guard buffer.count > 0 else { break }
      switch try step(buffer, isLast: isLast) {
      case .wait: break reading
      case .enlarge: buffer.resize(to: buffer.capacity * 2)
      case .skip(let length):
        record = DrainRecord(upTo: record.upTo + length)
        hasMoved = true
      case .carry(let length, let isTorn):
        if target == nil { target = try openTarget() }
        try append(buffer, length, isTorn: isTorn, to: target!)
        hasMoved = true
      }
    }
    if hasMoved { try note() }
  }

  private enum Step {
    case carry(Int, isTorn: Bool)
    /// Nothing was written there.
    case skip(Int64)
    case enlarge, wait
  }

  /// A writer at an offset may be about to write where NULs are: what comes from there on waits until
  /// nobody can write to it any more.
  private func step(_ buffer: ReadBuffer, isLast: Bool) throws(SystemError) -> Step {
    let whole = 0..<buffer.count
    let text = buffer.first(0, in: whole) ?? buffer.count
    if let end = buffer.last(0x0A, in: 0..<text) { return .carry(end + 1, isTorn: false) }
    guard text < buffer.count else {
      guard buffer.count < buffer.capacity else {
        return buffer.capacity < Self.longestLine ? .enlarge : .carry(buffer.count, isTorn: false)
      }
      return isLast ? .carry(buffer.count, isTorn: true) : .wait
    }
    guard isLast else { return .wait }
    guard text == 0 else {
      // NULs in the middle of a line may be its writer's.
      let end = buffer.first(0x0A, in: text..<buffer.count)
      return end.map { .carry($0 + 1, isTorn: false) } ?? .carry(text, isTorn: true)
    }
    if let found = buffer.firstNonNUL(in: whole) { return .skip(Int64(found)) }
    let behind = record.upTo + Int64(buffer.count)
    let size = try status(of: file).size
    return .skip((nextData(file, from: behind) ?? max(behind, size)) - record.upTo)
  }

  private mutating func append(
    _ buffer: ReadBuffer, _ length: Int, isTorn: Bool, to target: Target
  ) throws(SystemError) {
    let size = try status(of: target.file).size
    record.piece = DrainRecord.Piece(to: target.identity, at: size, length: Int64(length))
    try note()
    if isTorn {
      // Whoever wrote half a line is gone; the next one begins one of its own.
      let line = buffer.bytes(0..<length) + [0x0A]
      try writeAll(line.span, to: target.file, original.display)
      lines += 1
    } else {
      var done = 0
      while done < length {
        let written = buffer.writeOnce(done..<length, to: target.file)
        // What is in it by then, the next look will find.
        guard written > 0 else { throw SystemError("write", original.display) }
        done += written
      }
      lines += Int64(buffer.count(of: 0x0A, in: 0..<length))
    }
    record = DrainRecord(upTo: record.upTo + Int64(length))
  }

  // MARK: - The file that it goes into

  struct Target {
    let file: Descriptor
    let identity: MarkedFile
  }

  /// What has the log's name now; made anew where nothing has.
  private func openTarget() throws(SystemError) -> Target {
    do throws(SystemError) {
      return try existingTarget()
    } catch {
      guard error.code == ENOENT else { throw error }
    }
    let made = try createFile(original.bytes, at: directory)
    defer { made.close() }
    try copyAttributes(from: file, to: made)
    return try existingTarget()
  }

  private func existingTarget() throws(SystemError) -> Target {
    let opened = try openLog(original, at: directory, appending: true)
    do throws(SystemError) {
      let there = try status(of: opened)
      // Another user's file, or the old one itself, put back: not to be written to. Nor what may be
      // another file of the owner's, linked there by whoever owns the directory.
      let isOwnersPlace = spot.directory.owner == there.owner || spot.directory.owner == 0
      guard there.type == .regular, there.owner == facts.owner, there.identity != facts.identity,
        there.links == 1 || isOwnersPlace
      else { throw SystemError("append", original.display, EPERM) }
      return Target(file: opened, identity: MarkedFile(there.identity))
    } catch {
      opened.close()
      throw error
    }
  }

  /// What was carried over must be on the disk before the old file is not.
  private func synchronizeTarget() throws(SystemError) {
    guard let target = try? existingTarget() else { return }
    defer { target.file.close() }
    try synchronize(target.file, original.display)
  }
}
