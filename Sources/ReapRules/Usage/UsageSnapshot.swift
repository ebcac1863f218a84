// What a tree occupied at one run, as a text that the next run compares with.

/// The file system of a tree and the tree's place on it: another tree at the same path is another one.
package struct TreeIdentity: Sendable, Equatable {
  package var device: UInt64
  /// As statvfs(3) names it: device numbers are given again, to another image in the same loop device.
  package var fileSystem: UInt64
  package var inode: UInt64
  /// Wall clock, ns; nil where the file system keeps none.
  package var birth: Int64?

  package init(device: UInt64, fileSystem: UInt64, inode: UInt64, birth: Int64?) {
    self.device = device
    self.fileSystem = fileSystem
    self.inode = inode
    self.birth = birth
  }
}

package struct UsageSnapshot: Sendable, Equatable {
  /// Bytes; what is larger was not written here.
  package static let sizeLimit = 1 << 20
  /// Directories that are kept, the largest ones.
  package static let directoryLimit = 1000
  private static let version: Int64 = 1

  package var path: [UInt8]
  package var identity: TreeIdentity
  package var point: UsagePoint
  /// Nothing was left out that could not be read.
  package var isWhole: Bool
  /// Allocated bytes of the directories right in it, by name.
  package var directories: [[UInt8]: Int64] = [:]
  /// All of them are in `directories`.
  package var hasAllDirectories = true

  package init(path: [UInt8], identity: TreeIdentity, point: UsagePoint, isWhole: Bool) {
    self.path = path
    self.identity = identity
    self.point = point
    self.isWhole = isWhole
  }

  package var text: [UInt8] {
    let sorted = directories.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    let value = JSONValue.object([
      ("v", .integer(Self.version)), JSONValue.pathMember(path),
      ("device", .integer(Int64(bitPattern: identity.device))),
      ("file_system", .integer(Int64(bitPattern: identity.fileSystem))),
      ("inode", .integer(Int64(bitPattern: identity.inode))),
      ("birth", identity.birth.map(JSONValue.integer) ?? .null),
      ("time", .integer(point.wall)), ("bytes", .integer(point.bytes)),
      ("inodes", .integer(point.inodes)),
      ("free_bytes", point.freeBytes.map(JSONValue.integer) ?? .null),
      ("free_inodes", point.freeInodes.map(JSONValue.integer) ?? .null),
      ("whole", .bool(isWhole)), ("all_directories", .bool(hasAllDirectories)),
      (
        "directories",
        .array(
          sorted.map { .object([JSONValue.pathMember($0.key), ("bytes", .integer($0.value))]) })
      ),
    ])
    return Array((value.text + "\n").utf8)
  }

  /// Nil for anything that `text` did not write: torn, another version's, another program's.
  package init?(_ text: [UInt8]) {
    guard let value = try? JSONValue(parsing: text), value["v"]?.integer == Self.version,
      let path = Self.path(in: value), let device = value["device"]?.integer,
      let fileSystem = value["file_system"]?.integer, let inode = value["inode"]?.integer,
      let wall = value["time"]?.integer, let bytes = value["bytes"]?.integer, bytes >= 0,
      let inodes = value["inodes"]?.integer, inodes >= 0, let isWhole = value["whole"]?.bool,
      let hasAll = value["all_directories"]?.bool, let listed = value["directories"]?.array
    else { return nil }
    self.path = path
    identity = TreeIdentity(
      device: UInt64(bitPattern: device), fileSystem: UInt64(bitPattern: fileSystem),
      inode: UInt64(bitPattern: inode), birth: value["birth"]?.integer)
    point = UsagePoint(
      wall: wall, bytes: bytes, inodes: inodes, freeBytes: value["free_bytes"]?.integer,
      freeInodes: value["free_inodes"]?.integer)
    self.isWhole = isWhole
    hasAllDirectories = hasAll
    for directory in listed {
      guard let name = Self.path(in: directory), let bytes = directory["bytes"]?.integer else {
        return nil
      }
      directories[name] = bytes
    }
  }

  private static func path(in value: JSONValue) -> [UInt8]? {
    value["path"]?.string.map { Array($0.utf8) }
      ?? value["path_b64"]?.string.flatMap(decodeBase64)
  }

  /// The name of the file that keeps it, for a path: FNV-1a (Fowler, Noll, Vo), since a path may be longer
  /// than a name. What is in the file says whose it is.
  package static func fileName(of path: [UInt8]) -> String {
    let hash = path.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    let digits = String(hash, radix: 16)
    return "usage-" + String(repeating: "0", count: 16 - digits.count) + digits + ".json"
  }
}
