import ReapRules

/// The cursor as it was read: the very file, and every byte of it.
struct ReadCursor {
  let identity: FileIdentity
  let permissions: UInt32
  let bytes: [UInt8]
  let document: CursorDocument
}

/// Reads the cursor of an open partition; nil where there is none.
func readCursor(
  _ name: EntryName, at directory: Descriptor, _ partition: String
) throws -> ReadCursor? {
  func unreadable(_ what: String) -> GenerationError {
    GenerationError(
      .cursorUnreadable, partition + "/" + name.display, what,
      "mend it, or remove it if the partition holds nothing; nothing was changed")
  }
  let file: Descriptor
  do {
    file = try openFile(name.bytes, at: directory, openFileFlags, follow: .within)
  } catch {
    if error.code == absent { return nil }
    if error.code == link { throw unreadable("it is a symbolic link") }
    throw error
  }
  defer { file.close() }
  let facts = try status(of: file)
  guard facts.type == .regular, facts.size <= cursorSizeLimit else {
    throw unreadable("it is no file, or larger than 1 MiB")
  }
  let bytes = try readToEnd(file, name.display, limit: cursorSizeLimit)
  do {
    return ReadCursor(
      identity: facts.identity, permissions: facts.permissions, bytes: bytes,
      document: try CursorDocument(parsing: bytes))
  } catch {
    throw unreadable("it is no cursor: \(error)")
  }
}

/// Name of the live generation, by the cursor of a partition.
///
/// - Throws: `GenerationError`: `cursorUnreadable`, also where there is none, or `system`.
package func liveGeneration(
  of partition: String, cursor: String = "cursor.json"
) throws(GenerationError) -> String {
  do {
    let directory = try openRoot(FilePath(partition))
    defer { directory.close() }
    if let name = EntryName(cursor), let read = try readCursor(name, at: directory, partition) {
      return read.document.live.display
    }
  } catch let error as SystemError {
    throw GenerationError(error, in: partition)
  } catch let error as GenerationError {
    throw error
  } catch {
    throw GenerationError(.misuse, partition, "\(error)", "report this")
  }
  throw GenerationError(
    .cursorUnreadable, partition + "/" + cursor, "there is no such file",
    "name a partition: a directory that holds a cursor and generations")
}

/// The name of every owner's lock file.
let lockName = EntryName(SpillDirectory.lockName)!

/// A partition that was opened, and the directory of its next generation, made and locked.
struct Made {
  let directory: Descriptor
  let owner: CreationOwner?
  let cursor: ReadCursor?
  let name: EntryName
  let epoch: Int64
  let generation: Descriptor
  let identity: FileIdentity
  let lock: Descriptor

  init(
    _ partition: String, _ cursorName: EntryName, _ hook: ((GenerationStep) -> Void)?
  ) throws {
    guard partition.hasPrefix("/") else {
      throw GenerationError(
        .misuse, partition, "the path is not absolute", "begin it with '/'")
    }
    var opened: [Descriptor] = []
    var isComplete = false
    defer { if !isComplete { opened.forEach { $0.close() } } }

    directory = try openRoot(FilePath(partition))
    opened.append(directory)
    owner = try CreationOwner(of: directory)
    cursor = try readCursor(cursorName, at: directory, partition)

    (name, epoch, generation) = try Self.makeDirectory(directory, cursor?.document, owner)
    opened.append(generation)
    identity = try status(of: generation).identity
    hook?(.directoryMade)
    do {
      lock = try Self.makeLock(in: generation, owner) { hook?(.lockTaken) }
      opened.append(lock)
      try confirmLock(lock, of: name, identity, at: directory, partition)
    } catch {
      // Empty, or with a lock file that is not ours: then it stays.
      try? unlink(lockName, at: generation, isDirectory: false)
      try? unlink(name, at: directory, isDirectory: true)
      throw error
    }
    isComplete = true
    hook?(.locked)
  }

  /// Never takes over a directory that is there: what a crashed writer left is the reaper's.
  private static func makeDirectory(
    _ partition: Descriptor, _ document: CursorDocument?, _ owner: CreationOwner?
  ) throws -> (EntryName, Int64, Descriptor) {
    let usesEpochs = document?.layout == .epoch
    let first =
      usesEpochs
      ? (document?.epoch ?? 0) + 1
        // After a clock that was set back, names still sort by age.
      : max(readClocks().wall / 1_000_000, (document?.live.tableNumber ?? 0) + 1)
    for number in first..<first + 1000 {
      guard let name = EntryName(usesEpochs ? "epoch=\(number)" : "table-\(number)") else { break }
      do {
        return (name, number, try createDirectory(name, at: partition, owner: owner))
      } catch {
        guard error.code == exists else { throw error }
      }
    }
    throw SystemError("mkdir", "(no free name)", exists)
  }

  /// Locked before it has its name: nobody ever finds `.lock` free while its owner lives.
  private static func makeLock(
    in generation: Descriptor, _ owner: CreationOwner?, _ taken: () -> Void
  ) throws(SystemError) -> Descriptor {
    guard let hidden = EntryName(".lock.\(processID).\(randomHex()).tmp") else {
      throw SystemError("create", lockName.display, exists)
    }
    let file = try createFile(hidden.bytes, at: generation, owner: owner)
    do throws(SystemError) {
      guard tryLock(file, .flock) == .taken else {
        throw SystemError("flock", hidden.display, wouldBlock)
      }
      taken()
      try rename(hidden, to: lockName, at: generation)
    } catch {
      try? unlink(hidden, at: generation, isDirectory: false)
      file.close()
      throw error
    }
    return file
  }
}

/// Checks that the generation is the one at its path, and the lock file the one in it.
func confirmLock(
  _ lock: Descriptor, of name: EntryName, _ identity: FileIdentity, at directory: Descriptor,
  _ partition: String
) throws {
  let lockPath = name.bytes + [UInt8(ascii: "/")] + lockName.bytes
  let locked = try status(of: lock).identity
  guard (try? status(of: name, at: directory))?.identity == identity,
    (try? status(ofPath: lockPath, at: directory))?.identity == locked
  else {
    throw GenerationError(
      .displaced, partition + "/" + name.display,
      "the generation, or its lock file, is no longer at its path",
      "look for who moved or removed it; begin again")
  }
}

extension EntryName {
  /// The milliseconds in `table-<ms>`.
  fileprivate var tableNumber: Int64? {
    let prefix = Array("table-".utf8)
    guard bytes.starts(with: prefix) else { return nil }
    // What overflows with the next number added is not from a clock.
    let number = Int64(String(decoding: bytes.dropFirst(prefix.count), as: UTF8.self))
    return number.flatMap { $0 < 1 << 53 ? $0 : nil }
  }
}

/// 12 hexadecimal digits, as hypaware's temporary names have them.
func randomHex() -> String {
  let digits = String(UInt64.random(in: 0..<(1 << 48)), radix: 16)
  return String(repeating: "0", count: 12 - digits.count) + digits
}
