// The second half of a compaction: pieces become the files of the new generation.

import Compression
import OwnedDirectories
import ReapRules

/// One file that was written.
struct PackedFile {
  let path: String
  var lines: Int64 = 0
  var bytes: Int64 = 0

  var json: JSONValue {
    .object([("path", .string(path)), ("lines", .integer(lines)), ("bytes", .integer(bytes))])
  }
}

extension GenerationFile: PackedOutput {}

/// Writes batches into files of the wanted size.
struct Packing {
  /// Makes a file of the new generation, by its path below that.
  typealias MakeFile = (String) throws -> any PackedOutput

  private let makeFile: MakeFile
  private let encoding: Encoding
  private let batching: Batching
  private let deflater: any Deflater
  /// How large all files together may become, and what is said beyond that.
  private let limit: GrowthLimit?
  private var directory = "data"
  private var file: (any PackedOutput)?
  private var hasOpenBatch = false
  private var closedBytes: Int64 = 0
  private(set) var files: [PackedFile] = []

  init(
    _ encoding: Encoding, _ effort: Effort, _ settings: CompactionSettings, limit: GrowthLimit?,
    _ makeFile: @escaping MakeFile
  ) throws {
    self.makeFile = makeFile
    self.encoding = encoding
    self.limit = limit
    batching = Batching(settings)
    deflater = try makeDeflater(encoding, effort)
  }

  var bytes: Int64 { files.reduce(0) { $0 + $1.bytes } }

  func free() { deflater.free() }

  mutating func enter(_ directory: String) throws {
    try closeFile()
    self.directory = directory
  }

  mutating func take(_ buffer: ByteBuffer, _ ends: [Piece.BatchEnd]) throws {
    var start = 0
    for end in ends {
      try write(buffer, start..<end.offset)
      try endBatch(end.lines)
      start = end.offset
    }
    try write(buffer, start..<buffer.count)
  }

  mutating func closeFile() throws {
    guard let file else { return }
    if hasOpenBatch { try endBatch(0) }
    guard let open = self.file else { return }
    try open.close()
    files[files.count - 1].bytes = file.size
    closedBytes += file.size
    self.file = nil
  }

  private mutating func write(_ buffer: ByteBuffer, _ range: Range<Int>) throws {
    guard !range.isEmpty else { return }
    let file = try self.file ?? openFile()
    hasOpenBatch = true
    try buffer.withBytes { try deflater.write($0.extracting(range), to: file) }
    try limit?.check(closedBytes + file.size)
  }

  private mutating func openFile() throws -> any PackedOutput {
    let number = String(files.count + 1)
    let padded = String(repeating: "0", count: max(0, 5 - number.count)) + number
    let path = "\(directory)/part-\(padded).jsonl\(encoding.suffix)"
    let opened = try makeFile(path)
    files.append(PackedFile(path: path))
    file = opened
    return opened
  }

  private mutating func endBatch(_ lines: Int64) throws {
    guard let file else { return }
    try deflater.finish(to: file)
    try limit?.check(closedBytes + file.size)
    hasOpenBatch = false
    files[files.count - 1].lines += lines
    if batching.closes(fileOf: file.size) { try closeFile() }
  }
}

/// Compaction is there to save room: what would take a fifth more than before is somebody's mistake,
/// and may be more than the disk has.
struct GrowthLimit {
  let partition: String
  let bytes: Int64
  private let before: Int64

  /// A file has a header, and no file system stores less than a block: that much is no growth.
  private static let block: Int64 = 4096

  init(_ survey: Survey) {
    partition = survey.partition
    before = survey.bytes
    bytes = before + before / 5 + Self.block
  }

  func check(_ written: Int64) throws(CompactionError) {
    guard written > bytes else { return }
    throw CompactionError(
      .grows, partition,
      "the result would be larger than 1.2 times its input: \(before) bytes before, more "
        + "than \(bytes) bytes after; nothing was changed; "
        + "use another --compression, or --allow-growth")
  }
}
