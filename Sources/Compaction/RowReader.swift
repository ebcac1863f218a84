// The first half of a compaction, on a thread of its own: files become pieces of plain bytes, with
// the ends of batches marked.

import Compression
import OwnedDirectories
import ReapRules

/// What was found in the input. Every line of it is kept, whatever it is.
package struct LineCounts: Sendable, Equatable {
  /// Complete objects and arrays.
  package var rows: Int64 = 0
  /// Lines of white space.
  package var blank: Int64 = 0
  /// Lines with a newline that are neither: torn ones that somebody appended to, and the like.
  package var malformed: Int64 = 0
  /// Last lines without a newline that are no complete row: their writer died in the middle.
  package var torn: Int64 = 0
  /// Files whose last line lacked its newline, whatever that line is.
  package var newlinesAdded: Int64 = 0
  /// Files without a single byte.
  package var emptyFiles: Int64 = 0
  /// Bytes of all lines, uncompressed.
  package var bytes: Int64 = 0
}

enum Piece: Sendable {
  struct BatchEnd: Sendable {
    /// Index behind the batch's last byte.
    let offset: Int
    let lines: Int64
  }

  /// Plain bytes, and how many bytes of input they took.
  case bytes(ByteBuffer, ends: [BatchEnd], consumed: Int64)
  /// The rows that follow belong into this directory.
  case directory(String)
  case finished(LineCounts)
  case failed(any Error)
}

/// Reads every file of a survey, in order.
struct RowReader {
  let survey: Survey
  let generation: Descriptor
  let filled: Mailbox<Piece>
  /// Buffers to fill; nil tells the reader to stop.
  let empty: Mailbox<ByteBuffer?>

  private var spare: [ByteBuffer] = []
  private var buffer: ByteBuffer?
  private var scanned = 0
  private var ends: [Piece.BatchEnd] = []
  private var consumed: Int64 = 0
  private let input = ByteBuffer(capacity: 256 << 10)
  private var gzip: GzipInflater?
  private var zstd: ZstdInflater?

  private var batching: Batching
  private var scan = RowScan()
  private var lineBytes: Int64 = 0
  private var counts = LineCounts()

  private struct Stopped: Error {}

  init(
    _ survey: Survey, _ generation: Descriptor, settings: CompactionSettings,
    filled: Mailbox<Piece>,
    empty: Mailbox<ByteBuffer?>
  ) {
    self.survey = survey
    self.generation = generation
    self.filled = filled
    self.empty = empty
    batching = Batching(settings)
  }

  mutating func run() {
    defer {
      gzip?.free()
      zstd?.free()
    }
    do {
      var directory: ArraySlice<UInt8> = []
      for file in survey.files {
        if file.directory != directory {
          try endBatch()
          directory = file.directory
          filled.post(.directory(String(decoding: directory, as: UTF8.self)))
        }
        try read(file)
      }
      try endBatch()
      filled.post(.finished(counts))
    } catch is Stopped {
    } catch {
      filled.post(.failed(error))
    }
  }

  // MARK: - Pieces

  /// The buffer in hand, with room for at least one byte and a newline.
  private mutating func room() throws -> ByteBuffer {
    if let buffer {
      if buffer.free > 1 { return buffer }
      handOver()
    }
    while spare.isEmpty {
      for answer in empty.take(until: nil).messages {
        guard let answer else { throw Stopped() }
        spare.append(answer)
      }
    }
    let next = spare.removeLast()
    next.clear()
    buffer = next
    scanned = 0
    return next
  }

  private mutating func handOver() {
    guard let buffer else { return }
    filled.post(.bytes(buffer, ends: ends, consumed: consumed))
    self.buffer = nil
    (ends, consumed) = ([], 0)
  }

  private mutating func endBatch() throws {
    if batching.rows > 0 {
      let buffer = try room()
      ends.append(Piece.BatchEnd(offset: buffer.count, lines: batching.flush()))
    }
    handOver()
  }

  // MARK: - Lines

  private mutating func scanNew(_ buffer: ByteBuffer) {
    buffer.withBytes { bytes in
      while let line = scan.nextLine(
        in: bytes, from: scanned, skipText: endOfTextByWords(_:from:))
      {
        lineBytes += Int64(line.end - scanned)
        scanned = line.end
        switch line.kind {
        case .row: counts.rows += 1
        case .blank: counts.blank += 1
        case .malformed: counts.malformed += 1
        }
        endLine()
      }
      lineBytes += Int64(bytes.count - scanned)
      scanned = bytes.count
    }
  }

  private mutating func endLine() {
    counts.bytes += lineBytes
    if batching.add(lineOf: lineBytes) {
      ends.append(Piece.BatchEnd(offset: scanned, lines: batching.flush()))
    }
    lineBytes = 0
  }

  /// A last line without newline gets one, or the next file's first row would be glued to it. If it
  /// is torn it stays as it is, on a line of its own: nobody but the reader of the table can say
  /// whether half a row is worth something, and readers of such files know torn lines already.
  private mutating func endFile(_ file: DataFile, since before: LineCounts) throws {
    if lineBytes > 0 {
      let mayBecomeRow = scan.mayBecomeRow
      switch scan.endLine() {
      case .row:
        counts.rows += 1
      case .blank: counts.blank += 1
      case .malformed:
        counts.torn += 1
        guard mayBecomeRow || counts.rows > before.rows else { throw notLines(file, 1, 0) }
      }
      let buffer = try room()
      buffer.append(UInt8(ascii: "\n"))
      scanned = buffer.count
      lineBytes += 1
      counts.newlinesAdded += 1
      endLine()
    }
    let (rows, malformed) = (counts.rows - before.rows, counts.malformed - before.malformed)
    guard malformed <= rows else { throw notLines(file, malformed, rows) }
  }

  private func notLines(_ file: DataFile, _ malformed: Int64, _ rows: Int64) -> CompactionError {
    problem(
      file,
      "it is not newline-delimited JSON: \(malformed) lines are no object or array, \(rows) are")
  }

  private func problem(_ file: DataFile, _ what: String) -> CompactionError {
    CompactionError(
      .badData, "\(survey.partition)/\(survey.live)/\(displayText(file.path))", what)
  }

  // MARK: - Files

  private mutating func read(_ file: DataFile) throws {
    guard file.size > 0 else {
      counts.emptyFiles += 1
      return
    }
    let before = counts
    let descriptor = try openFile(file.path, at: generation, openFileFlags, follow: .within)
    defer { descriptor.close() }
    let name = displayText(file.path)
    do {
      switch file.encoding {
      case .none:
        while true {
          let buffer = try room()
          let size = try buffer.read(from: descriptor, atMost: buffer.free - 1, name)
          guard size > 0 else { break }
          consumed += Int64(size)
          scanNew(buffer)
        }
      case .gzip:
        let inflater = try gzip ?? GzipInflater()
        gzip = inflater
        try inflate(descriptor, name, with: inflater)
      case .zstd:
        let inflater = try zstd ?? ZstdInflater(windowLog: windowLog)
        zstd = inflater
        try inflate(descriptor, name, with: inflater)
      }
    } catch let error as EncodingProblem {
      throw problem(file, error.what)
    }
    try endFile(file, since: before)
  }

  /// The largest power of two that a batch holds; libzstd's own limit is 27.
  private var windowLog: Int32 {
    let bits = Int64.bitWidth - 1 - batching.settings.batchBytes.leadingZeroBitCount
    return Int32(min(27, max(23, bits)))
  }

  private mutating func inflate(
    _ file: Descriptor, _ name: String, with inflater: any Inflater
  ) throws {
    inflater.begin()
    while true {
      input.clear()
      let size = try input.read(from: file, atMost: input.capacity, name)
      consumed += Int64(size)
      var position = 0
      while true {
        let buffer = try room()
        let before = buffer.count
        let taken = try input.withBytes { bytes throws(EncodingProblem) in
          try inflater.inflate(
            bytes.extracting(position..<bytes.count), into: buffer, atMost: buffer.free - 1)
        }
        position += taken
        scanNew(buffer)
        // What is left inside the decoder comes with the next input, or at the end without any.
        if position == size, size > 0 || buffer.count == before { break }
        if taken == 0, buffer.count == before {
          throw EncodingProblem(what: "its compressed data leads nowhere")
        }
      }
      if size == 0 { break }
    }
    guard inflater.isAtEnd else {
      throw EncodingProblem(
        what: "its compressed data is truncated; remove or mend it to compact the rest")
    }
  }
}
