// The files that prove members of one archive, up to a million of them.

/// One file on the disk that proves a member, as it was when it was compared.
package struct ProvingFile: Sendable, Equatable {
  package let path: [UInt8]
  /// A digest of device, inode, birth, change time and size.
  package let stamp: UInt64
}

/// Files in the order in which they were compared. Each path is kept as how much of it the one before begins with,
/// and the rest: neighbours lie in one directory.
package struct ProvingFiles: Sendable {
  private var records: [UInt8] = []
  private var last: [UInt8] = []
  private let limit: Int
  package private(set) var count = 0

  package var bytes: Int { records.count }

  /// - Parameter limit: bytes that they may take.
  package init(limit: Int) {
    self.limit = limit
    // What is not used of it is not in memory; growing would need it twice.
    records.reserveCapacity(limit)
  }

  package mutating func add(_ path: [UInt8], stamp: UInt64) throws(SlimProblem) {
    let shared = zip(path, last).prefix { $0 == $1 }.count
    let rest = path[shared...]
    // Two lengths take ten bytes at most.
    guard records.count + rest.count + 10 + MemoryLayout<UInt64>.size <= limit else {
      throw SlimProblem(.limit, "more than \(limit) bytes of names")
    }
    add(length: shared)
    add(length: rest.count)
    records += rest
    for shift in stride(from: 0, to: 64, by: 8) {
      records.append(UInt8(truncatingIfNeeded: stamp >> UInt64(shift)))
    }
    last = path
    count += 1
  }

  private mutating func add(length: Int) {
    var left = length
    while left >= 0x80 {
      records.append(UInt8(left & 0x7F) | 0x80)
      left >>= 7
    }
    records.append(UInt8(left))
  }

  /// Shows them in their order, until one is answered with false.
  package func forEach<Failure: Error>(
    _ body: (ProvingFile) throws(Failure) -> Bool
  ) throws(Failure) {
    var (at, path) = (0, [UInt8]())
    func length() -> Int {
      var (value, shift) = (0, 0)
      while true {
        defer { at += 1 }
        value |= Int(records[at] & 0x7F) << shift
        guard records[at] & 0x80 != 0 else { return value }
        shift += 7
      }
    }
    for _ in 0..<count {
      let shared = length()
      let rest = length()
      path.removeLast(path.count - shared)
      path += records[at..<at + rest]
      at += rest
      let stamp = (0..<8).reduce(UInt64(0)) { $0 | UInt64(records[at + $1]) << UInt64(8 * $1) }
      at += 8
      guard try body(ProvingFile(path: path, stamp: stamp)) else { return }
    }
  }

  package func first(_ limit: Int) -> [ProvingFile] {
    var files: [ProvingFile] = []
    forEach { file in
      if files.count < limit { files.append(file) }
      return files.count < limit
    }
    return files
  }
}
