import OwnedDirectories

/// The data of the member at hand of a tar stream, as a stream of its own: an archive in an archive.
final class MemberStream: ByteStream {
  private let reader: TarReader
  private var pending = ByteBuffer(capacity: 0)
  private var offset = 0
  /// How much of the file has come.
  private var position: Int64 = 0

  init(_ reader: TarReader) { self.reader = reader }

  func read(into buffer: ByteBuffer) throws(SlimProblem) -> Int {
    let before = buffer.count
    while buffer.free > 0 {
      if offset < pending.count {
        pending.withBytes { offset += buffer.append($0.extracting(offset...)) }
        continue
      }
      let more = try reader.nextData { bytes, at throws(SlimProblem) in
        guard at == position else { throw SlimProblem(.unexpectedForm, "its data has holes") }
        position += Int64(bytes.count)
        if pending.capacity < bytes.count { pending = ByteBuffer(capacity: bytes.count) }
        pending.clear()
        offset = 0
        _ = pending.append(bytes)
      }
      guard try more.get() else { break }
    }
    return buffer.count - before
  }
}
