import ReapRules

// Making a committed generation live: compare and swap on the cursor, under the old cursor's lock.

extension GenerationWriter {
  /// What a compaction tells the readers of the cursor.
  public struct CompactionFacts: Sendable {
    /// Data files in the generation that was compacted.
    public var filesBefore: Int
    /// Data files in the one made of it.
    public var filesAfter: Int

    /// - Parameters:
    ///   - filesBefore: number of data files in the generation that was compacted.
    ///   - filesAfter: number of data files in the generation that was made of it.
    public init(filesBefore: Int, filesAfter: Int) {
      self.filesBefore = filesBefore
      self.filesAfter = filesAfter
    }
  }

  /// Makes the generation live, if the cursor still is the very file that was read, byte for byte,
  /// and the generation is still in its place.
  ///
  /// The comparison and the rename happen under a BSD lock on the old cursor file, which other
  /// writers of this class and reapd take as well. A program that writes the cursor without that
  /// lock is noticed, unless it writes in the microseconds between the comparison and the rename.
  ///
  /// - Parameters:
  ///   - rowCount: number of rows in the new generation; nil leaves the number in the cursor as it
  ///     is, and is 0 in a partition that had no cursor.
  ///   - compaction: what a compaction tells about itself, where the generation was made of the live
  ///     one; nil leaves that member of the cursor as it is.
  /// - Throws: ``GenerationError``: `stale`, `busy`, `displaced` or `system`; `misuse` before
  ///   ``commit(metadata:)``. If ``isLive`` is false afterwards, the old generation is the live one.
  public func flip(
    rowCount: Int64? = nil, compaction: CompactionFacts? = nil
  ) throws(GenerationError) {
    try expect(.committed, "flip()")
    do {
      try swapCursor(cursorText(rowCount, compaction))
    } catch let error as SystemError {
      throw GenerationError(error, in: partition)
    } catch let error as GenerationError {
      throw error
    } catch {
      throw GenerationError(.misuse, partition, "\(error)", "report this")
    }
    reached(.flipped)
  }

  /// Whether the cursor was made to name this generation.
  public var isLive: Bool { state == .flipped }

  private func cursorText(_ rowCount: Int64?, _ compaction: CompactionFacts?) -> [UInt8] {
    guard let cursor else { return CursorDocument.first(naming: entry, rowCount: rowCount ?? 0) }
    var successor = CursorDocument.Successor(name: entry, epoch: epoch)
    successor.rowCount = rowCount
    successor.compaction = compaction.map {
      CursorDocument.Compaction(
        at: isoMilliseconds(readClocks().wall), filesBefore: Int64($0.filesBefore),
        filesAfter: Int64($0.filesAfter))
    }
    return cursor.document.text(naming: successor)
  }

  private func swapCursor(_ text: [UInt8]) throws {
    guard let temporary = EntryName("\(cursorName.display).\(processID).\(randomHex()).tmp") else {
      return
    }
    do {
      let file = try createFile(temporary.bytes, at: directory, owner: owner)
      defer { file.close() }
      if let cursor { try setPermissions(cursor.permissions, of: file) }
      try writeAll(text.span, to: file, temporary.display)
      try synchronize(file, temporary.display)
      reached(.cursorPrepared)
      let locked = try lockCursor()
      defer { locked?.close() }
      try compare()
      reached(.cursorCompared)
      if cursor == nil {
        try rename(temporary, to: cursorName, at: directory)
      } else {
        try replace(cursorName, with: temporary, at: directory)
      }
      state = .flipped
      reached(.cursorReplaced)
      try synchronize(directory, partition)
    } catch {
      if state != .flipped { try? unlink(temporary, at: directory, isDirectory: false) }
      throw error
    }
  }

  /// Excludes every other writer and reapd's claims, by a BSD lock on the cursor that was read; nil
  /// where there was none. (Not on the directory: where a partition is a root itself, that lock says
  /// which reapd works there.)
  private func lockCursor() throws -> Descriptor? {
    guard let cursor else { return nil }
    let file: Descriptor
    do {
      file = try openFile(cursorName.bytes, at: directory, openFileFlags, follow: .within)
    } catch {
      if error.code == absent { throw stale("it is gone") }
      throw error
    }
    do {
      guard try status(of: file).identity == cursor.identity else {
        throw stale("it was written anew")
      }
      try wait(for: file)
      return file
    } catch {
      file.close()
      throw error
    }
  }

  private func wait(for file: Descriptor) throws(GenerationError) {
    let deadline = readClocks().monotonic + Int64(options.patience * 1e9)
    let path = partition + "/" + cursorName.display
    while true {
      switch tryLock(file, .flock) {
      case .taken: return
      case .failed(let why):
        throw GenerationError(
          .busy, path, "it cannot be locked: \(why)", "use a local file system")
      case .held:
        guard readClocks().monotonic < deadline else {
          throw GenerationError(
            .busy, path, "another process has held its lock for \(options.patience) s",
            "see who does (lsof, /proc/locks), and begin again")
        }
        pause(milliseconds: 2)
      }
    }
  }

  private func compare() throws {
    let now: ReadCursor?
    do {
      now = try readCursor(cursorName, at: directory, partition)
    } catch let error as GenerationError {
      throw stale(error.what)
    }
    guard now?.identity == cursor?.identity, now?.bytes == cursor?.bytes else {
      throw stale(
        now.map { "it names \($0.document.live.display) now, or was written anew" }
          ?? "it is gone")
    }
    try confirmLock(lock, of: entry, identity, at: directory, partition)
  }

  private func stale(_ what: String) -> GenerationError {
    GenerationError(
      .stale, partition + "/" + cursorName.display, "the cursor has changed meanwhile: \(what)",
      "begin again from the generation that is live now")
  }

  /// Writes the marker `.retired` (the time, ISO 8601) into the generation that was live before, so
  /// that others can tell since when it is superseded. Nothing is lost without the marker.
  ///
  /// - Returns: false where that generation does not exist any more, and where there was none.
  /// - Throws: ``GenerationError``: `system`; `misuse` before ``flip(rowCount:compaction:)``.
  @discardableResult
  public func retireOld() throws(GenerationError) -> Bool {
    try expect(.flipped, "retireOld()")
    guard let old = cursor?.document.live, let marker = EntryName(".retired") else { return false }
    do {
      let retired = try openFile(old.bytes, at: directory, openDirectoryFlags, follow: .within)
      defer { retired.close() }
      // One that is there says that it was retired before: this is the time that counts.
      do {
        try acting(for: owner) { () throws(SystemError) in
          try unlink(marker, at: retired, isDirectory: false)
        }
      } catch  where error.code == absent {
      }
      let file = try createFile(marker.bytes, at: retired, owner: owner)
      defer { file.close() }
      let time = Array(isoMilliseconds(readClocks().wall).utf8)
      try writeAll(time.span, to: file, marker.display)
      try synchronize(file, marker.display)
      try synchronize(retired, old.display)
    } catch {
      if error.code == absent { return false }
      throw GenerationError(error, in: partition + "/" + old.display)
    }
    reached(.retired)
    return true
  }
}
