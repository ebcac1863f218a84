/// What is known of one program that leaves something behind: one file of `Presets`, which
/// `reapd presets` lists.
package struct Preset: Sendable {
  /// The name of its file.
  package let name: String
  package let leaves: String
  /// How it shows that it lives.
  package let owner: String
  /// Releases that it was tried with.
  package let versions: [String]
  /// What is to be known before it is used; may be empty.
  package let remark: String
  let rules: [PresetRule]
}

/// One rule of a program, as it is written in its file.
struct PresetRule: Sendable {
  /// The program's name, alone or followed by what tells its rules apart.
  let name: String
  let kind: KindName
  /// Its keys without `name`, `kind` and `root`.
  let members: [YAMLNode.Member]
  /// Where the program usually has it, before anything is expanded; nil where each has its own place.
  let root: String?
  /// The program's own variables that stand for keys of the rule.
  let environment: [Variable]
  /// How messages name where it is written.
  let file: String

  struct Variable: Sendable {
    let name: String
    let key: RuleKey
    /// What the value lacks as a value of that key; may be empty.
    let unit: String
  }

  /// Set while a rule of a preset is read: the directory that holds the root, which may lie elsewhere
  /// than usual …
  static let parentVariable = "REAPD_ROOT_PARENT"
  /// … and the name of the user whose directories are meant.
  static let userVariable = "REAPD_USER"
  /// … or that user's number.
  static let uidVariable = "REAPD_UID"

  /// Whether every user has a root of their own in a home directory …
  var isPerHome: Bool { root?.contains("~") ?? false }

  /// … or elsewhere.
  var isPerUser: Bool {
    [Self.userVariable, Self.uidVariable].contains { root?.contains("${\($0)}") ?? false }
  }
}
