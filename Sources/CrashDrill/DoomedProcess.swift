// A program that is started in order to be killed.

package import OwnedDirectories
import ReapRules
import Glibc

/// A process of its own whose lines are read, and that is killed at a point of the caller's choice.
///
/// Nothing happens in a `deinit`: a process lives until it ends or until ``kill()``. It has a
/// process group of its own.
public final class DoomedProcess {
  /// Where its standard output goes.
  public enum Output: Sendable {
    /// To this process, which reads it as ``lines``. A program whose lines are not read waits once it
    /// has printed much.
    case pipe
    /// To a file, which is made anew.
    case file(String)
  }

  /// How it ended.
  public enum End: Sendable, Equatable {
    /// By exit(3), with this status.
    case exited(Int32)
    /// By this signal.
    case killed(signal: Int32)
  }

  /// The number of the process, and of its process group.
  public let pid: Int32
  /// The program, as it was named.
  public let program: String
  /// Wall clock, nanoseconds since 1970, right before the last signal was sent by ``kill()``.
  public private(set) var killedAt: Int64?

  private let socket: Descriptor
  private let outputFile: String?
  private var unread: [UInt8] = []
  private var read: [String] = []
  private var hasEnded = false
  private var ending: End?

  /// Starts a program, found by the search path where the name has no slash.
  ///
  /// - Parameters:
  ///   - program: a path, or a name that is looked for in `PATH`.
  ///   - arguments: what follows the program's name.
  ///   - environment: the variables of the program; nil: the same as this process has.
  ///   - output: where its standard output goes.
  ///   - errors: a file for its standard error, which is made anew; nil: this process's.
  ///   - stepping: whether ``reachedPoint(_:_:)`` in it waits for ``advance(to:within:)``.
  ///   - inheritsDescriptors: whether the program has this process's descriptors that are not
  ///     close-on-exec, besides the first three.
  /// - Throws: ``DrillError`` where it cannot be started.
  public init(
    _ program: String, _ arguments: [String] = [], environment: [String: String]? = nil,
    output: Output = .pipe, errors: String? = nil, stepping: Bool = false,
    inheritsDescriptors: Bool = false
  ) throws(DrillError) {
    self.program = program
    var variables = environment ?? processEnvironment()
    if stepping { variables[steppingVariable] = "1" }
    do throws(SystemError) {
      let pair = try makeSocketPair()
      defer { pair.theirs.close() }
      socket = pair.ours
      var files: [Descriptor] = []
      defer { for file in files { file.close() } }
      var out = pair.theirs
      outputFile = if case .file(let path) = output { path } else { nil }
      if let outputFile {
        out = try createOutput(outputFile)
        files.append(out)
      }
      var err: Descriptor?
      if let errors {
        let file = try createOutput(errors)
        files.append(file)
        err = file
      }
      do throws(SystemError) {
        pid = try spawn(
          program, arguments, environment: variables, input: pair.theirs, output: out, errors: err,
          inheritsOthers: inheritsDescriptors)
      } catch {
        pair.ours.close()
        throw error
      }
    } catch {
      throw DrillError(
        "\(program) cannot be started: \(error.call) \(error.path): \(errorText(error.code))")
    }
  }

  /// What it has printed so far, in whole lines.
  public var lines: [String] {
    drain()
    return read
  }

  /// Whether it has neither ended nor been killed.
  public var isRunning: Bool {
    if ending == nil, let end = collect(pid, waiting: false) { ending = End(end) }
    return ending == nil
  }

  /// Lets the program go on until it prints a line that begins with the word `point`.
  ///
  /// A program that is stepped stands still there; at earlier points it is sent on.
  ///
  /// - Returns: that line.
  /// - Throws: ``DrillError`` where the program ends before that, or `seconds` have passed.
  @discardableResult
  public func advance(to point: String, within seconds: Double = 20) throws(DrillError) -> String {
    let deadline = readMonotonic() + Int64(seconds * 1e9)
    var next = 0
    if isWaitingAtPoint { proceed() }
    while true {
      let isOver = hasEnded
      drain()
      while next < read.count {
        let line = read[next]
        next += 1
        guard next > passed else { continue }
        passed = next
        if firstWord(line) == point {
          isWaitingAtPoint = true
          return line
        }
        proceed()
      }
      guard !isOver else {
        throw DrillError("\(program) ended before it came to '\(point)'; it printed \(read)")
      }
      guard readMonotonic() < deadline else {
        throw DrillError("\(program) did not come to '\(point)' in \(seconds) s: \(read)")
      }
      if outputFile == nil, !hasEnded {
        waitForAny([socket], milliseconds: 20)
      } else {
        if !isRunning { hasEnded = true }
        pause(nanoseconds: 1_000_000)
      }
    }
  }

  private var passed = 0
  private var isWaitingAtPoint = false

  private func proceed() {
    isWaitingAtPoint = false
    send([UInt8(ascii: "\n")], to: socket)
  }

  /// Sends it a line on its standard input.
  public func tell(_ line: String) { send(Array((line + "\n").utf8), to: socket) }

  /// Sends it a signal, if it still runs.
  public func signal(_ number: Int32) { if isRunning { sendSignal(number, to: pid) } }

  /// Sends SIGKILL to the process and to what it has started in its group, and waits until the
  /// process is dead.
  @discardableResult
  public func kill() -> End {
    sendKill()
    if ending == nil { ending = collect(pid, waiting: true).map(End.init) }
    return ending ?? .exited(-1)
  }

  /// Sends SIGKILL as `kill` does, but does not wait for the process to be dead.
  package func sendKill() {
    guard isRunning else { return }
    killedAt = readClocks().wall
    // Not collected, so that the number cannot have become somebody else's.
    sendSignal(SIGKILL, to: -pid)
  }

  /// Waits for the end of the process.
  ///
  /// - Returns: how it ended; nil when it has not ended within `seconds`.
  public func end(within seconds: Double = 20) -> End? {
    waitUntil(within: seconds) { !isRunning }
    return ending
  }

  /// Closes the connection; reading is over. For those who start very many.
  package func close() { socket.close() }

  /// What there is to wait for; empty once its output has ended.
  package var readable: [Descriptor] { hasEnded || outputFile != nil ? [] : [socket] }

  private func drain() {
    if let outputFile {
      guard let file = try? openForReading(FilePath(outputFile)) else { return }
      defer { file.close() }
      take(readOn(file, from: position))
    } else if !hasEnded {
      guard let bytes = readAvailable(socket) else { return hasEnded = true }
      take(bytes)
    }
  }

  private var position: Int64 = 0

  private func take(_ bytes: [UInt8]) {
    guard !bytes.isEmpty else { return }
    position += Int64(bytes.count)
    unread += bytes
    guard let last = unread.lastIndex(of: 10) else { return }
    for line in unread[..<last].split(separator: 10, omittingEmptySubsequences: false) {
      read.append(String(decoding: line, as: UTF8.self))
    }
    unread.removeSubrange(...last)
  }
}

extension DoomedProcess.End {
  init(_ end: ProcessEnd) {
    self =
      switch end {
      case .exited(let status): .exited(status)
      case .signalled(let number): .killed(signal: number)
      }
  }
}

/// Why a drill cannot go on, in words.
public struct DrillError: Error, Sendable, CustomStringConvertible {
  /// What went wrong.
  public let description: String

  init(_ description: String) { self.description = description }
}

private func createOutput(_ path: String) throws(SystemError) -> Descriptor {
  let file = try openForAppending(FilePath(path))
  guard ftruncate(file.number, 0) == 0 else { throw SystemError("truncate", path) }
  return file
}

func firstWord(_ line: String) -> Substring { line.prefix { $0 != " " } }
