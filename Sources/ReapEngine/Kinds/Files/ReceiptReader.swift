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

  private let source: FilesSettings.Receipts
  private let settings: FilesSettings
  private let file: FilePath
  private let root: FilePath
  private let book: ReceiptBook
  private let told: @Sendable (CandidatePath) -> Void
  private let complain: @Sendable (String) -> Void
  private let stopper = Mutex<(stop: TailStopper?, isStopping: Bool)>((nil, false))
  private let isNudged = Atomic(false)
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

  /// A file was written: what comes from now on may be its receipt.
  func nudge() {
    isNudged.store(true, ordering: .releasing)
    stopper.withLock { $0.stop?.wake() }
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
      _ = loop.run(between: { reading.look() }) { piece in
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

  /// - Parameter isUnwritten: nil where anybody may be about to write it: a second store to a mapping
  ///   leaves no trace in its times.
  private func status(of path: CandidatePath, isUnwritten: Bool = false) -> FileStatus? {
    guard let directory = try? openRoot(root) else { return nil }
    defer { directory.close() }
    guard
      let parent = try? openFile(
        path.directory.isEmpty ? [0x2E] : path.directory, at: directory,
        O_RDONLY | O_DIRECTORY | O_NOFOLLOW, follow: .within)
    else { return nil }
    defer { parent.close() }
    guard let facts = try? OwnedDirectories.status(of: path.name, at: parent),
      facts.type == .regular
    else { return nil }
    // A descriptor of the file itself stands in the way of others' leases.
    guard isUnwritten else { return facts }
    guard let file = openPatiently(path.name, at: parent) else { return nil }
    defer { file.close() }
    guard !mayHaveWriter(file), let there = try? OwnedDirectories.status(of: file),
      there.type == .regular
    else { return nil }
    return there
  }

  /// Whoever looks whether it is open has a lease of it for an instant, which keeps others out.
  private func openPatiently(_ name: EntryName, at directory: Descriptor) -> Descriptor? {
    for _ in 0..<5 {
      do throws(SystemError) {
        return try openFile(
          name.bytes, at: directory, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, follow: .within)
      } catch {
        guard error.code == EWOULDBLOCK else { return nil }
        pause(nanoseconds: 2_000_000)
      }
    }
    return nil
  }

  /// What the thread knows between two pieces.
  private struct Reading {
    let reader: ReceiptReader
    let pattern: ReceiptPattern?
    private var marks: LogMarks<FileIdentity>
    private var noted: Nanoseconds = 0
    private var notedMark: LogMark?
    /// Monotonic: when what was written a moment ago is older than a look.
    private var again: Nanoseconds?

    init(_ reader: ReceiptReader) {
      self.reader = reader
      pattern = reader.source.pattern.flatMap(ReceiptPattern.init)
      let saved = reader.book.mark
      let read = Self.position(reader.book.position, reader.file)
      marks = LogMarks(
        (saved?.file ?? read?.identity).map { file in
          let offset = read?.identity == file ? read?.position.offset : nil
          return (file: file, mark: saved?.mark, read: offset ?? 0)
        }, Now.current)
    }

    private static func position(_ position: FilePath, _ file: FilePath) -> TailCheckpoint.File? {
      guard let text = try? readWhole(position.text ?? ""), let saved = TailCheckpoint(text)
      else { return nil }
      return saved.logs.first { $0.path == file.bytes }?.files.last
    }

    /// Before each read and each wait: how large the log is now.
    mutating func look() -> Nanoseconds? {
      let now = Now.current
      let lag = LogMarks<FileIdentity>.lag
      if reader.isNudged.exchange(false, ordering: .acquiring) { again = now.monotonic + 2 * lag }
      if let instant = again, instant <= now.monotonic { again = nil }
      let facts = try? OwnedDirectories.status(ofPath: resolveRoot(reader.file))
      marks.see(facts?.identity, size: facts?.size ?? 0, now)
      var due = [again, marks.due]
      if now.monotonic >= noted + ReceiptReader.noting {
        note([], now)
      } else {
        // Also the last look before a long silence is of use to the next start.
        due.append(noted + ReceiptReader.noting)
      }
      return due.compactMap(\.self).min()
    }

    mutating func take(_ piece: TailPiece) {
      let now = Now.current
      let range = piece.offset..<(piece.offset + Int64(piece.range.count))
      // Whatever is cut off, or ended without its newline, is no whole line.
      guard let bound = marks.take(range, of: piece.file, now), piece.kind == .lines else { return }
      var proofs: [CopyProof] = []
      var rest = piece.range
      while let newline = piece.buffer.first(0x0A, in: rest) {
        let line = piece.buffer.bytes(rest.lowerBound..<newline)
        rest = newline + 1..<rest.upperBound
        if let proof = proof(line, after: bound) { proofs.append(proof) }
      }
      guard !proofs.isEmpty else { return }
      note(proofs, now)
      for proof in proofs { reader.told(proof.path) }
    }

    /// - Parameter bound: the line was written later than that, so that a file that was not changed
    ///   since is the one that was copied.
    private func proof(_ line: [UInt8], after bound: Nanoseconds) -> CopyProof? {
      let settings = reader.settings
      let receipt =
        if reader.source.pattern == nil {
          Receipt(json: line, in: settings)
        } else {
          pattern?.receipt(in: line, settings)
        }
      guard let receipt, let facts = reader.status(of: receipt.path, isUnwritten: true),
        facts.size == receipt.size, facts.change < bound
      else { return nil }
      return CopyProof(
        path: receipt.path, inode: facts.identity.inode, change: facts.change, size: facts.size,
        arrival: readClocks().wall)
    }

    private mutating func note(_ proofs: [CopyProof], _ now: Now) {
      let mark = marks.lastMark.map { LogMark($0.file, $0.mark) }
      guard !proofs.isEmpty || mark != notedMark else { return }
      noted = now.monotonic
      notedMark = mark
      if !reader.book.note(proofs, mark), !proofs.isEmpty {
        reader.complain("what receipts prove cannot be written down")
      }
    }

    mutating func end() {
      _ = look()
      note([], Now.current)
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
