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
    do {
      try shared.settle()
    } catch {
      throw shared.error(error)
    }
    rules = shared.rules
  }

  /// Leaves out rules, those on the deeper roots, until no name can be a candidate of two.
  ///
  /// - Returns: what was wrong with each of these.
  static func fit(_ rules: inout [Rule], _ user: UserContext) -> [String] {
    var complaints: [String] = []
    while true {
      var shared = SharedRoots(rules: rules, paths: rules.map { user.resolvePath($0.root) }) { _ in
        Place(file: "command line", line: nil)
      }
      do {
        try shared.settle()
        rules = shared.rules
        return complaints
      } catch {
        complaints.append("\(shared.words(error)): \(rules[error.inner].name) is left out")
        rules.remove(at: error.inner)
      }
    }
  }

  /// Two rules that may take the same names, by their places among the rules.
  private struct Conflict: Error {
    let outer: Int
    let inner: Int
  }

  private mutating func settle() throws(Conflict) {
    var byPath: [FilePath: [Int]] = [:]
    for index in rules.indices {
      rules[index].others = []
      if rules[index].enabled { byPath[paths[index], default: []].append(index) }
    }
    for inner in rules.indices where rules[inner].enabled {
      for directory in selfAndAbove(paths[inner]) {
        for outer in byPath[directory] ?? [] where outer != inner {
          if rules[outer].mayTakeSame(as: rules[inner]) {
            throw Conflict(outer: outer, inner: inner)
          }
          if rules[outer].kind.hasPlaces { rules[outer].others.append(rules[inner].match) }
        }
      }
    }
  }

  private func words(_ conflict: Conflict) -> String {
    let (outer, inner) = (conflict.outer, conflict.inner)
    let names = "the rules \(rules[min(outer, inner)].name) and \(rules[max(outer, inner)].name)"
    let roots =
      paths[outer] == paths[inner]
      ? "have the same root \(quoted(rules[max(outer, inner)].root))"
      : "have nested roots, \(quoted(rules[outer].root)) and \(quoted(rules[inner].root)),"
    return "\(names) \(roots) and may take the same names"
  }

  private func error(_ conflict: Conflict) -> ConfigurationError {
    place(max(conflict.outer, conflict.inner)).error(
      words(conflict),
      "remove one, set 'enabled: false' for it, or let each 'match' begin with something else")
  }
}

/// A path and every directory above it.
private func selfAndAbove(_ path: FilePath) -> [FilePath] {
  var paths = [path]
  while let parent = paths.last?.parent { paths.append(parent) }
  return paths
}
