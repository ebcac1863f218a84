// What files and directories occupy, added up.

/// Each inode counts once.
package struct UsageSum: Sendable, Equatable {
  /// Allocated.
  package var bytes: Int64
  /// What the files say that they hold: more where they are sparse.
  package var apparentBytes: Int64
  /// All that is no directory.
  package var files: Int64
  package var directories: Int64

  package init(
    bytes: Int64 = 0, apparentBytes: Int64 = 0, files: Int64 = 0, directories: Int64 = 0
  ) {
    self.bytes = bytes
    self.apparentBytes = apparentBytes
    self.files = files
    self.directories = directories
  }

  package var inodes: Int64 { files + directories }

  package mutating func addFile(allocated: Int64, size: Int64) {
    bytes &+= allocated
    apparentBytes &+= size
    files &+= 1
  }

  package mutating func addDirectory(allocated: Int64) {
    bytes &+= allocated
    directories &+= 1
  }

  package static func += (left: inout UsageSum, right: UsageSum) {
    left.bytes &+= right.bytes
    left.apparentBytes &+= right.apparentBytes
    left.files &+= right.files
    left.directories &+= right.directories
  }

  package static func -= (left: inout UsageSum, right: UsageSum) {
    left.bytes &-= right.bytes
    left.apparentBytes &-= right.apparentBytes
    left.files &-= right.files
    left.directories &-= right.directories
  }
}
