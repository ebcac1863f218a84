import Glibc

/// Bytes outside of Swift's arrays: filled by one thread, handed on, emptied by another, and used
/// again. Whoever holds it is its only user.
@safe package final class ByteBuffer: @unchecked Sendable {
  package let capacity: Int
  package private(set) var count = 0
  private let base: UnsafeMutableRawPointer

  package init(capacity: Int) {
    self.capacity = capacity
    unsafe base = .allocate(byteCount: capacity, alignment: 64)
  }

  deinit { unsafe base.deallocate() }

  package var free: Int { capacity - count }

  package func clear() { count = 0 }

  package func append(_ byte: UInt8) {
    precondition(count < capacity)
    unsafe base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
    count += 1
  }

  /// As much of the bytes as there is room for; returns how many that was.
  package func append(_ bytes: Span<UInt8>) -> Int {
    let size = min(bytes.count, free)
    guard size > 0 else { return 0 }
    unsafe bytes.withUnsafeBytes { unsafe _ = memcpy(base + count, $0.baseAddress!, size) }
    count += size
    return size
  }

  /// Everything in it.
  package func withBytes<Result, Failure: Error>(
    _ body: (Span<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let all = unsafe UnsafeBufferPointer(
      start: UnsafePointer(base.assumingMemoryBound(to: UInt8.self)), count: count)
    return try unsafe body(all.span)
  }

  /// Lets something write at most `limit` bytes behind what is there; it returns how many.
  package func fill<Failure: Error>(
    atMost limit: Int, _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
  ) throws(Failure) -> Int {
    let room = unsafe UnsafeMutableRawBufferPointer(start: base + count, count: min(limit, free))
    let size = try unsafe body(room)
    precondition(size >= 0 && size <= room.count)
    count += size
    return size
  }

  /// One read(2) into it; 0 at the file's end.
  package func read(
    from file: Descriptor, atMost limit: Int, _ path: String
  ) throws(SystemError) -> Int {
    try unsafe fill(atMost: limit) { room throws(SystemError) in
      let size = retrying { unsafe Glibc.read(file.number, room.baseAddress, room.count) }
      guard size >= 0 else { throw SystemError("read", path) }
      return size
    }
  }

  /// One pread(2) into it, behind what is there; 0 at the file's end.
  package func readAt(_ offset: Int64, from file: Descriptor) throws(SystemError) -> Int {
    try unsafe fill(atMost: free) { room throws(SystemError) in
      let size = retrying { unsafe pread(file.number, room.baseAddress, room.count, Int(offset)) }
      guard size >= 0 else { throw SystemError("read", "(an open file)") }
      return size
    }
  }

  /// Whether nothing but zeros is there from an offset on.
  package func isZero(from start: Int) -> Bool {
    guard start < count else { return true }
    let first = unsafe base + start
    // Each byte is the one before it, and the first is zero.
    guard unsafe first.load(as: UInt8.self) == 0 else { return false }
    return unsafe memcmp(first, first + 1, count - start - 1) == 0
  }
}
