// The headers of a member of a new archive (POSIX.1-2001, pax interchange format).
//
// Not by libarchive: its writer of one format brings those of all others with it, and bzip2, lzma, XML and
// ICU with them, where its reader of tar needs nothing. What is written here has one form only.

/// One member that is to be written.
package struct PaxMember: Sendable {
  package enum Form: Sendable {
    case file(size: Int64)
    case directory
    case symbolicLink(to: [UInt8])
  }

  /// That of a directory ends with a slash.
  let path: [UInt8]
  let form: Form
  let permissions: UInt32
  /// Wall clock, nanoseconds; may lie before 1970.
  let modification: Int64

  package init(path: [UInt8], form: Form, permissions: UInt32, modification: Int64) {
    (self.path, self.form) = (path, form)
    (self.permissions, self.modification) = (permissions, modification)
  }

  /// The path field of ustar holds so many bytes, and so does that of a link's target.
  private static let pathField = 100
  /// The size field holds 11 octal digits.
  private static let largestSize: Int64 = 1 << 33 - 1

  /// All blocks in front of the data.
  package var headers: [UInt8] {
    let records = records
    guard !records.isEmpty else { return block(path, type: type, size: size) }
    let name = Array("PaxHeaders/".utf8) + path.suffix(60)
    return block(name, type: UInt8(ascii: "x"), size: Int64(records.count))
      + padded(records) + block(path, type: type, size: size)
  }

  /// What no field of ustar can hold, as `length key=value\n`.
  private var records: [UInt8] {
    var records: [UInt8] = []
    if path.count > Self.pathField || path.contains(where: { $0 >= 0x80 }) {
      records += record("path", path)
    }
    if case .symbolicLink(let target) = form,
      target.count > Self.pathField || target.contains(where: { $0 >= 0x80 })
    {
      records += record("linkpath", target)
    }
    if size > Self.largestSize { records += record("size", Array("\(size)".utf8)) }
    if modification < 0 || modification % 1_000_000_000 != 0 || seconds > Self.largestSize {
      records += record("mtime", Array(time.utf8))
    }
    return records
  }

  private func record(_ key: String, _ value: [UInt8]) -> [UInt8] {
    let rest = [0x20] + Array("\(key)=".utf8) + value + [0x0A]
    // The length counts its own digits.
    var length = rest.count + 1
    while "\(length)".utf8.count + rest.count != length {
      length = "\(length)".utf8.count + rest.count
    }
    return Array("\(length)".utf8) + rest
  }

  private var size: Int64 { if case .file(let size) = form { size } else { 0 } }

  private var seconds: Int64 { modification / 1_000_000_000 }

  /// Decimal, and exact below zero, too.
  private var time: String {
    let rest = "\((modification % 1_000_000_000).magnitude)"
    let zeros = String(repeating: "0", count: 9 - rest.count)
    return "\(modification < 0 ? "-" : "")\(seconds.magnitude).\(zeros)\(rest)"
  }

  private var type: UInt8 {
    switch form {
    case .file: UInt8(ascii: "0")
    case .directory: UInt8(ascii: "5")
    case .symbolicLink: UInt8(ascii: "2")
    }
  }

  private func block(_ path: [UInt8], type: UInt8, size: Int64) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: Int(HeaderChain.blockSize))
    func put(_ bytes: some Collection<UInt8>, at offset: Int) {
      block.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    }
    func octal(_ value: Int64, _ width: Int) -> [UInt8] {
      let digits = Array(String(value, radix: 8).utf8)
      return [UInt8](repeating: 0x30, count: max(0, width - digits.count)) + digits.suffix(width)
    }
    // What is too long is in a record, which counts.
    put(path.prefix(Self.pathField), at: 0)
    put(octal(Int64(permissions & 0o7777), 7), at: 100)
    put(octal(0, 7), at: 108)
    put(octal(0, 7), at: 116)
    put(octal(size > Self.largestSize ? 0 : size, 11), at: 124)
    put(octal(min(max(0, seconds), Self.largestSize), 11), at: 136)
    put([UInt8](repeating: 0x20, count: 8), at: 148)
    block[156] = type
    if case .symbolicLink(let target) = form, type != UInt8(ascii: "x") {
      put(target.prefix(Self.pathField), at: 157)
    }
    put(Array("ustar\u{0}00".utf8), at: 257)
    put(octal(block.reduce(0) { $0 + Int64($1) }, 6) + [0, 0x20], at: 148)
    return block
  }

  private func padded(_ bytes: [UInt8]) -> [UInt8] {
    bytes + [UInt8](repeating: 0, count: Int(paddedToBlock(Int64(bytes.count))) - bytes.count)
  }
}
