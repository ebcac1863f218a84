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
      A pin is the extended attribute user.reapd.keep of the entry itself. The pin stays over \
      restarts and renames. It counts for a whole candidate, not for what lies in one: a pin that \
      keeps nothing is told.
      """)

  @Flag(help: "Take pins away.")
  var undo = false

  @Flag(help: "Show every pin below the roots, also those that keep nothing.")
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
    var idle: [FilePath] = []
    for path in paths {
      let path = trimmed(path.bytes)
      do {
        try change(path)
        guard !undo else { continue }
        switch try GivenPath(FilePath(path)).map({ try rules.pinEffect($0.resolved) }) ?? .none {
        case .keeps: break
        case .nothing(let candidate):
          complain(
            "\(displayText(path)): a pin in a candidate keeps nothing; pin \(candidate) itself")
        case .none: idle.append(FilePath(path))
        }
      } catch let error as SystemError {
        complain(explained(error))
        status = error.code == ENOENT ? .badData : status ?? .someFailed
      }
    }
    if let first = idle.first {
      let others = idle.count > 1 ? " and \(counted(idle.count - 1, "other path"))" : ""
      complain(
        "\(first)\(others): no rule that is known here would remove it, so the pin keeps nothing; "
          + "name the rules that your reapd has by --config, --preset, --kind or --match")
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
    let passes = try openPasses(
      setup, logger: try rules.logger(setup.configuration), exclusive: false)
    // Several rules may have one root, or nested ones: the rule is the one that the pin counts for.
    var found: [[UInt8]: String?] = [:]
    for pass in passes.open {
      do throws(SystemError) {
        for pin in try pins(below: pass.root, rule: pass.rule) {
          found[pin.path] = pin.counts ? pass.rule.name : found[pin.path] ?? nil
        }
      } catch {
        throw fail(RootFailure.system(error), fromFile: setup.fromFile)
      }
    }
    for (path, rule) in found.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      printLine(
        rules.json
          ? JSONValue.object([
            JSONValue.pathMember(path), ("rule", rule.map(JSONValue.string) ?? .null),
          ]).text : displayText(path) + (rule == nil ? "  (keeps nothing: no rule takes it)" : ""))
    }
    if found.isEmpty, !rules.json, !passes.lackNamedRoot { printLine("nothing is pinned") }
    try passes.finish()
  }
}
