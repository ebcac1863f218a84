import Glibc
import OwnedDirectories
import ReapRules
import Watching

/// Writes what a tail gives out: the bytes as they are under headings, or a JSON object a line.
struct TailPrinter {
  private let names: [(given: FilePath, path: [UInt8])]
  private let json: Bool
  private var heading: Int?
  private var isWithinLine = false
  /// The errno of the write that failed.
  private(set) var failure: Int32 = 0

  init(names: [(given: FilePath, path: [UInt8])], json: Bool) {
    self.names = names
    self.json = json
  }

  /// How many bytes were taken: none when standard output takes no more.
  mutating func print(_ piece: TailPiece) -> Int {
    (json ? printObjects(piece) : printBytes(piece)) ? piece.range.count : 0
  }

  private mutating func printBytes(_ piece: TailPiece) -> Bool {
    var lead = isWithinLine ? "\n" : ""
    if names.count > 1, heading != piece.log {
      lead += heading == nil ? "" : "\n"
      lead += "==> \(names[piece.log].given) <==\n"
      heading = piece.log
    }
    guard lead.isEmpty || write(Array(lead.utf8)) else { return false }
    isWithinLine = piece.kind == .torn
    var range = piece.range
    while !range.isEmpty {
      let size = piece.buffer.writeOnce(range, to: Descriptor(number: STDOUT_FILENO))
      guard size > 0 || mayRetry() else { return false }
      range = (range.lowerBound + max(0, size))..<range.upperBound
    }
    guard piece.kind == .cut else { return true }
    return write(Array(" [reapd: line cut after \(piece.range.count) bytes]\n".utf8))
  }

  private mutating func printObjects(_ piece: TailPiece) -> Bool {
    var text: [UInt8] = []
    var rest = piece.range
    while !rest.isEmpty {
      let end = piece.kind == .lines ? piece.buffer.first(0x0A, in: rest) : nil
      let line = piece.buffer.bytes(rest.lowerBound..<(end ?? rest.upperBound))
      var members: [(String, JSONValue)] = [
        JSONValue.pathMember(names[piece.log].path),
        ("offset", .integer(piece.offset + Int64(rest.lowerBound - piece.range.lowerBound))),
      ]
      if let valid = String(validating: line, as: UTF8.self) {
        members.append(("line", .string(valid)))
      } else {
        members.append(("line_b64", .string(base64(line))))
      }
      switch piece.kind {
      case .lines: break
      case .cut: members.append(("cut", .bool(true)))
      case .torn: members.append(("torn", .bool(true)))
      }
      text += Array(JSONValue.object(members).text.utf8) + [0x0A]
      rest = ((end ?? rest.upperBound - 1) + 1)..<rest.upperBound
    }
    return write(text)
  }

  private mutating func write(_ bytes: [UInt8]) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let size = writeOnce(rest, to: Descriptor(number: STDOUT_FILENO))
      guard size > 0 || mayRetry() else { return false }
      rest = rest.dropFirst(max(0, size))
    }
    return true
  }

  /// Standard output may be a pipe that somebody else made non-blocking.
  private mutating func mayRetry() -> Bool {
    failure = errno
    guard failure == EAGAIN else { return false }
    waitUntilWritable(Descriptor(number: STDOUT_FILENO))
    return true
  }
}
