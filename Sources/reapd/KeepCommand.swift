import ArgumentParser
import Glibc
import Logging
import OwnedDirectories
import ReapConfiguration
import ReapEngine
import ReapRules

struct KeepCommand: ParsableCommand, NeedsProc {
  static let configuration = CommandConfiguration(
    commandName: "keep",
    abstract: "Pin entries, so that reapd keeps them whatever it thinks of them.",
    usage: """
      reapd keep PATH ...
      reapd keep --undo PATH ...
      reapd keep --list [ROOT ...] [OPTIONS]
      """,
    discussion: """
      A pin is the extended attribute user.reapd.keep of the entry itself: it stays with it over \
      restarts and renames, and counts for a candidate, not for what lies in one.
      """)

  @Flag(help: "Take pins away.")
  var undo = false

  @Flag(help: "Show what is pinned below the roots.")
  var list = false

  @Argument(help: "Candidates; with --list, roots (default: those of the configuration).")
  var paths: [FilePath] = []

  @OptionGroup var rules: RuleOptions

  func run() throws {
    guard !list else { return try showPinned() }
    guard !paths.isEmpty else {
      throw fail(.usage, "name what is to be kept; --list shows what is")
    }
    var status: ExitStatus?
    for path in paths {
      do {
        try change(trimmed(path.bytes))
      } catch let error as SystemError {
        complain(explained(error))
        status = error.code == ENOENT ? .badData : status ?? .someFailed
      }
    }
    if let status { throw ExitCode(status.rawValue) }
  }

  private func change(_ path: [UInt8]) throws {
    let entry = try PinnedEntry(path)
    defer { entry.close() }
    let type = try entry.status().type
    guard type == .directory || type == .regular else {
      throw fail(.badData, "\(displayText(path)): only a directory or a regular file can be pinned")
    }
    let word: String
    if undo {
      word = try entry.unpin() ? "unpinned" : "was not pinned"
    } else {
      try entry.pin()
      guard entry.isInPlace else {
        throw fail(.badData, "\(displayText(path)) is gone: it was removed or renamed meanwhile")
      }
      word = "kept"
    }
    if rules.json {
      printLine(JSONValue.object([JSONValue.pathMember(path), ("action", .string(word))]).text)
    } else {
      printLine("\(word)  \(displayText(path))")
    }
  }

  private func explained(_ error: SystemError) -> String {
    error.code == ENOTSUP
      ? "\(error): this file system has no extended attributes (tmpfs has them from Linux 6.6 on); "
        + "name the entry under `never` in its rule instead"
      : "\(error)"
  }

  private func trimmed(_ argument: [UInt8]) -> [UInt8] {
    var bytes = argument
    while bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
    return bytes
  }

  private func showPinned() throws {
    let setup = try rules.configuration(roots: paths)
    var count = 0
    for pass in try openPasses(
      setup, logger: try rules.logger(setup.configuration), exclusive: false)
    {
      do throws(SystemError) {
        for path in try pinnedEntries(of: pass.rule, in: pass.root) {
          count += 1
          printLine(
            rules.json
              ? JSONValue.object([
                JSONValue.pathMember(path), ("rule", .string(pass.rule.name)),
              ]).text : displayText(path))
        }
      } catch {
        throw fail(RootFailure.system(error), fromFile: setup.fromFile)
      }
    }
    if count == 0, !rules.json { printLine("nothing is pinned") }
  }
}
