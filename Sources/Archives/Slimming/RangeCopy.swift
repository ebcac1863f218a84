// The second reading: what stays goes into a new archive, byte for byte.

import Compression
import OwnedDirectories
import ReapRules

/// A new archive on its way to the disk.
final class ArchiveFile: PackedOutput {
  let file: Descriptor
  private(set) var size: Int64 = 0
  private static let writebackStep: Int64 = 8 << 20

  init(_ file: Descriptor) { self.file = file }

  func write(_ bytes: Span<UInt8>) throws {
    try writeAll(bytes, to: file, "(a new archive)")
    let begun = size / Self.writebackStep
    size += Int64(bytes.count)
    // So that the sync at the end finds little left to do.
    if size / Self.writebackStep > begun {
      startWriteback(file, from: begun * Self.writebackStep, count: Self.writebackStep)
    }
  }

  func close() {}
}

/// Copies ranges of an unpacked stream into a packed one.
struct RangeCopy {
  private static let pieceSize = 256 << 10
  /// Enough that neither thread waits for the other's every step.
  private static let pieces = 4

  private enum Piece: Sendable {
    case bytes(ByteBuffer, [Range<Int>])
    case finished(SlimProblem?)
  }

  let plan: SlimPlan

  /// Unpacking and packing are two threads' work: packing takes most of the time.
  ///
  /// - Throws: `SlimProblem`, or what `output` throws.
  func run(
    _ archive: Descriptor, to output: any PackedOutput, progress: @escaping (Int64) -> Void
  ) throws {
    let filled = Mailbox<Piece>(limit: .max)
    let empty = Mailbox<ByteBuffer?>(limit: .max)
    for _ in 0..<Self.pieces { empty.post(ByteBuffer(capacity: Self.pieceSize)) }
    let kept = plan.kept
    let read = Mailbox<Int64>(limit: .max)
    guard
      let thread = Thread.start(
        named: "reapd-unpack",
        {
          filled.post(.finished(Self.unpack(archive, kept, filled, empty, read)))
        })
    else { throw SlimProblem(.system, "no thread can be started") }
    defer {
      // After an error the other thread may be waiting for a buffer.
      empty.post(nil)
      thread.join()
    }
    let deflater = try makeDeflater(.gzip, .usual)
    defer { deflater.free() }
    while true {
      for piece in filled.take(until: nil).messages {
        switch piece {
        case .bytes(let buffer, let ranges):
          try buffer.withBytes { bytes in
            for range in ranges { try deflater.write(bytes.extracting(range), to: output) }
          }
          empty.post(buffer)
          for size in read.take(until: 0).messages { progress(size) }
        case .finished(let problem):
          if let problem { throw problem }
          try writeEnd(deflater, output)
          return
        }
      }
    }
  }

  private func writeEnd(_ deflater: any Deflater, _ output: any PackedOutput) throws {
    let end = [UInt8](repeating: 0, count: 2 * Int(HeaderChain.blockSize))
    try deflater.write(end.span, to: output)
    try deflater.finish(to: output)
  }

  private static func unpack(
    _ archive: Descriptor, _ kept: [Range<Int64>], _ filled: Mailbox<Piece>,
    _ empty: Mailbox<ByteBuffer?>, _ read: Mailbox<Int64>
  ) -> SlimProblem? {
    do {
      let stream = try UnpackedStream(
        FileStream(archive) { read.post($0) }, bufferSize: pieceSize, spend: { _, _, _ in })
      defer { stream.free() }
      var (start, index) = (Int64(0), 0)
      while true {
        for buffer in empty.take(until: nil).messages {
          guard let buffer else { return nil }
          buffer.clear()
          let size = try stream.read(into: buffer)
          let end = start + Int64(size)
          var ranges: [Range<Int>] = []
          while index < kept.count, kept[index].lowerBound < end {
            let part = kept[index].clamped(to: start..<end)
            if !part.isEmpty {
              ranges.append(Int(part.lowerBound - start)..<Int(part.upperBound - start))
            }
            if kept[index].upperBound > end { break }
            index += 1
          }
          filled.post(.bytes(buffer, ranges))
          guard size == buffer.capacity else {
            guard index == kept.count else {
              return SlimProblem(.changed, "it became shorter while it was read")
            }
            return nil
          }
          start = end
        }
      }
    } catch {
      return error
    }
  }
}
