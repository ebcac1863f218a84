// Writing data files plain, or through zlib and libzstd, each batch as a member or frame of its own:
// what is read is the same, and a damaged one costs a batch, not the file.

import CZlib
import CZstd
import OwnedDirectories

/// Compresses one batch after another into a file.
package protocol Deflater: AnyObject {
  func write(_ bytes: Span<UInt8>, to file: any PackedOutput) throws
  /// Ends the batch: all of it is in the file then.
  func finish(to file: any PackedOutput) throws
  func free()
}

/// Where packed bytes go.
package protocol PackedOutput: AnyObject {
  /// Bytes so far.
  var size: Int64 { get }
  func write(_ bytes: Span<UInt8>) throws
  func close() throws
}

/// Keeps none of it: for plans.
package final class CountedOutput: PackedOutput {
  package private(set) var size: Int64 = 0
  package init() {}
  package func write(_ bytes: Span<UInt8>) { size += Int64(bytes.count) }
  package func close() {}
}

/// How much time is spent on getting it small.
package enum Effort {
  /// As little as the tools gzip(1) and zstd(1) with `-1`.
  case fast
  /// As the tools do unless told otherwise (gzip(1), zstd(1)), and most writers with them: what was
  /// packed so and is packed anew with less grows by a fifth.
  case usual
}

/// What one call of a compressor may put out before it is written.
private let outputSize = 256 << 10

package func makeDeflater(
  _ encoding: Encoding, _ effort: Effort
) throws(EncodingProblem) -> any Deflater {
  switch encoding {
  case .none: PlainDeflater()
  case .gzip: try GzipDeflater(level: effort == .fast ? 1 : 6)
  case .zstd: try ZstdDeflater(level: effort == .fast ? 1 : 3)
  }
}

private final class PlainDeflater: Deflater {
  func write(_ bytes: Span<UInt8>, to file: any PackedOutput) throws { try file.write(bytes) }
  func finish(to file: any PackedOutput) {}
  func free() {}
}

@safe private final class GzipDeflater: Deflater {
  private let stream: UnsafeMutablePointer<z_stream>
  private let output = ByteBuffer(capacity: outputSize)

  init(level: Int32) throws(EncodingProblem) {
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    // 15 bits of window, + 16: a gzip header; 8: zlib's default memory.
    let code = unsafe deflateInit2_(
      stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
      Int32(MemoryLayout<z_stream>.size))
    guard code == Z_OK else { throw EncodingProblem(what: "zlib cannot be set up") }
  }

  func free() {
    unsafe deflateEnd(stream)
    unsafe stream.deallocate()
  }

  func write(_ bytes: Span<UInt8>, to file: any PackedOutput) throws {
    try unsafe bytes.withUnsafeBufferPointer { input in
      unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
      unsafe stream.pointee.avail_in = UInt32(input.count)
      while unsafe stream.pointee.avail_in > 0 { _ = try step(Z_NO_FLUSH, file) }
    }
  }

  func finish(to file: any PackedOutput) throws {
    unsafe stream.pointee.avail_in = 0
    while try step(Z_FINISH, file) != Z_STREAM_END {}
    unsafe deflateReset(stream)
  }

  private func step(_ flush: Int32, _ file: any PackedOutput) throws -> Int32 {
    var code = Z_OK
    output.clear()
    _ = unsafe output.fill(atMost: outputSize) { room in
      unsafe stream.pointee.next_out = room.baseAddress!.assumingMemoryBound(to: UInt8.self)
      unsafe stream.pointee.avail_out = UInt32(room.count)
      code = unsafe deflate(stream, flush)
      return unsafe room.count - Int(stream.pointee.avail_out)
    }
    guard code == Z_OK || code == Z_STREAM_END else {
      throw EncodingProblem(what: "zlib failed with code \(code)")
    }
    if output.count > 0 { try output.withBytes { try file.write($0) } }
    return code
  }
}

@safe private final class ZstdDeflater: Deflater {
  private let context: OpaquePointer
  private let output = ByteBuffer(capacity: outputSize)

  init(level: Int32) throws(EncodingProblem) {
    guard let context = unsafe ZSTD_createCCtx() else {
      throw EncodingProblem(what: "libzstd cannot be set up")
    }
    unsafe self.context = context
    // zstd(1) adds a checksum as well.
    unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
    unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
  }

  func free() { unsafe ZSTD_freeCCtx(context) }

  func write(_ bytes: Span<UInt8>, to file: any PackedOutput) throws {
    try unsafe bytes.withUnsafeBytes { input in
      var from = unsafe ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
      while unsafe from.pos < from.size { _ = try unsafe step(&from, ZSTD_e_continue, file) }
    }
  }

  func finish(to file: any PackedOutput) throws {
    var nothing = unsafe ZSTD_inBuffer(src: nil, size: 0, pos: 0)
    while try unsafe step(&nothing, ZSTD_e_end, file) != 0 {}
  }

  private func step(
    _ input: inout ZSTD_inBuffer, _ end: ZSTD_EndDirective, _ file: any PackedOutput
  ) throws -> Int {
    var left = 0
    output.clear()
    var from = unsafe input
    _ = unsafe output.fill(atMost: outputSize) { room in
      var into = unsafe ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: 0)
      left = unsafe ZSTD_compressStream2(context, &into, &from, end)
      return unsafe into.pos
    }
    unsafe input = from
    guard ZSTD_isError(left) == 0 else {
      throw unsafe EncodingProblem(
        what: "libzstd failed: " + String(cString: ZSTD_getErrorName(left)))
    }
    if output.count > 0 { try output.withBytes { try file.write($0) } }
    return left
  }
}
