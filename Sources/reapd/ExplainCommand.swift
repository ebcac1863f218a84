import ArgumentParser
import OwnedDirectories
import ReapConfiguration
import ReapEngine
import ReapRules

struct ExplainCommand: ParsableCommand, NeedsProc {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Say what would be decided about a directory, and on what evidence.",
    usage: "reapd explain PATH [OPTIONS]",
    discussion: "Changes nothing.")

  @Argument(help: "A directory in a root; of a partition, each generation is explained.")
  var path: FilePath

  @OptionGroup var rules: RuleOptions

  func run() throws {
    var bytes = path.bytes
    while bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
    let slash = bytes.lastIndex(of: UInt8(ascii: "/"))
    guard let name = EntryName(slash.map { bytes[($0 + 1)...] } ?? bytes[...]) else {
      throw fail(.usage, "\(displayText(bytes)) does not end in the name of a directory")
    }
    let parent = slash.map { $0 == 0 ? "/" : FilePath(bytes[..<$0]) } ?? "."
    let setup = try rules.configuration(containing: parent, name, of: bytes)
    let rule = setup.configuration.rules[0]
    let mounts = MountView()
    let root: OpenRoot
    do {
      root = try openRoot(resolveRoot(rule.root), rule: rule, mounts: mounts, exclusive: false)
    } catch {
      throw fail(error, fromFile: setup.fromFile)
    }
    let below = Array(resolveRoot(absolute(parent)).bytes.dropFirst(root.path.bytes.count + 1))
    let path = CandidatePath(directory: below, name)
    let roots = setup.roots.map(resolveRoot)
    let condemned = condemnedRecords(
      below: root, configured: ReapOptions.auditPlaces(setup.configuration))
    if case .place = rule.role(of: name, isDirectory: nil) {
      guard
        let partition = PlaceExplanation.of(
          path.bytes, rule: rule, root: root, roots: roots, mounts: mounts,
          condemned: condemned)
      else { throw fail(.badData, "\(displayText(bytes)) does not exist") }
      return printLine(rules.json ? partition.json.text : partition.text)
    }
    guard
      let explanation = Explanation.of(
        path, rule: rule, root: root, roots: roots, mounts: mounts, condemned: condemned)
    else { throw fail(.badData, "\(displayText(bytes)) does not exist") }
    printLine(rules.json ? explanation.json.text : explanation.text)
  }
}
