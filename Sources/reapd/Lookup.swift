// Which rule a path belongs to, for the commands that are told a path: explain, keep and restore.

import OwnedDirectories
import ReapConfiguration
import ReapEngine
import ReapRules

extension RuleOptions {
  /// The configuration for one path in a root.
  ///
  /// It holds the file's rule whose root the path lies in: a rule that takes the name goes before
  /// others, then the innermost root does. Where no rule fits, the directory of the path is taken for a
  /// root of the command line.
  ///
  /// - Parameters:
  ///   - directory: the directory in which the path lies.
  ///   - name: the last component of the path.
  ///   - path: the whole path; where no rule fits, it tells which preset knows such a place.
  func configuration(
    containing directory: FilePath, _ name: EntryName, of path: [UInt8]? = nil
  ) throws -> Setup {
    if !shapesRules {
      let file = try file()
      let resolved = resolveRoot(absolute(directory))
      let holding = (file?.rules ?? []).filter { resolved.isWithin(resolveRoot($0.root)) }
      func rank(_ rule: Rule) -> (Int, Int) {
        let root = resolveRoot(rule.root)
        let below = Array(resolved.bytes.dropFirst(root.bytes.count + 1))
        return (rule.takes(name, in: below) ? 1 : 0, root.bytes.count)
      }
      let best = holding.max { rank($0) < rank($1) }
      // In a root that many share, what the rule does not take may be another program's.
      let isStray = best.map { $0.kind.part.sharesRoots && rank($0).0 == 0 } ?? false
      let strayRule = isStray ? path.flatMap { presetRule(holding: directory, $0) } : nil
      if let file, let rule = best, strayRule == nil {
        var result = file
        result.rules = [try refined(rule)]
        return Setup(configuration: result, fromFile: true, roots: file.rules.map(\.root))
      }
    }
    if let path, !shapesRules, let rule = presetRule(holding: directory, path) {
      complain("no rule of a configuration takes it: explained as --preset \(rule.name) does")
      return Setup(
        configuration: Configuration(rules: [rule]), fromFile: false, roots: [rule.root])
    }
    return try configuration(roots: [directory])
  }

  /// By a preset's own root or, where that lies elsewhere, by a cursor in the path or beside it.
  private func presetRule(holding directory: FilePath, _ path: [UInt8]) -> Rule? {
    let resolved = resolveRoot(absolute(directory))
    func rules(root: FilePath?) -> [Rule] {
      Rule.ofPresets(root: root, user: .current, environment: .current)
    }
    let entry = resolved.appending(FilePath(path).lastComponent)
    let holding = catalogueRules().filter { resolved.isWithin($0.root) && $0.isAbout(entry) }
    if let found = holding.max(by: { $0.root.bytes.count < $1.root.bytes.count }) {
      return found.rule
    }
    let here = rules(root: resolved)
    let ofCursor = here.first { rule in
      guard let settings = rule.kind.generations else { return false }
      return [FilePath(path), resolved].contains {
        (try? status(ofPath: $0.appending(settings.cursor.bytes))) != nil
      }
    }
    return ofCursor ?? soleTaker(of: FilePath(path).lastComponent, among: here)
  }

  /// By the name alone, wherever it lies: the rule of the one program whose names begin like this one.
  private func soleTaker(of name: [UInt8], among rules: [Rule]) -> Rule? {
    let takers = takers(of: name, among: rules).filter(\.isTelling)
    let programs = Set(takers.map { Catalogue.preset(ofRule: $0.name) ?? $0.name })
    return programs.count == 1 ? takers.first : nil
  }

  private func takers(of name: [UInt8], among rules: [Rule]) -> [Rule] {
    guard let name = EntryName(name[...]) else { return [] }
    return rules.filter { $0.kind.part.sharesRoots && $0.takes(name, in: []) }
  }

  /// The presets whose match the name fits, for who has named none.
  func fittingPresets(_ given: GivenPath) -> [String] {
    guard !shapesRules else { return [] }
    // Any root will do: what fits is the name.
    let rules = Rule.ofPresets(root: "/any/root", user: .current, environment: .current)
    return takers(of: given.name.bytes, among: rules).filter { !$0.takesEverything }.map(\.name)
  }

  /// The rules of which a path is the root: those of the configuration or else of the presets.
  ///
  /// - Parameter path: absolute, links resolved.
  func rules(rootedAt path: FilePath) throws -> [Rule] {
    let known = try knownRules()
    // A root may be another rule's candidate.
    guard !known.contains(where: { $0.rule.isCandidate(path, below: $0.root) }) else { return [] }
    return known.filter { $0.root == path }.map(\.rule)
  }

  /// Those of the configuration and of the presets, unless options ask for another one.
  private func knownRules() throws -> [(root: FilePath, rule: Rule)] {
    guard !shapesRules else { return [] }
    return (try file()?.rules ?? []).map { (resolveRoot($0.root), $0) }
      + catalogueRules().map { ($0.root, $0.rule) }
  }

  /// The catalogue's rules on their usual roots.
  private func catalogueRules() -> [KnownPreset] {
    let rules = Rule.ofPresets(root: nil, user: .current, environment: .current)
    let roots = rules.map { resolveRoot($0.root) }
    let counts = Dictionary(roots.map { ($0, 1) }, uniquingKeysWith: +)
    return zip(roots, rules).map {
      KnownPreset(root: $0, rule: $1, isRootShared: (counts[$0] ?? 1) > 1)
    }
  }

  /// What a pin of an entry does, as far as the rules that are known tell.
  enum PinEffect {
    case keeps
    /// It lies in a candidate, which is what has to be pinned.
    case nothing(inside: FilePath)
    /// No rule takes it or what holds it.
    case none
  }

  /// - Parameter path: absolute, the directories above it resolved.
  func pinEffect(_ path: FilePath) throws -> PinEffect {
    var effect = PinEffect.none
    for (root, rule) in try rules(holding: path) {
      let below = path.below(root)
      if rule.findsPin(of: below) { return .keeps }
      if let candidate = rule.candidate(holding: below) {
        effect = .nothing(inside: root.appending(candidate.bytes))
      }
    }
    return effect
  }

  /// Of the configuration and the presets. Where none of those holds it, what `watch` would do on the
  /// command line for each directory above it, and the preset whose cursor lies there.
  private func rules(holding path: FilePath) throws -> [(root: FilePath, rule: Rule)] {
    guard let parent = path.parent else { return [] }
    let inFile = shapesRules ? [] : try file()?.rules ?? []
    let holding =
      inFile.map { (resolveRoot($0.root), $0) }
      + (shapesRules ? [] : catalogueRules().filter { $0.isAbout(path) }.map { ($0.root, $0.rule) })
    let found = holding.filter { parent.isWithin($0.0) }
    guard found.isEmpty else { return found }
    let rule: Rule
    do {
      // Its match is the same wherever the root is.
      rule = try Rule.fromCommandLine(
        root: "/any/root", kind: kind, preset: presets.first, match: match, lock: lock,
        grace: grace,
        owner: owner, user: .current, environment: .current)
    } catch {
      throw fail(error)
    }
    var roots = [parent]
    while let above = roots.last?.parent { roots.append(above) }
    let ofCursors = roots.compactMap { root in
      presetRule(holding: root, root.bytes).map { (root, $0) }
    }
    return roots.map { ($0, rule) } + (shapesRules ? [] : ofCursors)
  }

  private func file() throws -> Configuration? {
    do {
      return try Configuration.load(
        path: config, environment: Environment.current, user: UserContext.current)
    } catch {
      throw fail(error)
    }
  }
}

/// A rule of the catalogue on its usual root.
private struct KnownPreset {
  let root: FilePath
  let rule: Rule
  let isRootShared: Bool

  /// Whether it has to do with an entry somewhere below its root. A root that programs share, such as
  /// `/tmp`, holds much that is nobody's.
  func isAbout(_ path: FilePath) -> Bool {
    guard isRootShared || rule.kind.part.sharesRoots else { return true }
    return path != root && path.isWithin(root)
      && rule.candidate(holding: path.below(root)) != nil
  }
}

extension Rule {
  fileprivate var takesEverything: Bool { match.pattern == "*" }

  /// Whether a name that fits can hardly be by chance.
  fileprivate var isTelling: Bool { match.beginnings.allSatisfy { $0.count >= 4 } }

  fileprivate func isCandidate(_ path: FilePath, below root: FilePath) -> Bool {
    guard path != root, path.isWithin(root), let place = CandidatePath(bytes: path.below(root))
    else { return false }
    return takes(place.name, in: place.directory)
  }
}

extension FilePath {
  /// What follows a directory that holds it.
  fileprivate func below(_ directory: FilePath) -> [UInt8] {
    Array(bytes.dropFirst(directory.bytes.count + (directory == "/" ? 0 : 1)))
  }
}

/// A path as a person wrote it, taken apart: the directory that holds it, and its name.
struct GivenPath {
  /// Without slashes at its end; absolute where it ended in `.` or `..`.
  let bytes: [UInt8]
  let parent: FilePath
  let name: EntryName

  /// Nil for `/`, and for what cannot be a name.
  init?(_ path: FilePath) {
    var bytes = path.bytes
    while bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
    if [Array(".".utf8), Array("..".utf8)].contains(FilePath(bytes).lastComponent) {
      bytes = resolveRoot(absolute(FilePath(bytes))).bytes
    }
    let slash = bytes.lastIndex(of: UInt8(ascii: "/"))
    guard let name = EntryName(slash.map { bytes[($0 + 1)...] } ?? bytes[...]) else { return nil }
    self.bytes = bytes
    self.name = name
    parent = slash.map { $0 == 0 ? "/" : FilePath(bytes[..<$0]) } ?? "."
  }

  /// Absolute; links of the directories above it are resolved, it is none itself.
  var resolved: FilePath { resolveRoot(absolute(parent)).appending(name.bytes) }
}
