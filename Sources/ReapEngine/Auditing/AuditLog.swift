import Glibc
package import OwnedDirectories
package import ReapRules
import Synchronization

/// The audit file: one line, one write, by a thread of its own. Lines that find no room wait in
/// memory; where it cannot be written for another reason, nothing is removed until it can.
package final class AuditLog: Sendable {
  /// Bytes that wait before the oldest lines are given up, and counted: some 100,000 lines.
  private static let waitingLimit = 64 << 20
  private static let firstRetry = nanosecondsPerSecond
  private static let longestRetry = 30 * nanosecondsPerSecond
  /// Room may be there any time, and most likely because something was removed.
  private static let retryForRoom = 5 * nanosecondsPerSecond

  /// The writing thread's; nobody else waits for it.
  private struct Output {
    var file: Descriptor?
    /// How much of the line in hand is in the file.
    var begun = 0
    var delay = AuditLog.firstRetry
  }

  private struct State {
    var mustReopen = false
    /// What was last complained of.
    var failure: Int32?
    var lacksRoom = false
    var isPaused = false
    var resumed: (@Sendable () -> Void)?
  }

  package let path: FilePath
  private let output: Mutex<Output>
  private let state = Mutex(State())
  private let complain: @Sendable (String) -> Void
  private let writer: Mutex<LineWriter?> = Mutex(nil)

  /// Opens the first of the paths that can be written to, making directories on the way.
  ///
  /// - Parameter complain: told in words what is wrong, each thing once.
  package init(
    trying paths: [FilePath], complain: @escaping @Sendable (String) -> Void
  ) throws(AuditUnwritable) {
    self.complain = complain
    var failures: [AuditFailure] = []
    for path in paths {
      do {
        let file = try Self.open(path)
        self.path = path
        output = Mutex(Output(file: file))
        if let first = failures.first { complain("audit: \(first); writing to \(path) instead") }
        return
      } catch  where error.lacksRoom {
        // A full disk is what reapd is there for: it is made once there is room.
        self.path = path
        output = Mutex(Output(file: nil))
        complain("audit: \(error); lines wait in memory")
        return
      } catch {
        failures.append(error)
      }
    }
    throw AuditUnwritable(failures: failures)
  }

  private static func open(_ path: FilePath) throws(AuditFailure) -> Descriptor {
    let file: Descriptor
    do {
      file = try openForAppending(path)
    } catch {
      switch error.code {
      // A named pipe that nobody reads.
      case ENXIO: throw .notRegular(path: path)
      case ELOOP: throw .link(path: path)
      default: throw .system(error)
      }
    }
    let type: FileStatus.FileType
    do {
      type = try status(of: file).type
    } catch {
      file.close()
      throw .system(error)
    }
    guard type == .regular else {
      file.close()
      throw .notRegular(path: path)
    }
    return file
  }

  /// Never waits.
  package func append(_ record: AuditRecord) {
    let lines = lines()
    lines.append(Array((record.json.text + "\n").utf8))
    guard lines.waitingBytes > Self.waitingLimit / 4 * 3 else { return }
    let isNew = state.withLock { state in
      guard !state.lacksRoom, !state.isPaused else { return false }
      state.isPaused = true
      return true
    }
    if isNew { complain("audit: \(path) takes no more lines; nothing is removed until it does") }
  }

  /// Whether something may be removed: a full disk is no reason against it, a log that cannot be
  /// written otherwise is one.
  package var mayRemove: Bool { state.withLock { !$0.isPaused } }

  /// - Parameter resumed: called on another thread each time that `mayRemove` is true again.
  package func whenWritable(_ resumed: @escaping @Sendable () -> Void) {
    state.withLock { $0.resumed = resumed }
  }

  /// Tries again what has to wait for room.
  package func retry() { writer.withLock { $0 }?.retry() }

  /// Opens the file again by its name, as after a rotation.
  package func reopen() {
    state.withLock { $0.mustReopen = true }
    let lines = lines()
    lines.append([])
    lines.retry()
  }

  /// Waits a bounded time for what is not written yet, and says what never was.
  package func close() {
    guard let lines = writer.withLock({ $0 }) else { return }
    let unwritten = lines.finish(within: 5 * nanosecondsPerSecond)
    if unwritten > 0 { complain("audit: \(unwritten) lines could not be written to \(path)") }
  }

  /// Its thread lives as long as the process, and this with it.
  private func lines() -> LineWriter {
    writer.withLock { writer in
      if let writer { return writer }
      let made = LineWriter(
        named: "audit", limit: Self.waitingLimit,
        notice: { [path, complain] count in
          complain("audit: \(count) lines were dropped: \(path) could not be written for too long")
          return nil
        }, write: { self.write($0) })
      writer = made
      return made
    }
  }

  // MARK: - On the writing thread

  private func write(_ line: [UInt8]) -> LineWriter.Outcome {
    output.withLock { output in
      do throws(AuditFailure) {
        try write(line, to: &output)
      } catch {
        return failed(error, &output)
      }
      output.delay = Self.firstRetry
      succeeded()
      return .written
    }
  }

  private func write(_ line: [UInt8], to output: inout Output) throws(AuditFailure) {
    if state.withLock({ $0.mustReopen }) {
      output.file?.close()
      // All of a line that was begun: its beginning is of no use in the file that was rotated away.
      (output.file, output.begun) = (nil, 0)
      state.withLock { $0.mustReopen = false }
    }
    if output.begun == 0, let open = output.file, let successor = successor(of: open) {
      open.close()
      output.file = successor
    }
    let file: Descriptor
    if let open = output.file {
      file = open
    } else {
      file = try Self.open(path)
      output.file = file
    }
    while output.begun < line.count {
      let size = writeOnce(line[output.begun...], to: file)
      guard size > 0 else { throw .system(SystemError("write", "\(path)")) }
      output.begun += size
    }
    output.begun = 0
  }

  /// What a trim has put in the file's place: until nobody has the old one open it cannot go. A file that
  /// was rotated away is gone on with, until somebody says that it is to be opened again.
  private func successor(of file: Descriptor) -> Descriptor? {
    guard let own = try? status(of: file).identity,
      let there = try? status(ofPath: path), there.identity != own, there.type == .regular,
      let opened = try? Self.open(path)
    else { return nil }
    guard TrimMark(on: opened) != nil else {
      opened.close()
      return nil
    }
    return opened
  }

  private func failed(_ failure: AuditFailure, _ output: inout Output) -> LineWriter.Outcome {
    let lacksRoom = failure.lacksRoom
    if !lacksRoom, output.begun == 0 {
      // Its name may lead to one that can be written: a server that came back, a new disk.
      output.file?.close()
      output.file = nil
    }
    let isNew = state.withLock { state in
      state.lacksRoom = lacksRoom
      if !lacksRoom { state.isPaused = true }
      defer { state.failure = failure.code }
      return state.failure != failure.code
    }
    if isNew {
      complain(
        "audit: \(failure); lines wait in memory"
          + (lacksRoom ? "" : ", and nothing is removed until it can be written"))
    }
    let delay = lacksRoom ? Self.retryForRoom : output.delay
    output.delay = min(2 * output.delay, Self.longestRetry)
    return .later(readMonotonic() + delay)
  }

  private func succeeded() {
    let waiting = lines().waitingBytes
    let resumed: (@Sendable () -> Void)? = state.withLock { state in
      (state.failure, state.lacksRoom) = (nil, false)
      guard state.isPaused, waiting < Self.waitingLimit / 4 else { return nil }
      state.isPaused = false
      return state.resumed ?? {}
    }
    guard let resumed else { return }
    complain("audit: \(path) is written again")
    resumed()
  }
}

/// Why one file cannot be the audit.
package enum AuditFailure: Error, Sendable, CustomStringConvertible {
  case system(SystemError)
  case notRegular(path: FilePath)
  case link(path: FilePath)

  var lacksRoom: Bool {
    // EFBIG: a limit of the file's size (ulimit -f), which a rotation takes away.
    guard case .system(let error) = self else { return false }
    return error.code == ENOSPC || error.code == EDQUOT || error.code == EFBIG
  }

  fileprivate var code: Int32 {
    switch self {
    case .system(let error): error.code
    case .notRegular: ENXIO
    case .link: ELOOP
    }
  }

  package var description: String {
    switch self {
    case .system(let error): "\(error)"
    case .notRegular(let path):
      "\(path) is not a regular file: a pipe or a terminal keeps no record"
    case .link(let path): "\(path) is a symbolic link, which is not followed"
    }
  }
}

/// No place can be written.
package struct AuditUnwritable: Error, Sendable, CustomStringConvertible {
  package let failures: [AuditFailure]

  package var description: String { failures.map(\.description).joined(separator: "; ") }
}
