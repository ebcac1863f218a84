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
  /// The directories that there are for a path with `*` in place of a user's name. Needs the disk.
  package var directories: (FilePath) -> [FilePath] = { _ in [] }

  package init(roots: [FilePath]) { self.roots = roots }

  /// Their names are made unique by a number.
  func rules(_ context: Context) throws(ConfigurationError) -> [Rule] {
    var rules: [Rule] = []
    for preset in try presetNames() {
      for root in try self.roots(of: preset, context) {
        var rule = try rule(root: root, preset: preset, context)
        let isTwice = rules.contains { $0.root == rule.root && $0.match == rule.match }
        if isTwice, presets.isEmpty || !roots.isEmpty {
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

  /// One nil for the usual root.
  private func roots(
    of preset: String?, _ context: Context
  ) throws(ConfigurationError) -> [FilePath?] {
    guard roots.isEmpty else { return roots }
    guard let preset, let rule = Catalogue.rule(named: preset), rule.root != nil else {
      return [nil]
    }
    let place = Place(file: "command line", line: nil)
    do {
      var found = [try rule.root(place, context)]
      guard rule.isPerUser, let owner, context.user.euid == 0 else { return found }
      var context = context
      if owner == "any" {
        context.user.name = UserContext.everyone
        found += directories(try rule.root(place, context))
        return found
      }
      for user in owner.split(separator: ",") {
        context.user.name = String(user)
        found.append(try rule.root(place, context))
      }
      return found
    } catch {
      // One of many that has no place here is passed over.
      guard presets.contains(Self.everyPreset) else { throw error }
      return []
    }
  }
}
