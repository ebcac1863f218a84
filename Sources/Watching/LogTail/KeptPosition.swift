// What a checkpoint says of a log: the files that are open, and from when on others are looked for.

import OwnedDirectories

extension TailCheckpoint.Log {
  /// What the next start goes on from.
  init(_ log: TailedLog) {
    if let unresumed = log.unresumed {
      self = unresumed
      return
    }
    let order = log.machine.order.compactMap { log.sources[$0] }
    // Nothing tells archives apart of which nothing was read: the next start looks for them again.
    let isPending = { (source: TailSource) in source.archive != nil && source.position.offset == 0 }
    let files = order.filter { !isPending($0) }.compactMap { source -> TailCheckpoint.File? in
      var head = source.head
      if source.unpacking == nil {
        // Cut since, the file has another one.
        guard let whole = try? source.longerHead(upTo: FileHead.size) else { return nil }
        head = whole
      }
      return .init(identity: source.identity, head: head, position: source.position)
    }
    // Where nothing was read of the last one, what was cut off it came to be there later.
    let sought =
      order.filter(isPending).compactMap(\.identity.birth)
      + order.filter { $0.position.offset == 0 }.compactMap(\.soughtSince)
    let asked = min(order.last?.beginning?.after ?? log.since, sought.min() ?? .max)
    self.init(
      path: log.path, since: asked, files: files,
      neighbours: log.neighbours.sorted { $0.inode < $1.inode }.suffix(Self.savedNeighbours),
      places: log.places, done: log.records.map(\.done))
  }

  private static let savedNeighbours = 64
}
