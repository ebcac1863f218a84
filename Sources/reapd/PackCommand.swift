import Archives
import ArgumentParser
import Glibc
import OwnedDirectories
import ReapEngine
import ReapRules

struct PackCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pack",
    abstract: "Make a stage archive of a node's own files.",
    usage: "reapd pack DIR -o FILE [OPTIONS]",
    discussion: """
      Left out are visits (visit_N), stage and run archives of the node, the homes of coding agents \
      (codex-home*) and their secrets (.codex/auth.json, .codex/config.toml). The archive depends on \
      nothing but names, contents, modes and times of the files. On an error nothing is left behind.
      """)

  @Argument(help: "The node.")
  var directory: FilePath

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("The archive; replaced if it exists.", valueName: "file"))
  var output: FilePath

  @Flag(help: "Machine-readable output.")
  var json = false

  func run() throws {
    let source = resolveRoot(absolute(directory))
    let target = absolute(output)
    let place = resolveRoot(target.parent ?? "/").appending(target.lastComponent)
    let outcome: PackOutcome
    do {
      outcome = try StagePacking(source, to: place).run()
    } catch let problem as SlimProblem {
      let member = problem.member.map { "\(displayText($0)): " } ?? ""
      throw fail(
        problem.reason == .unexpectedForm ? .badData : .someFailed,
        "\(source): \(member)\(problem); nothing was packed")
    } catch let error as SystemError {
      throw fail(
        error.isRefusal
          ? .noPermission : error.code == ENOENT || error.code == ENOTDIR ? .badData : .someFailed,
        "\(source): \(error); nothing was packed")
    }
    if json {
      let numbers: [(String, Int64)] = [
        ("files", Int64(outcome.files)), ("directories", Int64(outcome.directories)),
        ("links", Int64(outcome.links)), ("left_out", Int64(outcome.leftOut)),
        ("passed_over", Int64(outcome.passedOver)), ("bytes_before", outcome.bytesBefore),
        ("bytes_after", outcome.bytesAfter),
      ]
      return printLine(
        JSONValue.object(
          [JSONValue.pathMember(place.bytes)] + numbers.map { ($0.0, .integer($0.1)) }
        ).text)
    }
    let left = outcome.leftOut > 0 ? ", \(outcome.leftOut) left out" : ""
    let passed =
      outcome.passedOver > 0 ? ", \(outcome.passedOver) that have no content passed over" : ""
    printLine(
      "packed  \(place)  \(counted(outcome.files, "file")), \(roughSize(outcome.bytesBefore)) → "
        + "\(roughSize(outcome.bytesAfter))\(left)\(passed)")
  }
}
