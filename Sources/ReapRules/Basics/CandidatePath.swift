/// Where a candidate lies below its root: the directory (empty: the root itself) and the name in it.
package struct CandidatePath: Hashable, Comparable, Sendable {
  /// Relative to the root, components joined by `/`.
  package let directory: [UInt8]
  package let name: EntryName

  package init(directory: [UInt8] = [], _ name: EntryName) {
    self.directory = directory
    self.name = name
  }

  /// Nil where the last component is no name.
  package init?(bytes: some BidirectionalCollection<UInt8>) {
    let slash = bytes.lastIndex(of: UInt8(ascii: "/"))
    let start = slash.map { bytes.index(after: $0) } ?? bytes.startIndex
    guard let name = EntryName(bytes[start...]) else { return nil }
    self.init(directory: slash.map { Array(bytes[..<$0]) } ?? [], name)
  }

  package var bytes: [UInt8] {
    directory.isEmpty ? name.bytes : directory + [UInt8(ascii: "/")] + name.bytes
  }

  /// Another name in the same directory.
  package func renamed(_ name: EntryName) -> CandidatePath {
    CandidatePath(directory: directory, name)
  }

  package static func == (left: CandidatePath, right: CandidatePath) -> Bool {
    left.name == right.name && left.directory == right.directory
  }

  package static func < (left: CandidatePath, right: CandidatePath) -> Bool {
    left.bytes.lexicographicallyPrecedes(right.bytes)
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(name)
    if !directory.isEmpty { hasher.combine(directory) }
  }
}
