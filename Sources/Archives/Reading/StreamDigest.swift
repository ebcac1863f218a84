// SHA-256 of bytes that come by once: whether an archive is the very one that came by before.

import CNettle
import OwnedDirectories

/// The digest of a stream as far as it has come.
@safe final class StreamDigest {
  struct Value: Hashable, Sendable {
    fileprivate let words: [UInt8]
  }

  /// The library keeps its state there.
  private let context: UnsafeMutablePointer<sha256_ctx>
  private(set) var length: Int64 = 0

  init() {
    unsafe context = .allocate(capacity: 1)
    unsafe nettle_sha256_init(context)
  }

  deinit { unsafe context.deallocate() }

  func add(_ bytes: Span<UInt8>) {
    unsafe bytes.withUnsafeBufferPointer {
      unsafe nettle_sha256_update(context, $0.count, $0.baseAddress)
    }
    length += Int64(bytes.count)
  }

  /// Of all that came; it begins anew then.
  func finish() -> Value {
    length = 0
    return unsafe Value(
      words: [UInt8](unsafeUninitializedCapacity: Int(SHA256_DIGEST_SIZE)) { room, count in
        unsafe nettle_sha256_digest(context, room.count, room.baseAddress)
        count = room.count
      })
  }
}
