// Which file of a followed path is read now, which one follows, and when one is done with.

/// A state machine without files: events go in with the time, actions come out.
///
/// The rule: what a file holds is given out to its end before the next one begins. A file that is
/// not at the path any more is done with once nobody has it open for writing and its end was
/// reached after that was known. Where a writer keeps it open, the next file begins once the old one
/// was quiet for `patience`; what is written to the old one after that is given out too, late.
package struct TailMachine: Sendable {
  package typealias ID = Int

  /// How long an old file with writers holds up the next one after its last growth, ns. Writers
  /// reopen within moments of a rotation: logrotate's postrotate signal, a logger's own rename.
  package static let patience: Int64 = 1_000_000_000
  /// How long an old file is kept of which the kernel does not tell whether it has writers, ns.
  package static let blindPatience: Int64 = 60_000_000_000
  /// How many old files with writers are kept open; beyond it the oldest goes.
  package static let lingeringLimit = 16

  package enum Event: Sendable, Equatable {
    /// These stood at the path one after the other; the last one stands there now.
    case appeared([ID])
    /// One that was there before stands at the path again.
    case returned(ID)
    /// A file was cut, and what it held before lies in these, one after the other.
    case preceded(ID, by: [ID])
    /// Nothing stands at the path.
    case vanished
    /// Something happened to a file.
    case changed(ID)
    /// All that is there was given out; `grew`: there was something. `isDeleted`: it has no name.
    case ended(ID, grew: Bool, isDeleted: Bool)
    /// The answer to `probe`.
    case writers(ID, Presence)
    /// A deadline may be over.
    case tick
  }

  package enum Presence: Sendable, Equatable { case none, some, unknown }

  package enum Action: Sendable, Equatable {
    /// Read to its end and say `ended`.
    case read(ID)
    /// Find out whether it has writers.
    case probe(ID)
    /// Give out a torn last line, and close it.
    case finish(ID)
  }

  private struct Source: Sendable {
    let id: ID
    var lastGrowth: Int64
    /// Found to have no writers: what is read after that is the last.
    var isClosed = false
    var presence = Presence.none
  }

  /// The first is read; the others wait for it.
  private var queue: [Source] = []
  /// Read up to the present, but kept open by writers.
  private var lingering: [Source] = []
  /// Whether the last of the queue stands at the path.
  private var isPresent = false

  package init() {}

  /// In the order in which they were at the path: what a checkpoint is made of.
  package var order: [ID] { (lingering + queue).map(\.id) }
  /// The file that stood at the path last.
  package var newest: ID? { queue.last?.id }

  /// The monotonic instant (ns) at which `tick` is due; nil: never.
  package var deadline: Int64? {
    var due: [Int64] = []
    if let head = queue.first, isSuperseded(head.id), head.presence != .none {
      due.append(head.lastGrowth + Self.patience)
    }
    due += lingering.filter { $0.presence == .unknown }.map { $0.lastGrowth + Self.blindPatience }
    return due.min()
  }

  package mutating func handle(_ event: Event, now: Int64) -> [Action] {
    switch event {
    case .appeared(let ids):
      let wasEmpty = queue.isEmpty
      queue += ids.map { Source(id: $0, lastGrowth: now) }
      isPresent = true
      guard let head = queue.first else { return [] }
      // What was written to the old one before it was renamed comes first.
      if !wasEmpty { queue[0].lastGrowth = now }
      return [.read(head.id)]
    case .returned(let id):
      isPresent = true
      let all = lingering + queue
      guard var source = all.first(where: { $0.id == id }), queue.last?.id != id else { return [] }
      source.isClosed = false
      source.presence = .none
      lingering.removeAll { $0.id == id }
      queue.removeAll { $0.id == id }
      queue.append(source)
      return [.read(queue[0].id)]
    case .preceded(let id, let ids):
      let index = queue.firstIndex { $0.id == id } ?? 0
      queue.insert(contentsOf: ids.map { Source(id: $0, lastGrowth: now) }, at: index)
      return [.read(queue[0].id)]
    case .vanished:
      isPresent = false
      return queue.first.map { [.read($0.id)] } ?? []
    case .changed(let id):
      guard queue.first?.id == id || lingering.contains(where: { $0.id == id }) else { return [] }
      return [.read(id)]
    case .ended(let id, let grew, let isDeleted):
      return ended(id, grew, isDeleted, now)
    case .writers(let id, let presence):
      return learned(id, presence, now)
    case .tick:
      guard let deadline, deadline <= now else { return [] }
      let blind = lingering.filter {
        $0.presence == .unknown && $0.lastGrowth + Self.blindPatience <= now
      }
      lingering.removeAll { source in blind.contains { $0.id == source.id } }
      let head = queue.first.flatMap { isSuperseded($0.id) ? Action.read($0.id) : nil }
      return blind.map { .finish($0.id) } + (head.map { [$0] } ?? [])
    }
  }

  /// Whether another file stands at the path since, or nothing does.
  private func isSuperseded(_ id: ID) -> Bool { queue.last?.id != id }

  private mutating func ended(
    _ id: ID, _ grew: Bool, _ isDeleted: Bool, _ now: Int64
  ) -> [Action] {
    if let index = lingering.firstIndex(where: { $0.id == id }) {
      if grew { lingering[index].lastGrowth = now }
      guard lingering[index].isClosed else { return [.probe(id)] }
      lingering.remove(at: index)
      return [.finish(id)]
    }
    guard let head = queue.first, head.id == id else { return [] }
    if grew { queue[0].lastGrowth = now }
    // Alone it stays: it may be moved back, or go on growing under its new name. Without a name
    // nobody can come to it any more but those that have it open.
    guard isSuperseded(id) || !isPresent && isDeleted else { return [] }
    guard head.isClosed else { return [.probe(id)] }
    queue.removeFirst()
    return [.finish(id)] + (queue.first.map { [.read($0.id)] } ?? [])
  }

  private mutating func learned(_ id: ID, _ presence: Presence, _ now: Int64) -> [Action] {
    if let index = lingering.firstIndex(where: { $0.id == id }) {
      lingering[index].presence = presence
      lingering[index].isClosed = presence == .none
      return presence == .none ? [.read(id)] : []
    }
    guard let head = queue.first, head.id == id else { return [] }
    queue[0].presence = presence
    queue[0].isClosed = presence == .none
    if presence == .none { return [.read(id)] }
    guard isSuperseded(id), now >= head.lastGrowth + Self.patience else { return [] }
    lingering.append(queue.removeFirst())
    var actions: [Action] = queue.first.map { [.read($0.id)] } ?? []
    if lingering.count > Self.lingeringLimit {
      actions.insert(.finish(lingering.removeFirst().id), at: 0)
    }
    return actions
  }
}
