// A directory that outlives its maker: one of the instances that a rule of kind `instances` keeps so many of.

import Glibc
import ReapRules

/// An instance that is being made: `spica-<8 hexadecimal digits>`, only if there is room for it.
///
/// Before anything is made, `reapd preflight` has been asked: it has pruned what the rule lets go, and has
/// found that what is needed fits above what must stay free. While the value lives, its directory is open
/// in this process, so that `reapd` sees it in use; ``complete(adding:)`` writes the manifest, by which it
/// counts as an instance from then on.
///
/// No `deinit` closes anything, since Swift may run a `deinit` right after the last use.
public struct InstanceDirectory: ~Copyable, Sendable {
  /// How much room is needed, and what is done to have it. The words are those of `reapd preflight`.
  public struct Room: Sendable {
    /// A rule of reapd's configuration; nil: that of the root, or else the preset `spica`.
    public var rule: String?
    /// Names of the instances that are copied; empty: the new one will be like the mean of the newest.
    public var instances: [String] = []
    /// Copies of each instance.
    public var replicas = 1
    /// What a copy takes of its instance: all of it, unless the copies share something.
    public var share = 1.0
    /// Bytes that are needed at least.
    public var need: Int64 = 0
    /// Bytes that have to stay free; nil: what the rule says.
    public var minFree: Int64?
    /// Whether the rule prunes first.
    public var prunes = true

    /// One instance like the newest, by the rule, which prunes first.
    public init() {}
  }

  /// More often than this it is no coincidence that a random name is taken.
  private static let tries = 32

  /// The instance's path: the root as it was given, and the name.
  public let path: String
  /// The instance's name in the root.
  public let name: String

  private let directory: Descriptor

  /// Makes room, asks whether there is enough, and makes an empty instance.
  ///
  /// Waits for `reapd preflight`, which measures up to ten instances: not for a thread of Swift's own.
  ///
  /// - Parameters:
  ///   - root: the directory in which it is made. A missing root is made, with its parents.
  ///   - prefix: how its name begins; the rule's `match` must fit the name.
  ///   - room: what is needed.
  ///   - reapd: the program to ask; looked for in PATH where it is a name alone.
  /// - Throws: ``InstanceDirectoryError``: `noRoom`, `unanswered`, `system`, `contended`, or `misuse` for
  ///   the prefix. Nothing was made then.
  public init(
    in root: String, prefix: String = "spica-", room: Room = Room(), reapd: String = "reapd"
  ) throws(InstanceDirectoryError) {
    guard EntryName(prefix + "0") != nil else {
      throw InstanceDirectoryError(
        .misuse, prefix, "no name can begin like this", "leave out '/' and NUL")
    }
    try Preflighting(root: root, room: room, program: reapd).ask()
    do throws(SystemError) {
      try makeDirectories(root)
      let place = try openPlace(root)
      defer { place.close() }
      for _ in 0..<Self.tries {
        let digits = String(UInt32.random(in: 0 ... .max), radix: 16)
        let name = prefix + String(repeating: "0", count: 8 - digits.utf8.count) + digits
        do {
          directory = try createDirectory(EntryName(name)!, at: place)
        } catch {
          if error.code == exists { continue }
          throw error
        }
        self.name = name
        path = root + (root.hasSuffix("/") ? "" : "/") + name
        return
      }
    } catch {
      throw InstanceDirectoryError(error, in: root)
    }
    throw InstanceDirectoryError(
      .contended, root, "every name that was tried is taken", "look for who makes so many")
  }

  /// Writes `manifest.json`, whole or not at all: from now on it is one of the instances that the rule
  /// counts, and the oldest may go for it.
  ///
  /// - Parameter members: what else the manifest holds, beside `schema`, `spica_id` and `spawned_at`.
  /// - Throws: ``InstanceDirectoryError``, reason `system`.
  public func complete(adding members: [String: String] = [:]) throws(InstanceDirectoryError) {
    let own: [(String, JSONValue)] = [
      ("schema", .string("spica.manifest/v1")), ("spica_id", .string(name)),
      ("spawned_at", .string(formatTime(readClocks().wall))),
    ]
    let others = members.filter { member in !own.contains { $0.0 == member.key } }
      .sorted { $0.key < $1.key }.map { ($0.key, JSONValue.string($0.value)) }
    let text = Array((JSONValue.object(own + others).indentedText + "\n").utf8)
    do throws(SystemError) {
      let temporary = EntryName(".manifest.json.\(processID).\(randomHex()).tmp")!
      let file = try createFile(temporary.bytes, at: directory)
      defer { file.close() }
      do throws(SystemError) {
        try writeAll(text.span, to: file, "manifest.json")
        try synchronize(file, "manifest.json")
        try replace(EntryName("manifest.json")!, with: temporary, at: directory)
      } catch {
        try? unlink(temporary, at: directory, isDirectory: false)
        throw error
      }
      try synchronize(directory, path)
    } catch {
      throw InstanceDirectoryError(error, in: path)
    }
  }

  /// Stops working in it. Completed, it stays until the rule lets it go; otherwise it counts as abandoned
  /// once nothing in it has changed for the rule's `abandoned_after`.
  public consuming func release() { directory.close() }

  /// Removes it with all that is in it.
  ///
  /// - Throws: ``InstanceDirectoryError``, reason `system`, for the first thing that could not be removed.
  public consuming func remove() throws(InstanceDirectoryError) {
    defer { directory.close() }
    do throws(SystemError) {
      try removeTree(path)
    } catch {
      throw InstanceDirectoryError(error, in: path)
    }
  }
}
