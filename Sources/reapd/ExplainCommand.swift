import ArgumentParser
import OwnedDirectories
import ReapConfiguration
import ReapEngine
import ReapRules

struct ExplainCommand: ParsableCommand, NeedsProc {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Say what would be decided about a path, and on what evidence.",
    usage: "reapd explain PATH [OPTIONS]",
    discussion: "Changes nothing.")

  @Argument(help: "A candidate in a root. Of a partition, each generation is explained.")
  var path: FilePath

  @OptionGroup var rules: RuleOptions

  func run() throws {
    guard let given = GivenPath(path) else {
      throw fail(.usage, "\(path) does not end in a name")
    }
    let resolved = resolveRoot(absolute(path))
    let roots = try rules.rules(rootedAt: resolved)
    guard roots.isEmpty else { return try roots.forEach { try explainRoot(resolved, $0) } }
    let setup = try rules.configuration(containing: given.parent, given.name, of: given.bytes)
    let rule = setup.configuration.rules[0]
    let parent = resolveRoot(absolute(given.parent))
    let below = Array(parent.bytes.dropFirst(resolveRoot(rule.root).bytes.count + 1))
    if setup.namesRoots, case .nothing = rule.role(of: given.name, isDirectory: true) {
      if try explainUnknownRoot(resolved) { return }
      try explain(CandidatePath(directory: below, given.name), given, setup)
      let fitting = rules.fittingPresets(given)
      let others =
        fitting.isEmpty
        ? "other rules are named by --config, --preset, --kind or --match"
        : "its name fits " + fitting.map { "--preset \($0)" }.joined(separator: " and ")
      return complain(
        "no rule that is known here has a root that holds it: explained as `reapd watch \(parent)` "
          + "would judge it; \(others)")
    }
    try explain(CandidatePath(directory: below, given.name), given, setup)
  }

  private func explain(_ path: CandidatePath, _ given: GivenPath, _ setup: Setup) throws {
    let rule = setup.configuration.rules[0]
    let mounts = MountView()
    let root = try open(resolveRoot(rule.root), rule, mounts, fromFile: setup.fromFile)
    let roots = setup.roots.map(resolveRoot)
    let condemned = condemnedRecords(
      below: root, configured: AuditOptions.places(setup.configuration))
    if case .place = rule.role(of: given.name, isDirectory: nil, in: path.directory) {
      guard
        let partition = PlaceExplanation.of(
          path.bytes, rule: rule, root: root, roots: roots, mounts: mounts,
          condemned: condemned)
      else { throw fail(.badData, "\(displayText(given.bytes)) does not exist") }
      return printLine(rules.json ? partition.json.text : partition.text)
    }
    guard
      let explanation = Explanation.of(
        path, rule: rule, root: root, roots: roots, mounts: mounts, condemned: condemned)
    else { throw fail(.badData, "\(displayText(given.bytes)) does not exist") }
    printLine(rules.json ? explanation.json.text : explanation.text)
  }

  // MARK: - Roots

  /// A root is no candidate. One that holds a cursor is a partition besides, whose generations are
  /// explained.
  private func explainRoot(_ path: FilePath, _ rule: Rule) throws {
    let mounts = MountView()
    let root = try open(path, rule, mounts, fromFile: true)
    if let settings = rule.kind.generations,
      (try? status(ofPath: path.appending(settings.cursor.bytes))) != nil,
      let partition = PlaceExplanation.of(
        [], rule: rule, root: root, roots: [path], mounts: mounts,
        condemned: condemnedRecords(below: root, configured: []))
    {
      return printLine(rules.json ? partition.json.text : partition.text)
    }
    do {
      let explanation = try RootExplanation(root, rule: rule)
      printLine(rules.json ? explanation.json.text : explanation.text)
    } catch {
      throw fail(RootFailure.system(error), fromFile: true)
    }
  }

  /// False where the directory holds nothing that `watch` would take for a candidate there.
  private func explainUnknownRoot(_ path: FilePath) throws -> Bool {
    guard (try? status(ofPath: path))?.type == .directory, path != "/",
      let rule = try rules.configuration(roots: [path]).configuration.rules.first,
      let root = try? openRoot(path, rule: rule, mounts: MountView(), exclusive: false),
      let explanation = try? RootExplanation(root, rule: rule), explanation.candidates > 0
    else { return false }
    complain("no configuration names it: explained as the root of `reapd watch \(path)`")
    printLine(rules.json ? explanation.json.text : explanation.text)
    return true
  }

  private func open(
    _ path: FilePath, _ rule: Rule, _ mounts: MountView, fromFile: Bool
  ) throws -> OpenRoot {
    do {
      return try openRoot(path, rule: rule, mounts: mounts, exclusive: false)
    } catch {
      throw fail(error, fromFile: fromFile)
    }
  }
}
