import OwnedDirectories

/// The data of the member at hand of a tar stream, as a stream of its own: an archive in an archive.
final class MemberStream: ByteStream {
  private let reader: TarReader
  private var pending = ByteBuffer(capacity: 0)
  private var offset = 0
  /// How much of the file has come.
  private var position: Int64 = 0

  private let digest: StreamDigest?

  /// - Parameter digest: gets all that is read.
  init(_ reader: TarReader, digest: StreamDigest? = nil) {
    (self.reader, self.digest) = (reader, digest)
  }

  func read(into buffer: ByteBuffer) throws(SlimProblem) -> Int {
    let before = buffer.count
    while buffer.free > 0 {
      if offset < pending.count {
        pending.withBytes { offset += buffer.append($0.extracting(offset...)) }
        continue
      }
      let more = try reader.nextData { bytes, at throws(SlimProblem) in
        try advance(bytes, at)
        if pending.capacity < bytes.count { pending = ByteBuffer(capacity: bytes.count) }
        pending.clear()
        offset = 0
        _ = pending.append(bytes)
      }
      guard try more.get() else { break }
    }
    return buffer.count - before
  }

  private func advance(_ bytes: Span<UInt8>, _ offset: Int64) throws(SlimProblem) {
    guard offset == position else { throw SlimProblem(.unexpectedForm, "its data has holes") }
    position += Int64(bytes.count)
    digest?.add(bytes)
  }

  /// Of all that the member holds; nil where not all of that was read.
  func finishDigest(of size: Int64) -> StreamDigest.Value? {
    position == size ? digest?.finish() : nil
  }
}

extension TarReader {
  /// Reads all data of the member at hand for nothing but its digest; nil where it has holes.
  func digest(of size: Int64) throws(SlimProblem) -> StreamDigest.Value? {
    let digest = StreamDigest()
    while true {
      let more = try nextData { bytes, offset throws(SlimProblem) in
        guard offset == digest.length else {
          throw SlimProblem(.unexpectedForm, "its data has holes")
        }
        digest.add(bytes)
      }
      guard try more.get() else { break }
    }
    return digest.length == size ? digest.finish() : nil
  }
}
