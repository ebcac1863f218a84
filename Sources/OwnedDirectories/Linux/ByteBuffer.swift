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
}
