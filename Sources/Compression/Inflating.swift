// Reading compressed data through zlib and libzstd: any number of members or frames, one after
// another, as the tools themselves read them.

import CZlib
import CZstd
package import OwnedDirectories

/// What ends a compressed stream too early, or makes no sense in it.
package struct EncodingProblem: Error {
  package let what: String

  package init(what: String) { self.what = what }
}

/// Decompresses one file after another.
package protocol Inflater: AnyObject {
  /// Begins a new file.
  func begin()
  /// Takes compressed bytes from `input` and puts plain ones into `output`; returns how many were
  /// taken. Nothing taken and nothing put means that it needs more of `input`.
  func inflate(
    _ input: Span<UInt8>, into output: ByteBuffer, atMost limit: Int
  ) throws(EncodingProblem) -> Int
  /// Whether the file may end here: behind a whole member.
  var isAtEnd: Bool { get }
  func free()
}

@safe package final class GzipInflater: Inflater {
  /// zlib keeps a pointer to it: it must not move.
  private let stream: UnsafeMutablePointer<z_stream>
  package private(set) var isAtEnd = false

  package init() throws(EncodingProblem) {
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    // 15 bits of window, + 16: gzip headers only (zlib.h, inflateInit2).
    guard
      unsafe inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        == Z_OK
    else { throw EncodingProblem(what: "zlib cannot be set up") }
  }

  package func free() {
    unsafe inflateEnd(stream)
    unsafe stream.deallocate()
  }

  package func begin() {
    unsafe inflateReset(stream)
    isAtEnd = false
  }

  package func inflate(
    _ input: Span<UInt8>, into output: ByteBuffer, atMost limit: Int
  ) throws(EncodingProblem) -> Int {
    guard !input.isEmpty || !isAtEnd else { return 0 }
    if isAtEnd {
      unsafe inflateReset(stream)
      isAtEnd = false
    }
    let code = unsafe input.withUnsafeBufferPointer { input in
      unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
      unsafe stream.pointee.avail_in = UInt32(input.count)
      var code = Z_OK
      _ = unsafe output.fill(atMost: limit) { room in
        unsafe stream.pointee.next_out = room.baseAddress!.assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.avail_out = UInt32(room.count)
        code = unsafe CZlib.inflate(stream, Z_NO_FLUSH)
        return unsafe room.count - Int(stream.pointee.avail_out)
      }
      return code
    }
    switch code {
    case Z_STREAM_END: isAtEnd = true
    case Z_OK, Z_BUF_ERROR: break
    case Z_MEM_ERROR: throw EncodingProblem(what: "there is not enough memory")
    default:
      let message = unsafe stream.pointee.msg.map { unsafe String(cString: $0) }
      throw EncodingProblem(what: "it is damaged gzip: \(message ?? "code \(code)")")
    }
    return unsafe input.count - Int(stream.pointee.avail_in)
  }
}

@safe package final class ZstdInflater: Inflater {
  private let context: OpaquePointer
  package private(set) var isAtEnd = false

  /// - Parameter windowLog: the largest window that a frame may ask for, as a power of two; it is
  ///   memory, and a foreign frame says how much.
  package init(windowLog: Int32) throws(EncodingProblem) {
    guard let context = unsafe ZSTD_createDCtx() else {
      throw EncodingProblem(what: "libzstd cannot be set up")
    }
    unsafe self.context = context
    unsafe ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, windowLog)
  }

  package func free() { unsafe ZSTD_freeDCtx(context) }

  package func begin() {
    unsafe ZSTD_DCtx_reset(context, ZSTD_reset_session_only)
    isAtEnd = false
  }

  package func inflate(
    _ input: Span<UInt8>, into output: ByteBuffer, atMost limit: Int
  ) throws(EncodingProblem) -> Int {
    guard !input.isEmpty || !isAtEnd else { return 0 }
    var taken = 0
    let code = unsafe input.withUnsafeBytes { input in
      var from = unsafe ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
      var code = 0
      _ = unsafe output.fill(atMost: limit) { room in
        var into = unsafe ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: 0)
        code = unsafe ZSTD_decompressStream(context, &into, &from)
        return unsafe into.pos
      }
      taken = unsafe from.pos
      return code
    }
    if ZSTD_isError(code) != 0 {
      let name = unsafe String(cString: ZSTD_getErrorName(code))
      throw EncodingProblem(what: "it is damaged zstd, or needs a larger --batch-bytes: \(name)")
    }
    isAtEnd = code == 0
    return taken
  }
}
