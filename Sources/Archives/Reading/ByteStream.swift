// Streams that are pulled: a file, what is packed in it, a member of what is packed in that …

import Compression
import OwnedDirectories

/// Bytes from the beginning to an end.
protocol ByteStream: AnyObject {
  /// Fills what is free of a buffer, as far as there is something; returns how many bytes came.
  /// Fewer than were free is the end.
  func read(into buffer: ByteBuffer) throws(SlimProblem) -> Int
}

/// A file, read from its beginning without moving where its descriptor stands.
final class FileStream: ByteStream {
  private let file: Descriptor
  private let progress: (Int64) -> Void
  private(set) var offset: Int64 = 0

  /// - Parameter progress: told how many bytes were read, after each piece.
  init(_ file: Descriptor, progress: @escaping (Int64) -> Void = { _ in }) {
    self.file = file
    self.progress = progress
  }

  func read(into buffer: ByteBuffer) throws(SlimProblem) -> Int {
    var total = 0
    while buffer.free > 0 {
      let size: Int
      do {
        size = try buffer.readAt(offset, from: file)
      } catch {
        throw SlimProblem(.system, "\(error)")
      }
      if size == 0 { break }
      total += size
      offset += Int64(size)
    }
    progress(Int64(total))
    return total
  }
}

/// What is packed in a stream with gzip: all of its members in a row, each proved by its sum and length.
final class UnpackedStream: ByteStream {
  private let source: any ByteStream
  private let inflater: GzipInflater
  private let input: ByteBuffer
  private let spend: (Int, Int64, Int64) throws(SlimProblem) -> Void
  private var offset = 0
  private var isDry = false
  private(set) var packed: Int64 = 0
  private(set) var unpacked: Int64 = 0

  /// - Parameter spend: told of what came out, of all that went in and of all that came out.
  init(
    _ source: any ByteStream, bufferSize: Int,
    spend: @escaping (Int, Int64, Int64) throws(SlimProblem) -> Void
  ) throws(SlimProblem) {
    self.source = source
    self.spend = spend
    input = ByteBuffer(capacity: bufferSize)
    do {
      inflater = try GzipInflater()
    } catch {
      throw SlimProblem(.system, error.what)
    }
  }

  func free() { inflater.free() }

  func read(into output: ByteBuffer) throws(SlimProblem) -> Int {
    let before = output.count
    while output.free > 0 {
      try refill()
      let rest = input.count - offset
      if rest == 0, inflater.isAtEnd { break }
      let had = output.count
      let wasAtEnd = inflater.isAtEnd
      let taken: Int
      do {
        taken = try input.withBytes { bytes throws(EncodingProblem) in
          try inflater.inflate(bytes.extracting(offset...), into: output, atMost: output.free)
        }
      } catch {
        guard !wasAtEnd || packed == 0 else {
          throw SlimProblem(.behindTheEnd, "other bytes follow the end of its gzip data")
        }
        throw SlimProblem(.damaged, error.what)
      }
      offset += taken
      packed += Int64(taken)
      let got = output.count - had
      guard got > 0 || taken > 0 else {
        throw SlimProblem(.damaged, "its gzip data ends too early")
      }
      unpacked += Int64(got)
      try spend(got, packed, unpacked)
    }
    return output.count - before
  }

  private func refill() throws(SlimProblem) {
    guard offset == input.count, !isDry else { return }
    input.clear()
    offset = 0
    if try source.read(into: input) < input.capacity { isDry = true }
    guard packed == 0 else { return }
    let first = input.withBytes { bytes in (0..<min(2, bytes.count)).map { bytes[$0] } }
    guard Encoding(firstBytes: first) == .gzip else {
      throw SlimProblem(.unexpectedForm, "it is not packed with gzip")
    }
  }
}
