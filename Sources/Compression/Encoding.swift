/// How a data file is compressed: told by its first bytes, whatever its name says.
package enum Encoding: String, Sendable, CaseIterable {
  case none, gzip, zstd

  /// RFC 1952, 2.3.1; RFC 8878, 3.1.1 and, for skippable frames, 3.1.2.
  package init(firstBytes bytes: [UInt8]) {
    if bytes.starts(with: [0x1F, 0x8B]) {
      self = .gzip
    } else if bytes.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) {
      self = .zstd
    } else if bytes.count >= 4, bytes[0] & 0xF0 == 0x50, bytes[1...3] == [0x2A, 0x4D, 0x18] {
      self = .zstd
    } else {
      self = .none
    }
  }

  /// What is appended to `.jsonl`.
  package var suffix: String {
    switch self {
    case .none: ""
    case .gzip: ".gz"
    case .zstd: ".zst"
    }
  }
}
