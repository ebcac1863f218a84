// Merging the many small files of a live generation into few large ones of a new one.

package import Compression
package import OwnedDirectories
package import ReapRules

/// A compaction that can be made: what is there, and how it will be packed.
package struct PartitionCompaction: Sendable {
  package let survey: Survey
  package let settings: CompactionSettings
  package let encoding: Encoding
  private let effort: Effort
  private let limit: GrowthLimit?

  /// Pieces between the two threads: enough that neither waits for the other's every step.
  private static let pieces = 4
  private static let pieceSize: Int64 = 1 << 20

  /// Looks at the live generation; changes nothing.
  ///
  /// - Parameter allowGrowth: the result may be larger than 1.2 times its input.
  /// - Throws: `CompactionError`.
  package init(
    partition: String, settings: CompactionSettings, allowGrowth: Bool = false
  ) throws(CompactionError) {
    do {
      survey = try Survey(partition: partition)
    } catch {
      throw translated(error, partition)
    }
    self.settings = settings
    let wanted = Encoding(rawValue: settings.compression.rawValue)
    encoding = wanted ?? survey.encoding
    effort = wanted == nil ? .usual : .fast
    limit = allowGrowth ? nil : GrowthLimit(survey)
  }

  /// Whether there is nothing to merge and nothing to compress anew.
  package var isIdle: Bool {
    survey.files.count <= 1 && survey.files.allSatisfy { $0.encoding == encoding || $0.size == 0 }
  }

  /// What a compaction would come to.
  package struct Plan: Sendable {
    package let counts: LineCounts
    package let files: Int
    package let bytes: Int64
    /// Whether that is more than it may be.
    package let isRefused: Bool
  }

  /// Reads and packs all of it, and keeps nothing: what size comes out no header tells.
  package func plan(progress: (Int64) -> Void = { _ in }) throws(CompactionError) -> Plan {
    do {
      let generation = try survey.openLive()
      defer { generation.close() }
      var packing = try Packing(encoding, effort, settings, limit: nil) { _ in CountedOutput() }
      defer { packing.free() }
      let counts = try merge(generation, into: &packing, progress)
      try packing.closeFile()
      let bytes = packing.bytes
      return Plan(
        counts: counts, files: packing.files.count, bytes: bytes,
        isRefused: limit.map { bytes > $0.bytes } ?? false)
    } catch {
      throw translated(error, survey.partition)
    }
  }

  /// What a compaction came to.
  package struct Outcome: Sendable {
    package let generation: String
    package let counts: LineCounts
    package let files: Int
    package let bytes: Int64
    /// Whether the old generation carries its marker now; if not, why is in `warning`.
    package let warning: String?
  }

  /// Makes it: writes the new generation, commits it, makes it live, retires the old one. On any
  /// error before that the new generation is removed and the live one stays as it was.
  ///
  /// - Parameter progress: called with bytes of input read so far.
  package func run(
    at hook: ((GenerationStep) -> Void)? = nil, progress: (Int64) -> Void = { _ in }
  ) throws(CompactionError) -> Outcome {
    do {
      let writer = try GenerationWriter(partition: survey.partition, at: hook)
      defer { writer.release() }
      do {
        return try run(writer, progress)
      } catch {
        if !writer.isLive { writer.discard() }
        throw error
      }
    } catch {
      throw translated(error, survey.partition)
    }
  }

  private func run(_ writer: GenerationWriter, _ progress: (Int64) -> Void) throws -> Outcome {
    guard writer.superseded == survey.live else { throw changed("the cursor names another") }
    let generation = try survey.openLive()
    defer { generation.close() }
    var packing = try Packing(encoding, effort, settings, limit: limit) {
      try writer.makeFile($0)
    }
    defer { packing.free() }
    let counts = try merge(generation, into: &packing, progress)
    try packing.closeFile()
    let files = packing.files
    try writer.commit(metadata: metadata(counts, files))
    // A writer that does not know of the cursor's lock may have added rows meanwhile.
    guard try Survey(partition: survey.partition).files == survey.files else {
      throw changed("its data files have changed")
    }
    try writer.flip(
      compaction: .init(filesBefore: survey.files.count, filesAfter: files.count))
    var warning: String?
    do { try writer.retireOld() } catch { warning = "\(error)" }
    return Outcome(
      generation: writer.name, counts: counts, files: files.count,
      bytes: packing.bytes, warning: warning)
  }

  private func changed(_ what: String) -> CompactionError {
    CompactionError(
      .contended, survey.partition + "/" + survey.live,
      "the live generation has changed while it was read: \(what); run it again")
  }

  private func merge(
    _ generation: Descriptor, into packing: inout Packing, _ progress: (Int64) -> Void
  ) throws -> LineCounts {
    let filled = Mailbox<Piece>(limit: .max)
    let empty = Mailbox<ByteBuffer?>(limit: .max)
    let size = Int(min(Self.pieceSize, max(4096, settings.batchBytes / 2)))
    for _ in 0..<Self.pieces { empty.post(ByteBuffer(capacity: size)) }
    let (survey, settings) = (survey, settings)
    guard
      let thread = Thread.start(
        named: "reapd-rows",
        {
          var reader = RowReader(
            survey, generation, settings: settings, filled: filled, empty: empty)
          reader.run()
        })
    else { throw CompactionError(.system, survey.partition, "no thread can be started") }
    defer {
      // After an error the reader may be waiting for a buffer; after its end it reads nothing.
      empty.post(nil)
      thread.join()
    }
    var done: Int64 = 0
    while true {
      for piece in filled.take(until: nil).messages {
        switch piece {
        case .bytes(let buffer, let ends, let consumed):
          try packing.take(buffer, ends)
          empty.post(buffer)
          done += consumed
          progress(done)
        case .directory(let directory): try packing.enter(directory)
        case .finished(let counts): return counts
        case .failed(let error): throw error
        }
      }
    }
  }

  private func metadata(_ counts: LineCounts, _ files: [PackedFile]) -> [UInt8] {
    let own: JSONValue = .object([
      ("format", .integer(1)), ("rows", .integer(counts.rows)), ("from", .string(survey.live)),
      ("files", .array(files.map(\.json))),
    ])
    return Array((JSONValue.object(survey.metadata + [(ownMember, own)]).indentedText + "\n").utf8)
  }
}

private func translated(_ error: any Error, _ partition: String) -> CompactionError {
  switch error {
  case let error as CompactionError: return error
  case let error as EncodingProblem: return CompactionError(.system, partition, error.what)
  case let error as SystemError:
    return CompactionError(
      error.isRefusal ? .noPermission : .system, partition, "\(error)")
  case let error as GenerationError:
    let reason: CompactionError.Reason =
      switch error.reason {
      case .cursorUnreadable: .badData
      case .stale, .busy, .displaced: .contended
      case .system where error.isRefusal: .noPermission
      case .system where error.isAbsence: .badData
      case .system, .misuse: .system
      }
    return CompactionError(reason, error.path, "\(error.what); \(error.advice)")
  default: return CompactionError(.system, partition, "\(error)")
  }
}
