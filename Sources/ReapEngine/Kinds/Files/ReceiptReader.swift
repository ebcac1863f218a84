// Follows a file of receipts on a thread of its own: an expression that takes for ever on some line
// stops nothing but the proofs.

import Glibc
import OwnedDirectories
import ReapRules
import Synchronization
import Watching

final class ReceiptReader: Sendable {
  /// A path and a size; what is longer is no receipt.
  private static let lineLimit = 16 << 10
  /// How often it is noted that all was read, where nothing was proved.
  private static let noting = nanosecondsPerSecond
  /// After a start that finds another file in the log's place lines may come late that are old.
  private static let settling = 10 * nanosecondsPerSecond

  private let source: FilesSettings.Receipts
  private let settings: FilesSettings
  private let file: FilePath
  private let root: FilePath
  private let book: ReceiptBook
  private let told: @Sendable (CandidatePath) -> Void
  private let complain: @Sendable (String) -> Void
  private let stopper = Mutex<(stop: TailStopper?, isStopping: Bool)>((nil, false))
  private let hasEnded = Mutex(false)
  /// It could not go on, or was stopped.
  var isOver: Bool { hasEnded.withLock { $0 } }

  /// - Parameter told: called on the thread with each file of which a copy is proved now.
  init(
    _ source: FilesSettings.Receipts, _ settings: FilesSettings, root: FilePath,
    _ book: ReceiptBook,
    told: @escaping @Sendable (CandidatePath) -> Void,
    complain: @escaping @Sendable (String) -> Void
  ) {
    self.source = source
    self.settings = settings
    self.root = root
    file = source.file.isAbsolute ? source.file : root.appending(source.file.bytes)
    self.book = book
    self.told = told
    self.complain = complain
  }

  func start() {
    if Thread.start(named: "receipts", { self.run() }) == nil {
      complain("no thread is left to follow \(file): no copy is proved")
    }
  }

  /// Does not wait: it may be at work on a line.
  func stop() {
    stopper.withLock { state in
      state.isStopping = true
      state.stop?()
    }
  }

  private func run() {
    var reading = Reading(self)
    do {
      let loop = try makeLoop()
      let isStopping = stopper.withLock { state in
        state.stop = loop.stopper
        return state.isStopping
      }
      if isStopping { loop.stopper() }
      _ = loop.run { piece in
        reading.take(piece)
        return piece.range.count
      }
      reading.end()
    } catch {
      complain("\(file) cannot be followed, so that no copy is proved: \(error)")
    }
    book.end()
    hasEnded.withLock { $0 = true }
  }

  private func makeLoop() throws -> TailLoop {
    do {
      try book.begin { proof in self.status(of: proof.path).map { proof.fits($0) } ?? false }
    } catch {
      complain("what receipts prove is not kept over a restart: \(error)")
    }
    let settings = TailSettings(
      from: .lines(0), checkpoint: book.position.bytes, lineLimit: Self.lineLimit)
    let notice = { [complain] (text: String) in complain(text) }
    do throws(TailFailure) {
      return try TailLoop([file.bytes], settings, notice: notice)
    } catch {
      guard case .badCheckpoint = error else { throw error }
      // To begin anew proves less, and never too much.
      complain("\(error)")
      return try TailLoop(
        [file.bytes], TailSettings(from: .lines(0), lineLimit: Self.lineLimit), notice: notice)
    }
  }

  private func status(of path: CandidatePath) -> FileStatus? {
    guard let directory = try? openRoot(root) else { return nil }
    defer { directory.close() }
    // Without a descriptor of the file itself, which would stand in the way of a lease.
    guard
      let parent = try? openFile(
        path.directory.isEmpty ? [0x2E] : path.directory, at: directory,
        O_RDONLY | O_DIRECTORY | O_NOFOLLOW, follow: .within)
    else { return nil }
    defer { parent.close() }
    guard let facts = try? OwnedDirectories.status(of: path.name, at: parent),
      facts.type == .regular
    else { return nil }
    return facts
  }

  /// What the thread knows between two pieces.
  private struct Reading {
    let reader: ReceiptReader
    let pattern: ReceiptPattern?
    let begun = readClocks()
    /// How large the file was at the start: what stands below was written before, nobody saw when.
    private let size: Int64
    private var isBacklog: Bool
    private let isAnother: Bool
    private var noted: Nanoseconds = 0
    private let asOf: Nanoseconds?

    init(_ reader: ReceiptReader) {
      self.reader = reader
      pattern = reader.source.pattern.flatMap(ReceiptPattern.init)
      let facts = try? OwnedDirectories.status(ofPath: resolveRoot(reader.file))
      let known = Self.known(reader.book.position, reader.file)
      size = facts?.size ?? 0
      asOf = reader.book.asOf
      let last = known?.files.last
      isAnother = last != nil && last?.identity != facts?.identity
      isBacklog =
        last.map { $0.identity != facts?.identity || $0.position.offset < (facts?.size ?? 0) }
        ?? false
    }

    private static func known(_ position: FilePath, _ file: FilePath) -> TailCheckpoint.Log? {
      guard let text = try? readWhole(position.text ?? ""), let saved = TailCheckpoint(text)
      else { return nil }
      return saved.logs.first { $0.path == file.bytes }
    }

    mutating func take(_ piece: TailPiece) {
      // Whatever is cut off, or ended without its newline, is no whole line.
      guard piece.kind == .lines else { return }
      let now = readClocks()
      let arrival = arrival(now.wall)
      var proofs: [CopyProof] = []
      var rest = piece.range
      while let newline = piece.buffer.first(0x0A, in: rest) {
        let line = piece.buffer.bytes(rest.lowerBound..<newline)
        rest = newline + 1..<rest.upperBound
        if let arrival, let proof = proof(line, arrival) { proofs.append(proof) }
      }
      note(proofs, now)
      for proof in proofs { reader.told(proof.path) }
      let isPast = piece.offset + Int64(piece.range.count) >= size
      if isPast, !isAnother || now.monotonic > begun.monotonic + ReceiptReader.settling {
        isBacklog = false
      }
    }

    /// When the lines at hand came. The file's own time is that of its last line, however late it is
    /// read; of lines from before the start it is known only that they were not there at the end.
    private func arrival(_ now: Nanoseconds) -> Nanoseconds? {
      guard !isBacklog else { return asOf }
      let written = (try? OwnedDirectories.status(ofPath: resolveRoot(reader.file)))?.modification
      return min(now, written ?? now)
    }

    /// A file that was changed in the same tick of the kernel's clock as the line came, a few
    /// milliseconds, was changed before: nothing is copied faster.
    private func proof(_ line: [UInt8], _ arrival: Nanoseconds) -> CopyProof? {
      let settings = reader.settings
      let receipt =
        if reader.source.pattern == nil {
          Receipt(json: line, in: settings)
        } else {
          pattern?.receipt(in: line, settings)
        }
      guard let receipt, let facts = reader.status(of: receipt.path), facts.size == receipt.size,
        isBacklog ? facts.change < arrival : facts.change <= arrival
      else { return nil }
      return CopyProof(
        path: receipt.path, inode: facts.identity.inode, change: facts.change, size: facts.size,
        arrival: arrival)
    }

    private mutating func note(_ proofs: [CopyProof], _ now: (wall: Int64, monotonic: Int64)) {
      guard !proofs.isEmpty || now.monotonic > noted + ReceiptReader.noting else { return }
      noted = now.monotonic
      // What was not read yet by then may have come a moment before.
      let asOf = isBacklog ? asOf ?? 0 : now.wall - nanosecondsPerSecond
      if !reader.book.note(proofs, asOf: asOf), !proofs.isEmpty {
        reader.complain("what receipts prove cannot be written down")
      }
    }

    mutating func end() {
      guard !isBacklog else { return }
      _ = reader.book.note([], asOf: readClocks().wall - nanosecondsPerSecond)
    }
  }
}

/// A regular expression with groups `name` and `bytes`.
struct ReceiptPattern {
  private let expression: Regex<AnyRegexOutput>

  init?(_ text: String) {
    guard let expression = try? Regex(text) else { return nil }
    self.expression = expression
  }

  /// Nil where the whole line is none, or is no UTF-8.
  func receipt(in line: [UInt8], _ settings: FilesSettings) -> Receipt? {
    guard let text = String(validating: line, as: UTF8.self),
      let match = try? expression.wholeMatch(in: text),
      let name = match["name"]?.substring, let bytes = match["bytes"]?.substring,
      let size = Receipt.size(bytes.utf8)
    else { return nil }
    return Receipt(name: name.utf8, size: size, in: settings)
  }
}
