// The second half of a compaction: pieces become the files of the new generation.

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

/// Writes batches into files of the wanted size.
struct Packing {
  private let writer: GenerationWriter
  private let encoding: Encoding
  private let batching: Batching
  private let deflater: any Deflater
  private var directory = "data"
  private var file: GenerationFile?
  private var hasOpenBatch = false
  private(set) var files: [PackedFile] = []

  init(_ writer: GenerationWriter, _ encoding: Encoding, _ settings: CompactionSettings) throws {
    self.writer = writer
    self.encoding = encoding
    batching = Batching(settings)
    deflater = try makeDeflater(encoding)
  }

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
    self.file = nil
  }

  private mutating func write(_ buffer: ByteBuffer, _ range: Range<Int>) throws {
    guard !range.isEmpty else { return }
    let file = try self.file ?? openFile()
    hasOpenBatch = true
    try buffer.withBytes { try deflater.write($0.extracting(range), to: file) }
  }

  private mutating func openFile() throws -> GenerationFile {
    let number = String(files.count + 1)
    let padded = String(repeating: "0", count: max(0, 5 - number.count)) + number
    let opened = try writer.makeFile("\(directory)/part-\(padded).jsonl\(encoding.suffix)")
    files.append(PackedFile(path: opened.path))
    file = opened
    return opened
  }

  private mutating func endBatch(_ lines: Int64) throws {
    guard let file else { return }
    try deflater.finish(to: file)
    hasOpenBatch = false
    files[files.count - 1].lines += lines
    if batching.closes(fileOf: file.size) { try closeFile() }
  }
}
