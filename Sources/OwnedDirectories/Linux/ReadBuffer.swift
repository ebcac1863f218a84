import CLinuxShims
import Glibc

/// Memory that files are read into piece by piece, searched and written out without a copy.
@safe package final class ReadBuffer {
  private var memory: UnsafeMutableRawBufferPointer
  /// How much of it the last `fill` filled, bytes.
  package private(set) var count = 0

  package init(capacity: Int) {
    unsafe memory = .allocate(byteCount: capacity, alignment: 16)
  }

  deinit { unsafe memory.deallocate() }

  package var capacity: Int { unsafe memory.count }

  /// Makes room for more; what was in it is lost.
  package func resize(to capacity: Int) {
    guard capacity != self.capacity else { return }
    unsafe memory.deallocate()
    unsafe memory = .allocate(byteCount: capacity, alignment: 16)
    count = 0
  }

  /// One pread(2) at an offset; `count` says how much there was.
  package func fill(from file: Descriptor, at offset: Int64, upTo limit: Int) throws(SystemError) {
    let wanted = min(limit, capacity)
    let size = retrying { unsafe pread(file.number, memory.baseAddress!, wanted, Int(offset)) }
    guard size >= 0 else { throw SystemError("read", "(an open file)") }
    count = size
  }

  /// Whether these bytes stand at a place in it.
  package func holds(_ bytes: ArraySlice<UInt8>, at start: Int) -> Bool {
    guard start >= 0, start + bytes.count <= count else { return false }
    guard !bytes.isEmpty else { return true }
    return unsafe bytes.withUnsafeBytes {
      unsafe memcmp(memory.baseAddress! + start, $0.baseAddress!, $0.count) == 0
    }
  }

  /// The same without a copy of them.
  package func holds(_ bytes: Span<UInt8>, at start: Int) -> Bool {
    guard start >= 0, start + bytes.count <= count else { return false }
    guard !bytes.isEmpty else { return true }
    return unsafe bytes.withUnsafeBytes {
      unsafe memcmp(memory.baseAddress! + start, $0.baseAddress!, $0.count) == 0
    }
  }

  package func first(_ byte: UInt8, in range: Range<Int>) -> Int? {
    guard !range.isEmpty, range.upperBound <= count else { return nil }
    let start = unsafe memory.baseAddress! + range.lowerBound
    guard let found = unsafe memchr(start, Int32(byte), range.count) else { return nil }
    return unsafe UnsafeRawPointer(found) - UnsafeRawPointer(memory.baseAddress!)
  }

  package func firstNonNUL(in range: Range<Int>) -> Int? {
    precondition(range.upperBound <= count)
    for index in range where unsafe memory[index] != 0 { return index }
    return nil
  }

  package func last(_ byte: UInt8, in range: Range<Int>) -> Int? {
    guard !range.isEmpty, range.upperBound <= count else { return nil }
    let start = unsafe memory.baseAddress! + range.lowerBound
    guard let found = unsafe shim_memrchr(start, Int32(byte), range.count) else { return nil }
    return unsafe found - UnsafeRawPointer(memory.baseAddress!)
  }

  package func bytes(_ range: Range<Int>) -> [UInt8] {
    precondition(range.upperBound <= count)
    return unsafe Array(UnsafeRawBufferPointer(rebasing: memory[range]))
  }

  /// One write(2) of a part of it: how many bytes went, or -1 with errno.
  package func writeOnce(_ range: Range<Int>, to file: Descriptor) -> Int {
    precondition(range.upperBound <= count)
    return retrying {
      unsafe write(file.number, memory.baseAddress! + range.lowerBound, range.count)
    }
  }
}
