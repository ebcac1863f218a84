// The few files that occupy most.

import ReapRules

struct LargestFiles {
  struct File {
    let allocated: Int64
    let size: Int64
    let directory: UsageDirectory
    let name: [UInt8]
  }

  private let limit: Int
  /// The largest first.
  private(set) var files: [File] = []
  /// What a file has to occupy more than to be one of them.
  private(set) var least: Int64 = 0

  init(limit: Int) {
    self.limit = limit
    if limit == 0 { least = .max }
  }

  mutating func insert(_ file: File) {
    files.insert(file, at: files.firstIndex { $0.allocated < file.allocated } ?? files.endIndex)
    if files.count > limit { files.removeLast() }
    if files.count == limit { least = files[limit - 1].allocated }
  }
}

/// One of the largest files of a tree.
package struct LargeFile: Sendable {
  /// Below the directory at which the walk began.
  package let path: [UInt8]
  /// Allocated.
  package let bytes: Int64
  package let apparentBytes: Int64
}
