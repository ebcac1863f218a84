import ReapRules

// Several rules on one tree: no name may be a candidate of two of them.

extension Configuration {
  /// Refuses rules on one root, or on nested roots, that may take the same names. A rule that walks
  /// its tree is told what the rules inside of that tree take.
  ///
  /// - Parameter place: where the root of a rule was written; takes the index of the rule.
  mutating func settleSharedRoots(
    _ user: UserContext, _ place: (Int) -> Place
  ) throws(ConfigurationError) {
    let paths = rules.map { user.resolvePath($0.root) }
    var byPath: [FilePath: [Int]] = [:]
    for index in rules.indices {
      rules[index].others = []
      if rules[index].enabled { byPath[paths[index], default: []].append(index) }
    }
    for inner in rules.indices where rules[inner].enabled {
      for directory in selfAndAbove(paths[inner]) {
        for outer in byPath[directory] ?? [] where outer != inner {
          if rules[outer].mayTakeSame(as: rules[inner]) {
            throw conflict(outer, inner, isSame: paths[outer] == paths[inner], place)
          }
          if rules[outer].kind.hasPlaces { rules[outer].others.append(rules[inner].match) }
        }
      }
    }
  }

  /// The same for rules from the command line.
  package mutating func settleSharedRoots(_ user: UserContext) throws(ConfigurationError) {
    try settleSharedRoots(user) { _ in Place(file: "command line", line: nil) }
  }

  private func conflict(
    _ outer: Int, _ inner: Int, isSame: Bool, _ place: (Int) -> Place
  ) -> ConfigurationError {
    let names = "the rules \(rules[min(outer, inner)].name) and \(rules[max(outer, inner)].name)"
    let roots =
      isSame
      ? "have the same root \(quoted(rules[max(outer, inner)].root))"
      : "have nested roots, \(quoted(rules[outer].root)) and \(quoted(rules[inner].root)),"
    return place(max(outer, inner)).error(
      "\(names) \(roots) and may take the same names",
      "remove one, set 'enabled: false' for it, or let each 'match' begin with something else")
  }
}

/// A path and every directory above it.
private func selfAndAbove(_ path: FilePath) -> [FilePath] {
  var paths = [path]
  while let parent = paths.last?.parent { paths.append(parent) }
  return paths
}
