// Trimming by a new file: the tail is copied, and both exchange names in one instant. Who has the old
// file open goes on writing to it, so it keeps a claimed name until it is drained.

import Glibc
import OwnedDirectories
import ReapRules

struct TailCopy {
  private static let pieceSize = 256 << 10
  /// Rounds in which what was written meanwhile is copied as well; the rest comes late.
  private static let rounds = 4
  /// So little left over is not worth another round.
  private static let enough: Int64 = 64 << 10

  let log: LogAtHand
  let cut: Int64
  /// Whether the log may be changed in place to make room for the copy.
  let mayMakeRoom: Bool

  private var directory: Descriptor { log.spot.directory.descriptor }
  private var old: MarkedFile { MarkedFile(log.facts.identity) }

  /// - Parameter claimed: the name that the copy has while it is made, and the old file after that.
  func run(_ claimed: EntryName) throws(SystemError) {
    let copy = try createFile(claimed.bytes, at: directory)
    defer { copy.close() }
    let made: FileIdentity
    do throws(SystemError) {
      // Nobody may read it before it is as the old one is.
      try setPermissions(0o600, of: copy)
      made = try status(of: copy).identity
      try mark(copy, upTo: cut)
      let end = try copyTail(to: copy)
      try copyAttributes(from: log.file, to: copy)
      try mark(copy, upTo: end)
      // On a full disk there may be no room for it.
      if let claim = ClaimName(claimed) {
        let placing = PlacingMark(claimedAt: claim.claimedAt, size: end - cut)
        try? setMark(PlacingMark.name, placing.text, on: copy)
      }
      try synchronize(copy, claimed.display)
      try setMark(DrainRecord.name, DrainRecord(upTo: end).text, on: log.file)
    } catch {
      try? unlink(claimed, at: directory, isDirectory: false)
      throw error
    }
    try putInPlace(claimed, made)
    removeMark(PlacingMark.name, from: copy)
  }

  private func mark(_ copy: Descriptor, upTo end: Int64) throws(SystemError) {
    let mark = TrimMark(of: old, own: TrimMark(on: log.file), cut: cut, end: end)
    do throws(SystemError) {
      try setMark(TrimMark.name, mark.text, on: copy)
    } catch {
      // Without a free block there is room for what fits into the inode.
      guard error.code == ENOSPC || error.code == EDQUOT else { throw error }
      try setMark(TrimMark.name, mark.shortest.text, on: copy)
    }
  }

  private func putInPlace(_ claimed: EntryName, _ made: FileIdentity) throws(SystemError) {
    let (spot, name) = (log.spot, log.name)
    spot.claims.noteRename(to: spot.path(name), made)
    spot.claims.noteRename(to: spot.path(claimed), log.facts.identity)
    do throws(SystemError) {
      guard try !isPinned(log.file) else { throw SystemError("exchange", name.display, EBUSY) }
      try log.checkName()
      try exchange(name, claimed, at: directory)
    } catch {
      forgetRenames(claimed)
      try? unlink(claimed, at: directory, isDirectory: false)
      throw error
    }
    // It goes by name: somebody may have put another file there, which has its name back at once. Lines
    // that were written to the copy in between are late ones, so that is drained like an old file.
    let moved = try? status(of: claimed, at: directory)
    guard moved?.identity == log.facts.identity else {
      forgetRenames(claimed)
      try exchange(name, claimed, at: directory)
      throw log.changed
    }
  }

  private func forgetRenames(_ claimed: EntryName) {
    log.spot.claims.takeRename(to: log.spot.path(log.name))
    log.spot.claims.takeRename(to: log.spot.path(claimed))
  }

  /// Copies whole lines from the cut on; where it ended in the old file.
  private func copyTail(to copy: Descriptor) throws(SystemError) -> Int64 {
    let buffer = ReadBuffer(capacity: Self.pieceSize)
    var from = cut
    var mayMakeRoom = mayMakeRoom
    for _ in 0..<Self.rounds {
      let size = try status(of: log.file).size
      guard size - from > (from == cut ? 0 : Self.enough) else { break }
      while from < size {
        let data = min(size, nextData(log.file, from: from) ?? size)
        if data > from {
          // A hole stays one: it would take blocks that the log never had.
          from = data
          try skip(copy, to: from - cut)
          continue
        }
        try buffer.fill(
          from: log.file, at: from, upTo: Int(min(size - from, Int64(buffer.capacity))))
        guard buffer.count > 0 else { throw log.changed }
        from += try append(buffer, to: copy, &mayMakeRoom)
      }
    }
    // A line that is being written comes late, whole.
    let end = try lastLineEnd(before: from)
    try cutOff(copy, at: end - cut)
    return end
  }

  private func append(
    _ buffer: ReadBuffer, to copy: Descriptor, _ mayMakeRoom: inout Bool
  ) throws(SystemError) -> Int64 {
    var done = 0
    while done < buffer.count {
      let size = buffer.writeOnce(done..<buffer.count, to: copy)
      if size > 0 {
        done += size
        continue
      }
      let error = SystemError("write", log.name.display)
      guard error.code == ENOSPC, mayMakeRoom, makeRoom() else { throw error }
      mayMakeRoom = false
    }
    return Int64(done)
  }

  /// Gives back the blocks of what goes in any case, where nobody reads it: a full disk is made room on
  /// before its owner can write again.
  private func makeRoom() -> Bool {
    guard log.facts.links == 1,
      probeOpen(log.file) == .notOpen
        || logHolders(of: log.facts.identity, except: log.file).onlyAppend,
      // What was rotated away meanwhile is an archive.
      (try? log.checkName()) != nil
    else { return false }
    let head = HeadCut.head(of: log.file, cut: cut)
    giveBackBlocks(of: log.file, upTo: head)
    return head > 0
  }

  /// Behind the last newline; the cut where there is none.
  private func lastLineEnd(before end: Int64) throws(SystemError) -> Int64 {
    let buffer = ReadBuffer(capacity: Self.pieceSize)
    var upper = end
    while upper > cut {
      let lower = max(cut, upper - Int64(Self.pieceSize))
      try buffer.fill(from: log.file, at: lower, upTo: Int(upper - lower))
      if let found = buffer.last(0x0A, in: 0..<buffer.count) { return lower + Int64(found) + 1 }
      upper = max(cut, startOfHole(log.file, endingAt: lower))
    }
    return cut
  }
}
