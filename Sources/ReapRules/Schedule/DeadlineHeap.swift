/// A binary heap of instants, earliest first. Entries are not removed when they lapse: whoever
/// pops one compares it with the deadline that holds now.
struct DeadlineHeap: Sendable {
  struct Entry: Sendable {
    let instant: Nanoseconds
    let id: CandidateID
  }

  private var entries: [Entry] = []

  var first: Entry? { entries.first }
  var count: Int { entries.count }

  mutating func insert(_ entry: Entry) {
    entries.append(entry)
    var child = entries.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard entries[child].instant < entries[parent].instant else { break }
      entries.swapAt(child, parent)
      child = parent
    }
  }

  mutating func popFirst() -> Entry? {
    guard let first = entries.first else { return nil }
    let last = entries.removeLast()
    guard !entries.isEmpty else {
      entries = []  // gives the memory of a burst back
      return first
    }
    entries[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < entries.count {
        if entries[child].instant < entries[least].instant { least = child }
      }
      guard least != parent else { break }
      entries.swapAt(parent, least)
      parent = least
    }
    return first
  }

  /// Drops what has lapsed, so that a flood of short-lived candidates does not stay in memory.
  mutating func compact(keeping isCurrent: (Entry) -> Bool) {
    let kept = entries.filter(isCurrent)
    entries.removeAll(keepingCapacity: false)
    for entry in kept { insert(entry) }
  }
}
