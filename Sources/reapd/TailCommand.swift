import ArgumentParser
import Glibc
import OwnedDirectories
import ReapConfiguration
import ReapRules
import Watching

struct TailCommand: ParsableCommand, NeedsProc {
  static let configuration = CommandConfiguration(
    commandName: "tail",
    abstract: "Follow logs across rotation, truncation and trimming.",
    usage: "reapd tail [OPTIONS] FILE ...",
    discussion: """
      Prints whole lines as they are written, until SIGTERM or SIGINT. A file that rotation takes \
      away is read to its end before the next one begins.
      """)

  enum Origin: String, ExpressibleByArgument, CaseIterable {
    case start, end
  }

  @Argument(help: "Logs to follow; one that is not there is waited for.")
  var files: [FilePath]

  @Option(
    name: [.customShort("n", allowingJoined: true), .customLong("lines")],
    help: ArgumentHelp("How many of the last lines to begin with (10).", valueName: "lines"))
  var lastLines: String?

  @Option(help: ArgumentHelp("Begin with everything, or with what is new.", valueName: "start|end"))
  var from: Origin?

  @Option(help: ArgumentHelp("Keep the position here, and go on from it.", valueName: "file"))
  var checkpoint: FilePath?

  @Option(
    help: ArgumentHelp(
      "Names that rotation gives the log, besides the usual ones.", valueName: "glob"))
  var rotated: String?

  @Flag(help: "One JSON object for each line.")
  var json = false

  // What fingers have learned from tail(1) asks for nothing that is not done anyway.
  @Flag(
    name: [.customShort("f"), .customShort("F"), .customLong("follow")],
    help: "Taken as in tail(1), and without effect: it always follows, by name.")
  var follows = false

  func validate() throws {
    guard !files.isEmpty else { throw ValidationError("Name a file to follow.") }
    if let lastLines, lines == nil {
      throw ValidationError(
        "-n \(lastLines): use a number, 0 or more."
          + (lastLines.hasPrefix("+") ? " --from start begins with the first line." : ""))
    }
    if lines != nil, from != nil { throw ValidationError("Use -n or --from, not both.") }
  }

  /// Digits only: `+N` means another thing to tail(1).
  private var lines: Int? {
    lastLines.flatMap { text in
      text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
    }
  }

  func run() throws {
    // Before the first thread, which inherits it.
    let signals = [SIGTERM, SIGINT]
    blockSignals(signals)
    let paths = files.map { absolute($0).bytes }
    for path in paths {
      if let type = try? fileType(path), type != .regular {
        throw fail(.badData, "\(displayText(path)): not a regular file")
      }
    }
    var start = TailStart.lines(lines ?? 10)
    if let from { start = from == .start ? .start : .lines(0) }
    let pattern: Glob?
    do throws(Glob.Malformed) {
      pattern = try rotated.map { (text) throws(Glob.Malformed) in try Glob(text) }
    } catch {
      throw fail(.usage, "--rotated \(rotated ?? ""): \(error.reason)")
    }
    let settings = TailSettings(
      from: start, checkpoint: checkpoint.map { absolute($0).bytes }, rotated: pattern)
    _ = raiseDescriptorLimit()
    let loop: TailLoop
    do {
      loop = try TailLoop(paths, settings) { complain($0) }
    } catch {
      switch error {
      case .badCheckpoint: throw fail(.badData, "\(error)")
      case .checkpoint(let cause) where cause.code == EACCES:
        throw fail(.noPermission, "\(error)")
      case .checkpoint, .noEvents: throw fail(.someFailed, "\(error)")
      }
    }
    let stopper = loop.stopper
    guard
      Thread.start(
        named: "signals",
        {
          _ = waitForSignal(signals)
          stopper()
          // It waits in write(2) where nobody reads what it has given out.
          _exit(128 + waitForSignal(signals))
        }) != nil
    else { throw fail(.someFailed, "no thread for signals") }
    widenStandardOutput(to: 1 << 20)
    var printer = TailPrinter(names: zip(files, paths).map { $0 }, json: json)
    // A reader that has gone, like `head`, is no failure.
    if !loop.run({ printer.print($0) }), printer.failure != EPIPE {
      throw fail(.someFailed, "standard output: \(errorText(printer.failure))")
    }
  }

  private func fileType(_ path: [UInt8]) throws -> FileStatus.FileType {
    let file = try openToFollow(path)
    defer { file.close() }
    return try status(of: file).type
  }
}
