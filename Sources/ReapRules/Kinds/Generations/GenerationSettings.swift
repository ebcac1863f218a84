/// Settings of kind `generations`: directories of which a file beside them, the cursor, names the
/// live one. The defaults are those of hypaware.
package struct GenerationSettings: Sendable, Equatable {
  /// The file that makes its directory a partition.
  package var cursor = EntryName("cursor.json")!
  /// How a cursor names the live generation: the first layout that applies decides. Never empty.
  package var layouts: [CursorLayout] = [.hypaware]
  /// What the live generation must contain, at least once, to count as complete.
  package var complete: GlobPath
  /// Written into a superseded generation by its writer.
  package var marker = EntryName(".retired")!
  /// The lock file, in the generation or else in the partition; nil where writers lock nothing.
  package var lock: EntryName?
  package var lockType = LockType.auto
  package var ownerPidfile: OwnerPidfile?
  /// Writers share reapd's PID namespace: "no such process" proves death.
  package var trustPids = false
  /// Without change in the whole subtree for so long, nobody is taken to be at work in it.
  package var quiet = defaultQuarantine
  /// Where it is nil, a free lock as the proof brings no quarantine, and any other `defaultQuarantine`.
  package var quarantine: Nanoseconds?
  /// Short of room, every entry leaves quarantine early, not only those of owners proved dead.
  package var quarantineYields = false
  package var minFree: FreeSpace?
  package var minFreeInodes: FreeSpace?
  /// Below it, entries leave quarantine early.
  package var room: Retention.RoomBounds {
    Retention.RoomBounds(minFree: minFree, minFreeInodes: minFreeInodes)
  }
  /// Readers' time, counted from when the cursor moved on.
  package var retiredAfter: Nanoseconds = 600 * nanosecondsPerSecond
  /// How long temporary files stay unchanged before they go; nil: they are left alone.
  package var staleTemporaries: Nanoseconds? = defaultQuarantine
  package var compaction = CompactionSettings()

  package static let defaultQuarantine: Nanoseconds = 3600 * nanosecondsPerSecond
  /// `table-<ms>-<uuid>` is what newer writers of hypaware make when they purge rows.
  package static let defaultMatch =
    "@(table|table-+([0-9])|table-+([0-9])-\(uuid)|epoch=+([0-9]))"
  private static let uuid =
    "{8}([0-9a-f])-{4}([0-9a-f])-{4}([0-9a-f])-{4}([0-9a-f])-{12}([0-9a-f])"
  /// Made once: its table is the largest there is.
  package static let defaultGlob: Glob = {
    do { return try Glob(defaultMatch) } catch {
      preconditionFailure("the default pattern is right")
    }
  }()
  package static let defaultComplete = "metadata/v+([0-9]).metadata.json"

  package init() {
    do { complete = try GlobPath(Self.defaultComplete) } catch {
      preconditionFailure("the default pattern is right")
    }
  }

  /// Whether partitions may lie below a directory of that name. Not below hidden ones (`.retired`,
  /// `.purge-cleanup`, claimed names), in hypaware's spool, whose rows were not yet taken into a
  /// table, nor in a backup.
  package static func isEntered(_ name: EntryName) -> Bool {
    name.bytes.first != UInt8(ascii: ".") && !neverEntered.contains(name)
  }

  private static let neverEntered: Set<EntryName> = [
    EntryName("_hypaware_spool")!, EntryName("tables_backup")!,
  ]
}

// What the kind says of itself.

extension GenerationSettings: KindPart {
  package var name: String { "generations" }
  package var ownersLock: EntryName? { lock }
  /// It may stand beside the generation as well.
  package var locksInside: Bool { false }
  package var searchesAlways: Bool { true }
  package var contents: String? { nil }
  package var lastFile: EntryName { lock ?? marker }
  package var quarantines: Bool { true }
  package var hasPlaces: Bool { true }
  package var remakesNames: Bool { true }
  package var pinsCountInside: Bool { true }
  package var retention: Retention? { nil }
  package var evidence: Evidence.OfKind { .generations(GenerationEvidence()) }
  package var sharesRoots: Bool { false }
  package var takesFiles: Bool { false }
  package func outerLock(of name: EntryName) -> OuterLock? { nil }
  package func companions(of name: EntryName) -> [EntryName] { [] }

  package func companionBeginnings(of match: Glob) -> Set<[UInt8]> { [] }
  package func account(_ evidence: Evidence) -> [OwnersSign] { [] }

  package func role(of name: EntryName, isDirectory: Bool?, in rule: Rule) -> EntryRole {
    // Before the match, which may be as wide as `*`.
    if name == cursor { return .signal(isNewsWhenMade: readsLinks) }
    if rule.match.matches(name) { return .candidate }
    if TemporaryName(cursor: cursor, name) != nil { return .candidate }
    guard isDirectory != false, Self.isEntered(name), !rule.neverTakes(name),
      !rule.others.contains(where: { $0.matches(name) })
    else { return .nothing }
    return .place
  }

  /// Whether the cursor may be a symbolic link: one that is made is news then, since nothing is
  /// written into it.
  package var readsLinks: Bool { layouts.contains(where: \.readsLink) }
}

extension Rule.Kind {
  /// For what only this kind has; nil where the kind is another.
  package var generations: GenerationSettings? { part as? GenerationSettings }
}

/// How a cursor names the live generation.
package enum CursorLayout: Hashable, Sendable {
  /// `tableDir` if given; else `table` where `layout` is `source-table`; else `epoch=<epoch>`.
  case hypaware
  /// A member of the cursor, put in place of `{}` in the pattern. Dots in the field lead into
  /// objects, unless the cursor has a member of just that name.
  case member(field: String, pattern: CursorPattern)
  /// The whole cursor is one line, a number or a name: `version-hint.text`, `CURRENT`.
  case text(CursorPattern)
  /// The cursor is a symbolic link to the live generation, which lies beside it.
  case link(CursorPattern)

  /// Whether it reads a symbolic link; the others read a file.
  package var readsLink: Bool { if case .link = self { true } else { false } }
}

/// A directory name with one `{}` for a cursor's member.
package struct CursorPattern: Hashable, Sendable {
  package let prefix: String
  package let suffix: String

  /// Nil without exactly one `{}`, and where a `/` or NUL stands beside it.
  package init?(_ text: String) {
    let bytes = Array(text.utf8)
    let places = bytes.indices.dropLast().filter { bytes[$0] == 0x7B && bytes[$0 + 1] == 0x7D }
    guard places.count == 1, let place = places.first, !bytes.contains(0x2F), !bytes.contains(0)
    else { return nil }
    prefix = String(decoding: bytes[..<place], as: UTF8.self)
    suffix = String(decoding: bytes[(place + 2)...], as: UTF8.self)
  }

  package var text: String { prefix + "{}" + suffix }
}

/// The JSON file in which a writer names its process.
package struct OwnerPidfile: Hashable, Sendable {
  /// Absolute.
  package var path: FilePath
  /// The member that holds the pid.
  package var pidField: String
  /// The member that holds when the process started; nil where the file tells none.
  package var startField: String?

  package init(path: FilePath, pidField: String = "pid", startField: String? = nil) {
    self.path = path
    self.pidField = pidField
    self.startField = startField
  }
}

/// What `reapd compact` goes by. Figures of hypaware's own writer: 10,000 rows or 32 MiB a batch.
package struct CompactionSettings: Hashable, Sendable {
  package enum Compression: String, Sendable, CaseIterable {
    /// As the input is compressed.
    case same
    case none, gzip, zstd
  }

  /// A batch is flushed as soon as it holds this many bytes, uncompressed, or `batchRows` rows.
  package var batchBytes: Int64 = 32 << 20
  package var batchRows: Int64 = 10_000
  /// Size on the disk at which an output file is closed and the next one begun, in bytes.
  package var targetBytes: Int64 = 128 << 20
  package var compression = Compression.same

  package init() {}
}
