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

  /// How long what was read serves other candidates: as long as the looks at one partition take.
  private static let sharing: Nanoseconds = 20_000_000
  private static let rememberedReadings = 256

  /// That no claim is in conflict may be said again for so many times as long as the listing took:
  /// so a partition of n generations costs no n listings of n.
  private static let listingRest: Nanoseconds = 8
  private static let longestRest = nanosecondsPerSecond

  private let seen = Mutex<[[UInt8]: Seen]>([:])
  /// Monotonic; until when the claims in a partition need not be listed again.
  private let nextListing = Mutex<[[UInt8]: Nanoseconds]>([:])

  /// What was read last, with the monotonic instant before.
  private let readings = Mutex<[[UInt8]: (reading: Evidence.Partition, at: Nanoseconds)]>([:])

  func reading(of partition: [UInt8], now: Nanoseconds) -> Evidence.Partition? {
    readings.withLock { readings in
      guard let known = readings[partition] else { return nil }
      guard now - known.at < Self.sharing else {
        readings[partition] = nil
        return nil
      }
      var shared = known.reading
      shared.isShared = true
      return shared
    }
  }

  func note(_ reading: Evidence.Partition, of partition: [UInt8], at instant: Nanoseconds) {
    readings.withLock { readings in
      // Partitions that nobody looks at any more would stay.
      if readings.count >= Self.rememberedReadings { readings.removeAll() }
      readings[partition] = (reading, instant)
    }
  }

  func forgetReading(of partition: [UInt8]) { readings.withLock { $0[partition] = nil } }

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
    forgetReading(of: partition)
  }
}
