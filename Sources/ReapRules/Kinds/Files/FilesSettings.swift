/// Settings of kind `files`: single files of which the old ones go where a copy is proved, and the
/// oldest where the file system fills up.
package struct FilesSettings: Sendable, Equatable {
  /// What has to be known of a copy elsewhere before age ends a file.
  package enum Copy: Sendable, Equatable {
    /// Nothing ever proves one: age ends nothing.
    case unproved
    /// None is asked for: age alone ends a file.
    case notRequired
    /// Lines of a file that something writes after it has copied one.
    case receipts(Receipts)
    /// A program that says so of each.
    case command(CopyCommand)
  }

  package struct Receipts: Sendable, Equatable {
    /// Absolute, or relative to the root.
    package var file: FilePath
    /// A regular expression with groups `name` and `bytes`; nil for JSON lines.
    package var pattern: String?

    package init(file: FilePath, pattern: String? = nil) {
      self.file = file
      self.pattern = pattern
    }
  }

  package struct CopyCommand: Sendable, Equatable {
    /// The program and its arguments; the path follows them.
    package var arguments: [String]
    package var timeout: Nanoseconds

    package init(arguments: [String], timeout: Nanoseconds = 30 * nanosecondsPerSecond) {
      self.arguments = arguments
      self.timeout = timeout
    }
  }

  /// A JSON store that names files.
  package struct Reference: Sendable, Equatable {
    /// Absolute, or relative to the root.
    package var file: FilePath
    /// Members, of objects at any depth, that hold a file's address.
    package var fields: [String]

    package init(file: FilePath, fields: [String]) {
      self.file = file
      self.fields = fields
    }
  }

  /// Directories in the root whose files are meant, without what lies deeper; none: the root itself.
  package var directories: [EntryName] = []
  package var maxAge: Nanoseconds?
  package var pressure: Pressure?
  package var copy = Copy.unproved
  /// How long after its copy was proved a file goes; nil for never.
  package var afterCopy: Nanoseconds?
  /// Under pressure files go of which no copy is proved.
  package var allowLastCopy = false
  package var references: [Reference] = []

  package init() {}

  package static let defaultGlob = try! Glob("*")

  /// Keys: what is half written of one is a key as well.
  private static let keys = [
    "*.key", "*.pem", "*.p12", "*.pfx", "*.jks", "*keypair*",
    "id_@(rsa|dsa|ecdsa|ed25519)*",
  ].map { try! Glob($0) }
  /// Stores, and what has been hidden.
  private static let stores = [".*", "*.json"].map { try! Glob($0) }

  /// Never taken, whatever a rule says.
  package static let alwaysNever = stores + keys

  /// What is half written of a store is no store.
  static func isNeverTaken(_ name: EntryName, _ temporary: FileTemporary?) -> Bool {
    alwaysNever.contains { $0.matches(name) }
      || temporary.map { temporary in keys.contains { $0.matches(temporary.stem) } } ?? false
  }

  /// Whether the rule reads it to know of copies, or keeps it in step.
  private func isInUse(_ name: EntryName, in directory: [UInt8], of rule: Rule) -> Bool {
    var files = references.map(\.file)
    if case .receipts(let receipts) = copy { files.append(receipts.file) }
    let path = CandidatePath(directory: directory, name).bytes
    return files.contains {
      $0.bytes == path || $0.isAbsolute && $0 == rule.root.appending(path)
    }
  }

  /// Whether a directory below the root is one of those.
  package func holds(_ directory: [UInt8]) -> Bool {
    directories.isEmpty ? directory.isEmpty : directories.contains { $0.bytes == directory }
  }

  /// What an entry of a directory below the root is. Temporary files beside the directories are
  /// those of the stores that lie there.
  package func role(
    of name: EntryName, isDirectory: Bool?, in directory: [UInt8], of rule: Rule
  ) -> EntryRole {
    if directory.isEmpty, isDirectory != false, directories.contains(name) { return .place }
    guard isDirectory != true, !isInUse(name, in: directory, of: rule) else { return .nothing }
    if let temporary = FileTemporary(name) {
      let isThere = holds(directory) || directory.isEmpty
      let isOthers = rule.others.contains { $0.matches(name) }
      return isThere && !isOthers && rule.match.matches(temporary.stem) ? .candidate : .nothing
    }
    return holds(directory) && rule.match.matches(name) ? .candidate : .nothing
  }
}

/// The name of a file that is written aside and then renamed, or was moved aside to be rewritten:
/// `<name>.tmp.<unix ms>` or `<name>.rotate.<unix ms>`.
package struct FileTemporary: Sendable {
  package let stem: EntryName

  package init?(_ name: EntryName) {
    let parts = name.bytes.split(
      separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count >= 3, let stamp = parts.last, stamp.count == 13, stamp.allSatisfy(isDigit),
      case let word = parts[parts.count - 2],
      word.elementsEqual("tmp".utf8) || word.elementsEqual("rotate".utf8),
      let stem = EntryName(name.bytes.dropLast(stamp.count + word.count + 2))
    else { return nil }
    self.stem = stem
  }
}

// What the kind says of itself.

extension FilesSettings: KindPart {
  package var name: String { "files" }
  package var ownersLock: EntryName? { nil }
  package var lockType: LockType { .auto }
  package var locksInside: Bool { false }
  package var searchesAlways: Bool { true }
  package var contents: String? { nil }
  package var lastFile: EntryName { EntryName(".lock")! }
  package var quarantines: Bool { false }
  package var hasPlaces: Bool { true }
  package var candidateDirectories: Set<[UInt8]>? {
    directories.isEmpty ? [[]] : Set(directories.map(\.bytes))
  }
  package var remakesNames: Bool { false }
  package var pinsCountInside: Bool { false }
  package var ownerPidfile: OwnerPidfile? { nil }
  package var trustPids: Bool { false }
  package var evidence: Evidence.OfKind { .files(FilesEvidence()) }
  package var sharesRoots: Bool { false }
  package var takesFiles: Bool { true }

  package var room: Retention.RoomBounds {
    var room = Retention.RoomBounds()
    room.pressure = pressure
    return room
  }

  package var retention: Retention? {
    guard maxAge != nil || pressure != nil else { return nil }
    return Retention(maxAge: maxAge, room: room)
  }

  package func outerLock(of name: EntryName) -> OuterLock? { nil }
  package func companions(of name: EntryName) -> [EntryName] { [] }
  package func companionBeginnings(of match: Glob) -> Set<[UInt8]> { [] }
  package func account(_ evidence: Evidence) -> [OwnersSign] { [] }

  package func role(of name: EntryName, isDirectory: Bool?, in rule: Rule) -> EntryRole {
    role(of: name, isDirectory: isDirectory, in: [], of: rule)
  }
}
