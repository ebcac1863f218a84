// What a line says that somebody writes after a copy was made.

/// A file, by its exact path below the root, and the size of what was copied.
package struct Receipt: Sendable, Equatable {
  package let path: CandidatePath
  package let size: Int64

  /// Nil where the path is none that lies flat in one of the directories, or the size is none. What
  /// leads elsewhere (`..`, an empty component, a leading slash) names nothing.
  package init?(name: some Sequence<UInt8>, size: Int64, in settings: FilesSettings) {
    let parts = Array(name).split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard size >= 0, (1...2).contains(parts.count), let last = EntryName(parts[parts.count - 1])
    else { return nil }
    var directory: [UInt8] = []
    if parts.count == 2 {
      guard let first = EntryName(parts[0]) else { return nil }
      directory = first.bytes
    }
    guard settings.holds(directory) else { return nil }
    path = CandidatePath(directory: directory, last)
    self.size = size
  }

  /// The digits of a size; nil for anything else, such as a sign or a number that is too large.
  package static func size(_ digits: some Sequence<UInt8>) -> Int64? {
    let digits = Array(digits)
    guard !digits.isEmpty, digits.count <= 19, digits.allSatisfy(isDigit) else { return nil }
    return Int64(String(decoding: digits, as: UTF8.self))
  }

  /// Reads `{"name": "images/x.png", "size": 123}`; other members may stand beside. Nil where either
  /// is missing or there twice: what contradicts itself proves nothing.
  package init?(json line: [UInt8], in settings: FilesSettings) {
    guard case .object(let members)? = try? JSONValue(parsing: line) else { return nil }
    let names = members.filter { $0.0 == "name" }
    let sizes = members.filter { $0.0 == "size" }
    guard names.count == 1, sizes.count == 1, case .string(let name) = names[0].1,
      case .integer(let size) = sizes[0].1
    else { return nil }
    self.init(name: name.utf8, size: size, in: settings)
  }
}

/// A receipt that fits a file as it was when the line came. It is worth nothing once the file is
/// another one, or was changed since.
package struct CopyProof: Sendable, Equatable {
  package let path: CandidatePath
  package let inode: UInt64
  /// Wall clock (ctime).
  package let change: Nanoseconds
  package let size: Int64
  /// Wall clock; when the line came.
  package let arrival: Nanoseconds

  package init(
    path: CandidatePath, inode: UInt64, change: Nanoseconds, size: Int64, arrival: Nanoseconds
  ) {
    self.path = path
    self.inode = inode
    self.change = change
    self.size = size
    self.arrival = arrival
  }

  package func fits(inode: UInt64, change: Nanoseconds, size: Int64) -> Bool {
    self.inode == inode && self.change == change && self.size == size
  }

  /// A line of the journal: `proof <path, hexadecimal> <inode> <ctime> <size> <arrival>`.
  package var line: [UInt8] {
    Array("proof \(hexadecimal(path.bytes)) \(inode) \(change) \(size) \(arrival)\n".utf8)
  }

  package init?(line: some Sequence<UInt8>) {
    let words = Array(line).split(separator: 0x20).map { String(decoding: $0, as: UTF8.self) }
    guard words.count == 6, words[0] == "proof", let bytes = bytesOf(hexadecimal: words[1]),
      let path = CandidatePath(bytes: bytes), let inode = UInt64(words[2]),
      let change = Int64(words[3]), let size = Int64(words[4]), let arrival = Int64(words[5])
    else { return nil }
    self.init(path: path, inode: inode, change: change, size: size, arrival: arrival)
  }
}

private let digits = Array("0123456789abcdef".utf8)

private func hexadecimal(_ bytes: [UInt8]) -> String {
  String(
    decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}

private func bytesOf(hexadecimal text: String) -> [UInt8]? {
  let values = text.utf8.compactMap { digits.firstIndex(of: $0) }
  guard values.count == text.utf8.count, values.count.isMultiple(of: 2) else { return nil }
  return stride(from: 0, to: values.count, by: 2).map {
    UInt8(values[$0] << 4 | values[$0 + 1])
  }
}
