// How far each log was given out, as a text that the next start can go on from.

package import OwnedDirectories

/// The contents of a checkpoint file. A line per log and one per file of it, in reading order:
///
///     reapd-tail 1
///     log <path, hexadecimal> <since ns>
///     beside <device> <inode> <birth ns or ->
///     place <directory, hexadecimal>
///     done <head length> <head hash> <bytes>
///     file <device> <inode> <birth ns or -> <offset> <skipping 0|1> <head length> <head hash> <window, hexadecimal or ->
///     end
package struct TailCheckpoint: Sendable, Equatable {
  package struct File: Sendable, Equatable {
    package var identity: FileIdentity
    package var head: FileHead
    package var position: ReadingPosition

    package init(identity: FileIdentity, head: FileHead, position: ReadingPosition) {
      self.identity = identity
      self.head = head
      self.position = position
    }
  }

  package struct Log: Sendable, Equatable {
    package var path: [UInt8]
    /// Wall clock, ns: what was born before is not asked for, where no file is known yet.
    package var since: Int64
    package var files: [File]
    /// Other logs with names like those that rotation gives, which are no part of this one.
    package var neighbours: [FileIdentity] = []
    /// Directories that parts of it were moved to, with a slash at their end.
    package var places: [[UInt8]] = []
    /// What was read to its end, or was there before the beginning.
    package var done: [Done] = []

    package init(
      path: [UInt8], since: Int64, files: [File], neighbours: [FileIdentity] = [],
      places: [[UInt8]] = [], done: [Done] = []
    ) {
      self.path = path
      self.since = since
      self.files = files
      self.neighbours = neighbours
      self.places = places
      self.done = done
    }
  }

  /// What tells contents apart, wherever they are copied or compressed to.
  package struct Done: Sendable, Equatable {
    package var head: FileHead
    /// Bytes.
    package var size: Int64

    package init(head: FileHead, size: Int64) {
      self.head = head
      self.size = size
    }
  }

  /// Some 400 files' worth; bytes.
  package static let sizeLimit = 1 << 20

  package var logs: [Log]

  package init(logs: [Log]) { self.logs = logs }

  package var text: [UInt8] {
    var text = "reapd-tail 1\n"
    for log in logs {
      text += "log \(hexadecimal(log.path)) \(log.since)\n"
      for other in log.neighbours {
        text += "beside \(other.device) \(other.inode) \(other.birth.map { "\($0)" } ?? "-")\n"
      }
      for place in log.places { text += "place \(hexadecimal(place))\n" }
      for done in log.done { text += "done \(done.head.length) \(done.head.hash) \(done.size)\n" }
      for file in log.files {
        let identity = file.identity
        let birth = identity.birth.map { "\($0)" } ?? "-"
        let window = file.position.window.isEmpty ? "-" : hexadecimal(file.position.window)
        text += "file \(identity.device) \(identity.inode) \(birth) \(file.position.offset)"
        text +=
          " \(file.position.isSkipping ? 1 : 0) \(file.head.length) \(file.head.hash) \(window)\n"
      }
    }
    return Array((text + "end\n").utf8)
  }

  /// Nil for anything that `text` did not write.
  package init?(_ text: [UInt8]) {
    var lines = String(decoding: text, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false)
    guard lines.first == "reapd-tail 1", lines.popLast() == "", lines.popLast() == "end" else {
      return nil
    }
    logs = []
    for line in lines.dropFirst() {
      let words = line.split(separator: " ")
      switch words.first {
      case "log":
        guard words.count == 3, let path = bytes(words[1]), let since = Int64(words[2]),
          since >= 0
        else {
          return nil
        }
        logs.append(Log(path: path, since: since, files: []))
      case "beside":
        guard words.count == 4, !logs.isEmpty, let device = UInt64(words[1]),
          let inode = UInt64(words[2]), words[3] == "-" || Int64(words[3]) != nil
        else { return nil }
        logs[logs.count - 1].neighbours.append(
          FileIdentity(device: device, inode: inode, birth: Int64(words[3])))
      case "place":
        guard words.count == 2, !logs.isEmpty, let place = bytes(words[1]), place.last == 0x2F
        else { return nil }
        logs[logs.count - 1].places.append(place)
      case "done":
        guard words.count == 4, !logs.isEmpty, let length = Int(words[1]),
          (0...FileHead.size).contains(length), let hash = UInt64(words[2]),
          let size = Int64(words[3]), size >= 0
        else { return nil }
        logs[logs.count - 1].done.append(
          Done(head: FileHead(length: length, hash: hash), size: size))
      case "file":
        guard words.count == 9, !logs.isEmpty, let device = UInt64(words[1]),
          let inode = UInt64(words[2]), words[3] == "-" || Int64(words[3]) != nil,
          let offset = Int64(words[4]), offset >= 0, let skipping = Int(words[5]),
          (0...1).contains(skipping),
          let length = Int(words[6]), (0...FileHead.size).contains(length),
          let hash = UInt64(words[7]),
          let window = words[8] == "-" ? [] : bytes(words[8]),
          window.count == min(Int(clamping: offset), ReadingPosition.windowSize)
        else { return nil }
        let identity = FileIdentity(device: device, inode: inode, birth: Int64(words[3]))
        let position = ReadingPosition(offset: offset, window: window, isSkipping: skipping != 0)
        logs[logs.count - 1].files.append(
          File(
            identity: identity, head: FileHead(length: length, hash: hash), position: position))
      default: return nil
      }
    }
  }
}

/// The first bytes of a file, hashed: inode numbers are used again, and not every file system
/// stores times of birth.
package struct FileHead: Sendable, Equatable {
  /// A line or two with their stamps.
  package static let size = 256

  package let length: Int
  /// FNV-1a, 64 bits: not against forgery, whoever writes the log can write anything.
  package let hash: UInt64

  package init(length: Int, hash: UInt64) {
    self.length = length
    self.hash = hash
  }

  package init(_ bytes: some Collection<UInt8>) {
    length = bytes.count
    hash = bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
  }
}

extension TailCheckpoint.File {
  /// Whether a file that is there now is this one.
  ///
  /// - Parameter head: the first bytes of that file, hashed up to a length.
  package func isSame(
    _ other: FileIdentity, head: (Int) -> FileHead
  ) -> Bool {
    guard identity.inode == other.inode else { return false }
    let bornTogether = identity.birth != nil && identity.birth == other.birth
    if bornTogether, identity.device == other.device { return true }
    // Device numbers may change from one boot to the next; births may be unknown, and an overlay that
    // copies a file up keeps its inode number and gives it another birth. Then the contents must speak,
    // and an empty head says nothing. Another file with the same head is found out by the bytes before
    // the position.
    return self.head.length > 0 && head(self.head.length) == self.head
  }
}

private func hexadecimal(_ bytes: [UInt8]) -> String {
  let digits = Array("0123456789abcdef".utf8)
  return String(
    decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}

private func bytes(_ text: Substring) -> [UInt8]? {
  let digits = Array(text.utf8)
  guard digits.count % 2 == 0 else { return nil }
  var result: [UInt8] = []
  for start in stride(from: 0, to: digits.count, by: 2) {
    guard let high = Character(UnicodeScalar(digits[start])).hexDigitValue,
      let low = Character(UnicodeScalar(digits[start + 1])).hexDigitValue
    else { return nil }
    result.append(UInt8(high << 4 | low))
  }
  return result
}
