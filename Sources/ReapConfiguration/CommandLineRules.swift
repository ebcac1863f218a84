package import ReapRules

/// What the command line says of rules: roots, presets, and keys that hold for all of them.
package struct CommandLineRules {
  /// The word that stands for the whole catalogue.
  package static let everyPreset = "all"

  /// Where none is named, the presets' usual ones are taken.
  package var roots: [FilePath]
  package var kind: String?
  /// Of the catalogue: a program, one of its rules, or `all`.
  package var presets: [String] = []
  package var match: String?
  package var lock: String?
  package var grace: String?
  package var owner: String?
  /// What is to be asked of the disk.
  package var disk = Disk()

  package struct Disk {
    /// Those that there are of a path, which may have `*` in place of a user's name.
    package var directories: (FilePath) -> [FilePath] = { _ in [] }
    /// Of users other than root, with their owners.
    package var homes: () -> [(path: FilePath, owner: UInt32)] = { [] }

    package init() {}
  }

  /// Whether the whole catalogue is meant, in its usual places.
  package var isCatalogue: Bool { roots.isEmpty && presets.contains(Self.everyPreset) }

  private struct Root {
    /// Nil for the usual one.
    var path: FilePath?
    /// Whose candidates may go there, where that is not what the options say.
    var owners: Rule.Owners?
  }

  package init(roots: [FilePath]) { self.roots = roots }

  /// Their names are made unique by a number.
  func rules(_ context: Context) throws(ConfigurationError) -> [Rule] {
    var rules: [Rule] = []
    for preset in try presetNames() {
      let others = rules.count
      for root in try self.roots(of: preset, context) {
        var rule = try rule(root: root.path, preset: preset, context)
        if let owners = root.owners { rule.owners = owners }
        let isTwice = rules.contains {
          $0.root == rule.root && $0.match == rule.match && $0.kind == rule.kind
        }
        // Two rules of one program may differ in their usual roots only.
        if isTwice, !roots.isEmpty, rules[others...].contains(where: { $0.root == rule.root }) {
          throw ConfigurationError(
            file: "command line", what: "the root \(quoted(rule.root)) is named twice",
            wanted: "name it once")
        }
        guard !isTwice else { continue }
        let name = rule.name
        var number = 2
        while rules.contains(where: { $0.name == rule.name }) {
          rule.name = "\(name)-\(number)"
          number += 1
        }
        rules.append(rule)
      }
    }
    return rules
  }

  private func rule(
    root: FilePath?, preset: String?, _ context: Context
  ) throws(ConfigurationError) -> Rule {
    try Rule.fromCommandLine(
      root: root, kind: kind, preset: preset, match: match, lock: lock, grace: grace,
      owner: owner, user: context.user, environment: context.environment)
  }

  /// The rules of the catalogue that are named; one nil where no preset is.
  private func presetNames() throws(ConfigurationError) -> [String?] {
    guard !presets.isEmpty else { return [nil] }
    var names: [String] = []
    for word in presets {
      let program = Catalogue.presets.first { $0.name == word }
      let found =
        word == Self.everyPreset
        ? Catalogue.presets.flatMap(\.rules).filter { $0.root != nil }.map(\.name)
        // What is no name at all is told of when a rule is made of it.
        : program?.rules.map(\.name) ?? [word]
      names += found.filter { !names.contains($0) }
    }
    return names
  }

  private func roots(
    of preset: String?, _ context: Context
  ) throws(ConfigurationError) -> [Root] {
    guard roots.isEmpty else { return roots.map { Root(path: $0) } }
    guard let preset, let rule = Catalogue.rule(named: preset), rule.root != nil else {
      return [Root()]
    }
    do {
      return try usualRoots(of: rule, context)
    } catch {
      // One of many that has no place here is passed over.
      guard isCatalogue else { throw error }
      return []
    }
  }

  /// The caller's own, and those of the users that `owner` names.
  private func usualRoots(
    of rule: PresetRule, _ context: Context
  ) throws(ConfigurationError) -> [Root] {
    let place = Place(file: "command line", line: nil)
    var found = [Root(path: try rule.root(place, context))]
    guard let owner, context.user.euid == 0 else { return found }
    let users =
      owner == "any" ? [UserContext.everyone] : owner.split(separator: ",").map(String.init)
    if rule.isPerUser {
      for user in users {
        var theirs = context
        theirs.user.name = user
        found += disk.directories(try rule.root(place, theirs)).map { Root(path: $0) }
      }
    }
    guard rule.isPerHome else { return found }
    let wanted = Set(users.compactMap(context.user.lookupUser))
    for home in disk.homes() where owner == "any" || wanted.contains(home.owner) {
      // What is set for the caller says nothing of where others keep theirs.
      var environment = Environment()
      environment.set("HOME", to: home.path)
      let theirs = Context(environment: environment, user: context.user)
      // A user may have put a link anywhere into a home: nothing but that user's goes.
      found += disk.directories(try rule.root(place, theirs)).map {
        Root(path: $0, owners: .users([home.owner]))
      }
    }
    return found
  }
}
