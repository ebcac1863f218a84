/// Which watch an event or an answer belongs to, of which rule. In 64 bits, since each watch carries
/// one: 12 of the root, 24 of the slot, 28 of a number that is not soon used again.
package enum WatchToken: Hashable, Sendable {
  /// A file of a candidate, or what is watched in its place.
  case candidate(root: Int, CandidateID)
  /// The root itself or, while that is absent, its nearest ancestor. `incarnation` tells this
  /// watch's events from those of an earlier one, as it does below.
  case directory(root: Int, incarnation: UInt32)
  /// A directory on the way to the root.
  case way(root: Int, incarnation: UInt32)
  /// What a removal failed at.
  case obstacle(root: Int, number: UInt32)
  /// A directory below the root in which partitions may lie.
  case place(root: Int, number: UInt32)
  /// A directory that the kind follows besides, such as that of the owner's pid file.
  case owner(root: Int, number: UInt32)

  /// One less than the bits allow: tokens from there on are those of the thread's other users.
  package static let maximumRoots = 1 << 12 - 1

  /// Slots from here on are no candidate's: each kind of watch besides has one, and its number
  /// stands where a candidate's generation does.
  private enum Reserved {
    static let directory = CandidateID.slotMask
    static let way = directory - 1
    static let obstacle = directory - 2
    static let place = directory - 3
    static let owner = directory - 4
  }

  package init(bits: UInt64) {
    let root = Int(bits >> 52)
    let slot = UInt32(truncatingIfNeeded: bits >> 28) & CandidateID.slotMask
    let number = UInt32(truncatingIfNeeded: bits) & CandidateID.generationMask
    self =
      switch slot {
      case Reserved.directory: .directory(root: root, incarnation: number)
      case Reserved.way: .way(root: root, incarnation: number)
      case Reserved.obstacle: .obstacle(root: root, number: number)
      case Reserved.place: .place(root: root, number: number)
      case Reserved.owner: .owner(root: root, number: number)
      default: .candidate(root: root, CandidateID(slot: slot, generation: number))
      }
  }

  package var bits: UInt64 {
    switch self {
    case .candidate(let root, let id): Self.pack(root, id.slot, id.generation)
    case .directory(let root, let incarnation): Self.pack(root, Reserved.directory, incarnation)
    case .way(let root, let incarnation): Self.pack(root, Reserved.way, incarnation)
    case .obstacle(let root, let number): Self.pack(root, Reserved.obstacle, number)
    case .place(let root, let number): Self.pack(root, Reserved.place, number)
    case .owner(let root, let number): Self.pack(root, Reserved.owner, number)
    }
  }

  package var root: Int {
    switch self {
    case .candidate(let root, _), .directory(let root, _), .way(let root, _),
      .obstacle(let root, _), .place(let root, _), .owner(let root, _):
      root
    }
  }

  private static func pack(_ root: Int, _ slot: UInt32, _ number: UInt32) -> UInt64 {
    UInt64(root) << 52 | UInt64(slot & CandidateID.slotMask) << 28
      | UInt64(number & CandidateID.generationMask)
  }
}
