// What a partition says about the generations in it: its cursor, the live one, and claims.

import Glibc
import OwnedDirectories
import ReapRules

/// An open partition, and how its rule reads it.
struct PartitionGathering {
  let settings: GenerationSettings
  let spot: Spot
  let memory: PartitionMemory

  private var partition: OpenRoot { spot.directory }
  private var place: [UInt8] { spot.place }
  private var match: Glob { spot.rule.match }

  /// What was read a moment ago for another candidate of the partition, or what is read now. Nothing is
  /// lost by that: a change is an event, which has it read anew, and a claim reads the cursor again.
  func gatherOrShare() -> Evidence.Partition {
    let now = readMonotonic()
    if let reading = memory.reading(of: place, now: now) { return reading }
    let reading = gather()
    if reading.live == .complete, reading.conflict == nil {
      memory.note(reading, of: place, at: now)
    }
    return reading
  }

  func gather() -> Evidence.Partition {
    let (cursor, change) = readCursorFile()
    var result = Evidence.Partition(cursor: cursor, live: .unknown("the cursor is unknown"))
    result.cursorChange = change
    if case .known(let live) = cursor {
      result.liveSince = memory.note(live, in: place, now: readMonotonic())
      result.live = state(of: live)
      do {
        result.conflict = try conflict(over: live)
      } catch {
        result.live = .unknown("\(error)")
      }
    }
    return result
  }

  /// What the cursor names, and its change time (wall clock).
  func readCursorFile() -> (CursorReading, Nanoseconds?) {
    do {
      if settings.readsLinks, let link = try readLink() { return link }
      let file = try openFile(
        settings.cursor.bytes, at: partition.descriptor, O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
        follow: .within)
      defer { file.close() }
      return try read(file)
    } catch {
      return (.unknown(error.code == ENOENT ? "there is no cursor" : "\(error)"), nil)
    }
  }

  private func read(_ file: Descriptor) throws(SystemError) -> (CursorReading, Nanoseconds?) {
    let facts = try status(of: file)
    guard facts.type == .regular else { return (.unknown("it is not a regular file"), nil) }
    guard facts.size <= Int64(cursorSizeLimit) else {
      return (.unknown("it is larger than 1 MiB"), nil)
    }
    // It may grow while it is read.
    let bytes = try readToEnd(file, settings.cursor.display, limit: cursorSizeLimit)
    return (readCursor(bytes, settings: settings, match: match), facts.change)
  }

  /// Nil where the cursor is no link. A link cannot be rewritten, only replaced: its target and
  /// its times belong together if it is the same one before and after.
  private func readLink() throws(SystemError) -> (CursorReading, Nanoseconds?)? {
    for _ in 0..<Self.linkAttempts {
      let facts = try status(of: settings.cursor, at: partition.descriptor)
      guard facts.type == .symbolicLink else { return nil }
      guard let target = readLinkTarget(settings.cursor, at: partition.descriptor),
        try status(of: settings.cursor, at: partition.descriptor).identity == facts.identity
      else { continue }
      return (readCursorLink(target, settings: settings, match: match), facts.change)
    }
    return (.unknown("it is replaced all the time"), nil)
  }

  private static let linkAttempts = 4

  /// What keeps writers of the cursor away while a generation is claimed.
  enum CursorLock {
    case file(Descriptor)
    /// A symbolic link cannot be locked: that it says the same before and after is all there is.
    case link

    func release() { if case .file(let file) = self { file.close() } }
  }

  /// Opens the cursor and takes its lock, so that no writer that locks it too can flip meanwhile.
  ///
  /// Others of our own threads, and writers that flip, hold the lock for milliseconds: that is waited
  /// for, on a worker's thread.
  ///
  /// - Returns: nil where somebody else holds it for longer, or it is not there.
  func lockCursor(mayWait: Bool) -> CursorLock? {
    for wait in mayWait ? Self.lockWaits : [] {
      if let file = tryLockCursor() { return file }
      pause(milliseconds: wait)
    }
    return tryLockCursor()
  }

  private static let lockWaits: [UInt32] = [1, 2, 4, 8, 16, 32]

  private func tryLockCursor() -> CursorLock? {
    if settings.readsLinks,
      (try? status(of: settings.cursor, at: partition.descriptor))?.type == .symbolicLink
    {
      return .link
    }
    guard
      let file = try? openFile(
        settings.cursor.bytes, at: partition.descriptor, O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
        follow: .within)
    else { return nil }
    guard tryLock(file, .flock) == .taken,
      let there = try? status(of: settings.cursor, at: partition.descriptor),
      (try? status(of: file))?.identity == there.identity
    else {
      file.close()
      return nil
    }
    return .file(file)
  }

  func state(of live: EntryName) -> Evidence.Partition.Live {
    do {
      let directory = try openFile(
        live.bytes, at: partition.descriptor, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, follow: .within)
      defer { directory.close() }
      return try holds(directory, settings.complete.components[...]) ? .complete : .incomplete
    } catch {
      return error.code == ENOENT ? .absent : .unknown("\(error)")
    }
  }

  /// Whether a file fits the pattern; as many levels deep as that has components.
  private func holds(
    _ directory: Descriptor, _ components: ArraySlice<Glob>
  ) throws(SystemError) -> Bool {
    guard let glob = components.first else { return false }
    var listing = DirectoryListing(directory, from: nil)
    defer { listing.finish() }
    while true {
      let batch = try listing.nextBatch()
      guard !batch.isEmpty else { return false }
      for entry in batch where glob.matches(entry.name) {
        guard components.count > 1 else {
          if try status(of: entry.name, at: directory).type == .regular { return true }
          continue
        }
        guard try status(of: entry.name, at: directory).type == .directory else { continue }
        let next = try openFile(
          entry.name.bytes, at: directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, follow: .within)
        defer { next.close() }
        if try holds(next, components.dropFirst()) { return true }
      }
    }
  }

  /// The live generation's name, where that stands there both claimed and unclaimed. What is being
  /// removed does not count, nor what somebody began to remove: it can never have its name again.
  private func conflict(over live: EntryName) throws(SystemError) -> String? {
    let start = readMonotonic()
    guard memory.listingIsDue(in: place, now: start) else { return nil }
    var listing = DirectoryListing(partition.descriptor)
    defer { listing.finish() }
    while true {
      let batch = try listing.nextBatch()
      guard !batch.isEmpty else {
        memory.noteListing(in: place, from: start, to: readMonotonic())
        return nil
      }
      for entry in batch {
        guard let claim = ClaimName(entry.name), claim.original == live,
          !spot.claims.contains(spot.path(entry.name)),
          try exists(claim.original), try !isHalfRemoved(entry.name)
        else { continue }
        return claim.original.display
      }
    }
  }

  private func exists(_ name: EntryName) throws(SystemError) -> Bool {
    do {
      _ = try status(of: name, at: partition.descriptor)
      return true
    } catch  where error.code == ENOENT {
      return false
    }
  }

  private func isHalfRemoved(_ claimed: EntryName) throws(SystemError) -> Bool {
    do {
      return try status(of: claimed, at: partition.descriptor).permissions == removalMark
    } catch  where error.code == ENOENT {
      return true
    }
  }

  /// When the marker was written into a generation, wall clock.
  func marker(in generation: EntryName) -> Nanoseconds? {
    let path = generation.bytes + [UInt8(ascii: "/")] + settings.marker.bytes
    guard let facts = try? status(ofPath: path, at: partition.descriptor), facts.type == .regular
    else { return nil }
    return facts.change
  }
}
