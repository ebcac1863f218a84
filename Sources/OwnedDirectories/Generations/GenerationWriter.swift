import ReapRules

/// Makes the next generation of a partition and makes it live, so that a crash at any point leaves
/// either an orphan that nothing refers to, or a complete generation that the cursor names.
///
///     try GenerationWriter.with(partition: "/data/cache/datasets/a/source=x") { writer in
///       let file = try writer.makeFile("data/part-1.jsonl")
///       try file.write(Array("{}\n".utf8))
///       try file.close()
///       try writer.commit()
///       try writer.flip()
///       try writer.retireOld()
///     }
///
/// The new directory holds a file `.lock` under a BSD lock (flock(2)), from before the file has that
/// name until ``release()``: whoever finds the lock free knows that this writer is gone. Nothing is
/// released by going out of scope, since Swift may destroy a value while its owner still works. Use
/// ``with(partition:options:at:_:)``, or call ``release()``.
///
/// Calls come in the order of the example, from one thread at a time.
public final class GenerationWriter {
  /// What can be set, beside the partition.
  public struct Options: Sendable {
    /// Name of the cursor file. Default: `cursor.json`.
    public var cursor = "cursor.json"
    /// How long ``GenerationWriter/flip(rowCount:compaction:)`` waits for the cursor's lock, in
    /// seconds. Default: 10. Others hold that lock for a comparison and a rename only.
    public var patience = 10.0

    /// Options that are all at their defaults.
    public init() {}
  }

  enum State { case writing, committed, flipped, released }

  /// Absolute path of the partition, as it was given.
  public let partition: String
  /// Name of the new generation, such as `table-1795216876835` or `epoch=3`.
  public let name: String
  /// Name of the generation that was live at the beginning; nil where there was no cursor.
  public let superseded: String?

  let options: Options
  let directory: Descriptor
  let generation: Descriptor
  let identity: FileIdentity
  let lock: Descriptor
  let entry: EntryName
  let epoch: Int64
  let cursor: ReadCursor?
  let cursorName: EntryName
  let owner: CreationOwner?
  private let hook: ((GenerationStep) -> Void)?
  var state = State.writing
  private var openFiles: [GenerationFile] = []
  private var unsynced = 0
  /// Relative paths of what this writer made, parents before what is in them.
  private var directories: [String] = []
  private var files: [String] = []

  var path: String { partition + "/" + name }

  /// Opens a partition, reads its cursor, and makes and locks the directory of its next generation.
  ///
  /// - Parameters:
  ///   - partition: an absolute path without symbolic links.
  ///   - options: the name of the cursor, and how long to wait.
  ///   - hook: called after each step; for tests that end the process there.
  /// - Throws: ``GenerationError``: `system`, `cursorUnreadable` or `displaced`; `misuse` where
  ///   the options name no file.
  public init(
    partition: String, options: Options = Options(), at hook: ((GenerationStep) -> Void)? = nil
  ) throws(GenerationError) {
    guard let cursorName = EntryName(options.cursor) else {
      throw GenerationError(
        .misuse, partition, "'\(options.cursor)' is no name of a file", "name one without '/'")
    }
    let made: Made
    do {
      made = try Made(partition, cursorName, hook)
    } catch let error as SystemError {
      throw GenerationError(error, in: partition)
    } catch let error as GenerationError {
      throw error
    } catch {
      throw GenerationError(.misuse, partition, "\(error)", "report this")
    }
    self.partition = partition
    self.options = options
    self.hook = hook
    self.cursorName = cursorName
    directory = made.directory
    cursor = made.cursor
    entry = made.name
    name = made.name.display
    epoch = made.epoch
    superseded = made.cursor?.document.live.display
    owner = made.owner
    generation = made.generation
    identity = made.identity
    lock = made.lock
  }

  /// Runs a closure with a new writer and releases the writer afterwards. If the closure throws
  /// before the flip, the new generation is removed.
  ///
  /// - Parameters:
  ///   - partition: an absolute path without symbolic links.
  ///   - options: the name of the cursor, and how long to wait.
  ///   - hook: called after each step; for tests that end the process there.
  ///   - body: writes, commits and flips.
  /// - Throws: what the closure throws; ``GenerationError`` where the generation cannot be begun.
  public static func with<Result>(
    partition: String, options: Options = Options(), at hook: ((GenerationStep) -> Void)? = nil,
    _ body: (GenerationWriter) throws -> Result
  ) throws -> Result {
    let writer = try GenerationWriter(partition: partition, options: options, at: hook)
    defer { writer.release() }
    do {
      return try body(writer)
    } catch {
      writer.discard()
      throw error
    }
  }

  func reached(_ step: GenerationStep) { hook?(step) }

  func expect(_ wanted: State, _ call: String) throws(GenerationError) {
    guard state == wanted else {
      throw GenerationError(
        .misuse, path, "\(call) is called when the writer is \(state)",
        "call makeFile(), commit(), flip(), retireOld(), release() in this order")
    }
  }

  /// Makes a data file, and the directories that its path needs.
  ///
  /// - Parameter relative: a path relative to the generation, such as `data/part-1.jsonl`. A path
  ///   that begins with a dot, and `metadata/v1.metadata.json`, belong to the writer.
  /// - Throws: ``GenerationError``: `misuse` for such a path, for one that leads elsewhere, and after
  ///   ``commit(metadata:)``; else `system`.
  public func makeFile(_ relative: String) throws(GenerationError) -> GenerationFile {
    try expect(.writing, "makeFile()")
    let parts = relative.split(separator: "/", omittingEmptySubsequences: false)
    let names = parts.compactMap { EntryName($0.utf8) }
    guard names.count == parts.count, !relative.hasPrefix("."), relative != Self.metadataPath else {
      throw GenerationError(
        .misuse, path + "/" + relative, "no data file can have this path",
        "use a relative one without '.', '..' and a dot in front")
    }
    do {
      for depth in parts.indices.dropFirst() {
        try makeDirectory(parts[..<depth].joined(separator: "/"), names[depth - 1])
      }
      let descriptor = try createFile(Array(relative.utf8), at: generation, owner: owner)
      files.append(relative)
      unsynced += 1
      let file = GenerationFile(descriptor, path: relative, in: path) { [unowned self] in
        unsynced -= 1
        reached(.fileClosed)
      }
      openFiles.append(file)
      reached(.fileMade)
      return file
    } catch {
      throw GenerationError(error, in: path)
    }
  }

  private func makeDirectory(_ relative: String, _ name: EntryName) throws(SystemError) {
    guard !directories.contains(relative) else { return }
    let parent: Descriptor
    if let slash = relative.lastIndex(of: "/") {
      parent = try open(String(relative[..<slash]))
    } else {
      parent = generation
    }
    defer { if parent != generation { parent.close() } }
    try createDirectory(name, at: parent, owner: owner).close()
    directories.append(relative)
  }

  private func open(_ relative: String) throws(SystemError) -> Descriptor {
    try openFile(
      Array(relative.utf8), at: generation, openDirectoryFlags, follow: .within)
  }

  static let metadataPath = "metadata/v1.metadata.json"

  /// Puts the whole generation on the disk: every directory, then the metadata, then the
  /// directories that lead to the metadata, the partition last.
  ///
  /// - Parameter metadata: the content of `metadata/v1.metadata.json`, JSON. That file makes the
  ///   generation complete, so it is written last.
  /// - Throws: ``GenerationError``: `misuse` if a file is not closed, else `system`.
  public func commit(metadata: [UInt8] = Array("{}\n".utf8)) throws(GenerationError) {
    try expect(.writing, "commit()")
    guard unsynced == 0 else {
      throw GenerationError(
        .misuse, path, "\(unsynced) of its files are not closed", "close every file first")
    }
    do {
      for relative in directories.reversed() { try sync(relative) }
      try synchronize(generation, name)
      reached(.dataSynced)
      if let metadataDirectory = EntryName("metadata") {
        try makeDirectory("metadata", metadataDirectory)
      }
      try write(metadata)
      try sync("metadata")
      try synchronize(generation, name)
      try synchronize(directory, partition)
    } catch {
      throw GenerationError(error, in: path)
    }
    state = .committed
    reached(.committed)
  }

  private func sync(_ relative: String) throws(SystemError) {
    let opened = try open(relative)
    defer { opened.close() }
    try synchronize(opened, relative)
  }

  private func write(_ metadata: [UInt8]) throws(SystemError) {
    guard let final = EntryName("v1.metadata.json"),
      // hypaware's form of a temporary name, which the reaper knows.
      let temporary = EntryName(
        "v1.metadata.json.tmp.\(processID).\(readClocks().wall / 1_000_000)."
          + String(randomHex().prefix(6)))
    else { return }
    let parent = try open("metadata")
    defer { parent.close() }
    files.append("metadata/" + temporary.display)
    let file = try createFile(temporary.bytes, at: parent, owner: owner)
    defer { file.close() }
    try writeAll(metadata.span, to: file, temporary.display)
    try synchronize(file, temporary.display)
    reached(.metadataPrepared)
    files.append(Self.metadataPath)
    try rename(temporary, to: final, at: parent)
  }

  /// Removes what this writer made, if it is not live. What cannot be removed stays as an orphan.
  ///
  /// - Returns: whether nothing is left.
  @discardableResult
  public func discard() -> Bool {
    guard state == .writing || state == .committed else { return false }
    for file in openFiles { file.abandon() }
    for file in files.reversed() { remove(file, isDirectory: false) }
    for directory in directories.reversed() { remove(directory, isDirectory: true) }
    // Last, and still locked: whoever looks meanwhile sees an owner.
    remove(lockName.display, isDirectory: false)
    guard (try? status(of: entry, at: directory))?.identity == identity else { return false }
    return (try? unlink(entry, at: directory, isDirectory: true)) != nil
  }

  private func remove(_ relative: String, isDirectory: Bool) {
    let slash = relative.lastIndex(of: "/")
    let last = slash.map { relative[relative.index(after: $0)...] } ?? relative[...]
    guard let name = EntryName(last.utf8) else { return }
    try? acting(for: owner) { () throws(SystemError) in
      guard let slash else { return try unlink(name, at: generation, isDirectory: isDirectory) }
      let parent = try open(String(relative[..<slash]))
      defer { parent.close() }
      try unlink(name, at: parent, isDirectory: isDirectory)
    }
  }

  /// Releases the lock and closes everything. Calling it again does nothing.
  public func release() {
    guard state != .released else { return }
    state = .released
    for file in openFiles { file.abandon() }
    lock.close()
    generation.close()
    directory.close()
  }
}
