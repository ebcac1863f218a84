// A part of a log that was compressed before it was read: unpacked, a piece at a time, into a file without
// a name, and read from there like any other.

import CZlib
import OwnedDirectories

/// Used on the tail's thread only.
@safe final class Unpacking {
  enum Step: Equatable {
    case more, whole
    /// What it could not do, in words.
    case failed(String)
  }

  /// The most that one file is unpacked to, bytes: a log of a day, and no gzip bomb.
  private static let limit = 8 << 30
  /// How long it may take of one turn, ns.
  private static let turn: Int64 = 10_000_000

  /// For messages.
  let name: String
  /// Of the archive, bytes.
  let packedSize: Int64
  /// Unpacked so far, bytes.
  private(set) var size: Int64 = 0
  private var stream: gzFile?
  private var target: Descriptor?

  var isStarted: Bool { target != nil }

  init(name: String, size: Int64) {
    self.name = name
    packedSize = size
  }

  /// What is unpacked, for reading only: whether it has writers is asked later. Nil where there is no
  /// room for a temporary file, or no descriptor.
  ///
  /// - Parameter archive: read from its beginning; it stays open.
  func start(_ archive: Descriptor) -> Descriptor? {
    guard let target = try? openTemporary() else { return nil }
    guard let file = try? openToFollow(Array(target.procPath.utf8)) else {
      target.close()
      return nil
    }
    // It takes the descriptor over, and closes it.
    guard let copy = try? duplicate(archive), let stream = unsafe gzdopen(copy.number, "rb") else {
      file.close()
      target.close()
      return nil
    }
    unsafe self.stream = stream
    self.target = target
    return file
  }

  /// Unpacks for a while.
  func step() -> Step {
    let deadline = readMonotonic() + Self.turn
    var chunk = [UInt8](repeating: 0, count: 1 << 17)
    repeat {
      guard let stream = unsafe stream, let target else { return .whole }
      let count = unsafe gzread(stream, &chunk, UInt32(chunk.count))
      guard count > 0 else {
        // A stream that ends too early reads as an end, and says so here.
        var code: Int32 = 0
        _ = unsafe gzerror(stream, &code)
        let isClosed = close() == Z_OK
        return count == 0 && code >= Z_OK && isClosed ? .whole : .failed("is damaged")
      }
      size += Int64(count)
      guard size <= Self.limit else { return .failed("is larger than 8 GiB when unpacked") }
      do {
        try writeAll(chunk.span.extracting(first: Int(count)), to: target, "(unpacked)")
      } catch {
        return .failed("has no room to be unpacked in: \(error)")
      }
    } while readMonotonic() < deadline
    return .more
  }

  @discardableResult
  func close() -> Int32 {
    guard let stream = unsafe stream else { return Z_OK }
    unsafe self.stream = nil
    target?.close()
    return unsafe gzclose(stream)
  }

  /// The first bytes of what an archive holds, and its size where it has one member (RFC 1952, ISIZE:
  /// modulo 2^32); nil where it is none, or damaged.
  static func peek(_ archive: Descriptor, size: Int64) -> (head: [UInt8], size: Int64)? {
    guard let copy = try? duplicate(archive) else { return nil }
    guard let stream = unsafe gzdopen(copy.number, "rb") else {
      copy.close()
      return nil
    }
    var head = [UInt8](repeating: 0, count: FileHead.size)
    let count = unsafe gzread(stream, &head, UInt32(head.count))
    let isPacked = unsafe gzdirect(stream) == 0
    _ = unsafe gzclose(stream)
    let trailer = ReadBuffer(capacity: 4)
    guard count >= 0, isPacked, (try? trailer.fill(from: archive, at: size - 4, upTo: 4)) != nil,
      trailer.count == 4
    else { return nil }
    let length = trailer.bytes(0..<4).reversed().reduce(Int64(0)) { $0 << 8 | Int64($1) }
    return (Array(head[..<Int(count)]), length)
  }
}
