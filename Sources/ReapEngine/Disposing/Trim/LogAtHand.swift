// A log that is open to be trimmed, and what is found out about it without changing it.

import Glibc
import OwnedDirectories
import ReapRules

/// One open file for all that is asked of it and done to it: a lease is refused to whoever has it open
/// twice.
struct LogAtHand {
  /// So much is read at once.
  private static let pieceSize = 256 << 10
  private static let longestLine: Int64 = 64 << 20

  let spot: Spot
  let name: EntryName
  let file: Descriptor
  let facts: FileStatus
  /// Whether nobody else has it open, nor can before that is given back.
  private(set) var isLeased = false

  /// - Throws: also where another file has that name by now (ESTALE).
  init(_ name: EntryName, _ identity: FileIdentity, at spot: Spot) throws(SystemError) {
    self.spot = spot
    self.name = name
    file = try openLog(name, at: spot.directory.descriptor)
    do throws(SystemError) {
      facts = try status(of: file)
      guard facts.identity == identity, facts.type == .regular else {
        throw SystemError("open", name.display, ESTALE)
      }
    } catch {
      file.close()
      throw error
    }
  }

  /// Gives a lease back with it.
  func close() { file.close() }

  /// Reads backwards from the end, no more than is kept.
  func findCut(keeping tail: KeptTail) throws(SystemError) -> Int64 {
    var search = CutSearch(size: facts.size, keeping: tail)
    let buffer = ReadBuffer(capacity: Self.pieceSize)
    var end = facts.size
    while search.cut == nil, end > 0 {
      let start = max(0, end - Int64(Self.pieceSize))
      try fill(buffer, start..<end)
      var upper = buffer.count
      while search.cut == nil, let found = buffer.last(0x0A, in: 0..<upper) {
        search.foundNewline(at: start + Int64(found))
        upper = found
      }
      // Whoever writes it may have left a hole of any length, and there is no line in one.
      end = upper == buffer.count ? startOfHole(file, endingAt: start) : start
      search.passed(end)
      // Whatever it is, it has no lines.
      if search.isBarren, facts.size - end >= Self.longestLine { return 0 }
    }
    return search.cut ?? 0
  }

  /// The first newline from an offset on, before another one where one stands.
  func firstNewline(in range: Range<Int64>) throws(SystemError) -> Int64 {
    let buffer = ReadBuffer(capacity: Self.pieceSize)
    var start = range.lowerBound
    while start < range.upperBound {
      let end = min(range.upperBound, start + Int64(Self.pieceSize))
      try fill(buffer, start..<end)
      if let found = buffer.first(0x0A, in: 0..<buffer.count) { return start + Int64(found) }
      start = end
    }
    throw changed
  }

  /// - Throws: where it is shorter by now.
  private func fill(_ buffer: ReadBuffer, _ range: Range<Int64>) throws(SystemError) {
    try buffer.fill(from: file, at: range.lowerBound, upTo: range.count)
    guard buffer.count == range.count else { throw changed }
  }

  var changed: SystemError { SystemError("read", name.display, ESTALE) }

  /// Who has it open. Where nobody has, that stays so until the file is closed or `letIn` is called.
  mutating func lookForHolders() -> LogHolders {
    isLeased = takeWriteLease(file)
    guard !isLeased else { return .nobody }
    var holders = logHolders(of: facts.identity, except: file)
    // Where the kernel gives no leases, other machines may have it open.
    if case .unknown = probeOpen(file) { holders.isWhole = false }
    return holders
  }

  /// Whether the log's name is still this file's: rotation may have given it to another one.
  func checkName() throws(SystemError) {
    guard try status(of: name, at: spot.directory.descriptor).identity == facts.identity else {
      throw changed
    }
  }

  mutating func letIn() {
    if isLeased { giveBackLease(file) }
    isLeased = false
  }
}
