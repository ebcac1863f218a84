import ReapRules
import Synchronization

/// What was seen of partitions before, by their path below the root.
final class PartitionMemory: Sendable {
  private struct Seen {
    var live: EntryName
    /// Monotonic; since when the cursor was seen to name that one.
    var since: Nanoseconds
    /// Monotonic; when its temporary files are to be looked for again.
    var nextTidying = Nanoseconds.min
  }

  /// That no claim is in conflict may be said again for so many times as long as the listing took:
  /// so a partition of n generations costs no n listings of n.
  private static let listingRest: Nanoseconds = 8
  private static let longestRest = nanosecondsPerSecond

  private let seen = Mutex<[[UInt8]: Seen]>([:])
  /// Monotonic; until when the claims in a partition need not be listed again.
  private let nextListing = Mutex<[[UInt8]: Nanoseconds]>([:])

  /// Notes what a cursor names now; returns since when it does.
  func note(_ live: EntryName, in partition: [UInt8], now: Nanoseconds) -> Nanoseconds {
    seen.withLock { seen in
      if let known = seen[partition], known.live == live { return known.since }
      seen[partition] = Seen(live: live, since: now)
      return now
    }
  }

  func listingIsDue(in partition: [UInt8], now: Nanoseconds) -> Bool {
    nextListing.withLock { ($0[partition] ?? .min) <= now }
  }

  func noteListing(in partition: [UInt8], from start: Nanoseconds, to end: Nanoseconds) {
    let rest = min((end - start) * Self.listingRest, Self.longestRest)
    nextListing.withLock { $0[partition] = end + rest }
  }

  func nextTidying(in partition: [UInt8]) -> Nanoseconds {
    seen.withLock { $0[partition]?.nextTidying ?? .min }
  }

  func noteTidying(in partition: [UInt8], next: Nanoseconds) {
    seen.withLock { $0[partition]?.nextTidying = next }
  }

  func forget(_ partition: [UInt8]) {
    seen.withLock { $0[partition] = nil }
    nextListing.withLock { $0[partition] = nil }
  }
}
