import OwnedDirectories
import ReapRules
import Watching

/// The directories below a root in which candidates may lie, each with a watch of its own, and the
/// candidates known in each. The root itself is number 0.
struct PlaceTree {
  struct Place {
    /// Below the root; empty for the root itself.
    let path: [UInt8]
    let parent: UInt32
    var watch: WatchHandle?
    /// Open only until its watch is there.
    var arming: Descriptor?
    var children: Set<UInt32> = []
    var candidates: Set<EntryName> = []
    /// An examination found a name in it that is there claimed and unclaimed.
    var hasConflict = false
    /// An operator was told that directories in this place have too long a path.
    var isTooDeep = false
    /// The scan that last saw it.
    var epoch: UInt32
  }

  static let root: UInt32 = 0

  private(set) var places: [UInt32: Place] = [:]
  private var byPath: [[UInt8]: UInt32] = [:]
  private var last: UInt32 = 0
  private(set) var epoch: UInt32 = 0
  /// Commands to watch that are not answered yet.
  private(set) var arming = 0
  /// Descriptors of places that went before their answer came.
  private var closing: [UInt32: Descriptor] = [:]

  init() { clear() }

  subscript(number: UInt32) -> Place? { places[number] }

  func number(of path: [UInt8]) -> UInt32? { byPath[path] }

  /// Forgets everything but the root; the caller has ended the watches.
  private mutating func clear() {
    places = [Self.root: Place(path: [], parent: Self.root, epoch: epoch)]
    byPath = [[]: Self.root]
  }

  mutating func beginScan() {
    epoch &+= 1
    places[Self.root]!.epoch = epoch
  }

  /// Places that the present scan has not come to.
  var unseen: [UInt32] { places.filter { $0.value.epoch != epoch }.map(\.key).sorted() }

  mutating func noteSeen(_ number: UInt32) { places[number]?.epoch = epoch }

  /// - Parameter opened: kept until the answer to the command to watch it.
  mutating func add(_ path: [UInt8], below parent: UInt32, opened: Descriptor) -> UInt32 {
    repeat {
      last = (last &+ 1) & CandidateID.generationMask
    } while last == Self.root || places[last] != nil || closing[last] != nil
    places[last] = Place(path: path, parent: parent, arming: opened, epoch: epoch)
    byPath[path] = last
    places[parent]?.children.insert(last)
    arming += 1
    return last
  }

  /// Notes the answer to the command to watch one; false where the place is gone.
  mutating func armed(_ number: UInt32, _ watch: WatchHandle?) -> Bool {
    arming -= 1
    if let descriptor = closing.removeValue(forKey: number) {
      descriptor.close()
      return false
    }
    places[number]?.arming?.close()
    places[number]?.arming = nil
    places[number]?.watch = watch
    return places[number] != nil
  }

  mutating func noteCandidate(_ name: EntryName, in number: UInt32) {
    places[number]?.candidates.insert(name)
  }

  mutating func forgetCandidate(_ name: EntryName, in number: UInt32) {
    places[number]?.candidates.remove(name)
  }

  /// False where the conflict is known already.
  mutating func noteConflict(in number: UInt32) -> Bool {
    guard places[number]?.hasConflict == false else { return false }
    places[number]!.hasConflict = true
    return true
  }

  /// False where the operator was told already.
  mutating func noteTooDeep(below number: UInt32) -> Bool {
    guard places[number]?.isTooDeep == false else { return false }
    places[number]!.isTooDeep = true
    return true
  }

  mutating func forgetConflict(in number: UInt32) { places[number]?.hasConflict = false }

  /// Takes a place and all below it out; the root's own entry stays, emptied.
  mutating func remove(_ number: UInt32) -> [(number: UInt32, place: Place)] {
    var removed: [(UInt32, Place)] = []
    var pending = [number]
    while let next = pending.popLast() {
      guard let place = places.removeValue(forKey: next) else { continue }
      byPath[place.path] = nil
      pending += place.children
      if let descriptor = place.arming { closing[next] = descriptor }
      removed.append((next, place))
    }
    if let parent = removed.first?.1.parent { places[parent]?.children.remove(number) }
    if number == Self.root { clear() }
    return removed
  }
}
