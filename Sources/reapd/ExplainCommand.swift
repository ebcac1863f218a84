import ArgumentParser
import OwnedDirectories
import ReapConfiguration
import ReapEngine
import ReapRules

struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Say what would be decided about a directory, and on what evidence.",
    usage: "reapd explain PATH [OPTIONS]",
    discussion: "Changes nothing.")

  @Argument(help: "A directory in a root; of a partition, each generation is explained.")
  var path: String

  @OptionGroup var rules: RuleOptions

  func run() throws {
    var bytes = rawArgument(path)
    while bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
    let slash = bytes.lastIndex(of: UInt8(ascii: "/"))
    guard let name = EntryName(slash.map { bytes[($0 + 1)...] } ?? bytes[...]) else {
      throw fail(.usage, "\(displayText(bytes)) does not end in the name of a directory")
    }
    let parent = slash.map { $0 == 0 ? "/" : String(decoding: bytes[..<$0], as: UTF8.self) } ?? "."
    let setup = try rules.configuration(containing: parent)
    let rule = setup.configuration.rules[0]
    let mounts = MountView()
    let root: OpenRoot
    do {
      root = try openRoot(resolveRoot(rule.root), rule: rule, mounts: mounts, exclusive: false)
    } catch {
      throw fail(error, fromFile: setup.fromFile)
    }
    let below = Array(resolveRoot(absolute(parent)).utf8.dropFirst(root.path.utf8.count + 1))
    let path = CandidatePath(directory: below, name)
    let explanations = Explanation.of(
      path, rule: rule, root: root, roots: setup.roots.map(resolveRoot), mounts: mounts)
    guard !explanations.isEmpty else {
      throw fail(.badData, "\(displayText(bytes)) does not exist")
    }
    for (index, explanation) in explanations.enumerated() {
      if rules.json {
        printLine(explanation.json.text)
      } else {
        printLine((index > 0 ? "\n" : "") + explanation.text)
      }
    }
  }
}
