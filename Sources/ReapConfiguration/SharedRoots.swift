import ReapRules

/// Several rules on one tree: no name may be a candidate of two of them.
struct SharedRoots {
  private var rules: [Rule]
  private let paths: [FilePath]
  /// Where the root of a rule was written; takes the index of the rule.
  private let place: (Int) -> Place

  /// Refuses rules on one root, or on nested roots, that may take the same names. A rule that walks
  /// its tree is told what the rules inside of that tree take.
  ///
  /// - Parameter place: where the root of a rule was written; takes the index of the rule.
  static func settle(
    _ rules: inout [Rule], _ user: UserContext, _ place: @escaping (Int) -> Place
  ) throws(ConfigurationError) {
    var shared = SharedRoots(
      rules: rules, paths: rules.map { user.resolvePath($0.root) }, place: place)
    try shared.settle()
    rules = shared.rules
  }

  private mutating func settle() throws(ConfigurationError) {
    var byPath: [FilePath: [Int]] = [:]
    for index in rules.indices {
      rules[index].others = []
      if rules[index].enabled { byPath[paths[index], default: []].append(index) }
    }
    for inner in rules.indices where rules[inner].enabled {
      for directory in selfAndAbove(paths[inner]) {
        for outer in byPath[directory] ?? [] where outer != inner {
          if rules[outer].mayTakeSame(as: rules[inner]) { throw conflict(outer, inner) }
          if rules[outer].kind.hasPlaces { rules[outer].others.append(rules[inner].match) }
        }
      }
    }
  }

  private func conflict(_ outer: Int, _ inner: Int) -> ConfigurationError {
    let names = "the rules \(rules[min(outer, inner)].name) and \(rules[max(outer, inner)].name)"
    let roots =
      paths[outer] == paths[inner]
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
