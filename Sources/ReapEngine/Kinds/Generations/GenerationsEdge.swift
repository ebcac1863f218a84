// Kind `generations` at the edge: what a partition says of the directories in it.

import Glibc
import OwnedDirectories
import ReapRules

final class GenerationsEdge: RootKind {
  let settings: GenerationSettings
  let memory = PartitionMemory()
  /// Nil where the rule names no pid file.
  let owner: OwnerWatch?

  init(_ settings: GenerationSettings, ownerExited: OwnerExited?) {
    self.settings = settings
    owner = settings.ownerPidfile.map { file in
      OwnerWatch(
        file, trustPids: settings.trustPids,
        exited: ownerExited.map { exited -> @Sendable () -> Void in { exited(nil) } })
    }
  }

  func partition(at spot: Spot) -> PartitionGathering {
    PartitionGathering(settings: settings, spot: spot, memory: memory)
  }

  // MARK: - Looking

  func begin(
    _ evidence: inout Evidence, of name: EntryName, isHalfRemoved: Bool, at spot: Spot
  ) {
    if let condemned = spot.claims.condemnation(of: spot.path(name)) {
      evidence.generations?.condemned = condemned
      evidence.generations?.shortage = shortage(at: spot.directory)
    }
    guard let claim = ClaimName(name) else { return }
    evidence.claim =
      if isHalfRemoved { .unfinished } else if spot.has(claim.original) { .split } else { .found }
  }

  func gather(
    _ stage: Judgement.Stage, of name: EntryName, at spot: Spot, into evidence: inout Evidence
  ) -> Bool {
    switch stage {
    case .partition:
      let partition = partition(at: spot)
      evidence.generations?.partition = partition.gatherOrShare()
      evidence.generations?.marker = partition.marker(in: name)
      return true
    case .owner:
      evidence.generations?.owner = owner?.current ?? .unknown("no pid file is watched")
      return true
    // What is gathered for every kind, or is another's.
    default: return false
    }
  }

  /// How much less room is free than the bounds demand; nil where there is enough.
  func shortage(at root: OpenRoot) -> RoomShortage? {
    guard settings.room.isFloored, let room = try? freeRoom(at: root.descriptor) else { return nil }
    let shortage = settings.room.shortage(in: room)
    return shortage.isNone ? nil : shortage
  }

  // MARK: - Claiming

  /// Keeps writers from flipping the cursor to it until its name is gone.
  private struct Hold: ClaimHold {
    let partition: PartitionGathering
    let cursor: PartitionGathering.CursorLock
    let reading: Evidence.Partition?

    var isStillRight: Bool {
      let (cursor, _) = partition.readCursorFile()
      guard cursor == reading?.cursor else { return false }
      // What was read for another candidate may have changed since.
      guard reading?.isShared == true, case .known(let live) = cursor else { return true }
      return partition.state(of: live) == .complete
    }

    func release() { cursor.release() }
  }

  func holdForClaim(_ look: Look, mayWait: Bool) -> (any ClaimHold)? {
    let partition = partition(at: look.spot)
    // The directory's lock is held until its last file is gone. Whoever restores by hand takes it
    // too, so that one of both comes too late.
    guard let cursor = partition.lockCursor(mayWait: mayWait) else { return nil }
    guard let directory = look.gathering.directory, tryLock(directory, .flock) == .taken else {
      cursor.release()
      return nil
    }
    return Hold(
      partition: partition, cursor: cursor, reading: look.evidence.generations?.partition)
  }

  func join(_ claimed: EntryName, into original: EntryName, at spot: Spot) -> Joining? {
    joinHalves(claimed, into: original, at: spot.directory.descriptor)
  }

  // MARK: - Files

  func examineFile(
    _ name: EntryName, _ request: LookRequest, at spot: Spot, _ examination: Examination
  ) -> Examined? {
    guard TemporaryName(cursor: settings.cursor, name) != nil else { return nil }
    return TemporaryFiles(edge: self, settings: settings, spot: spot, examination: examination)
      .examineCursor(name, request)
  }

  func tidy(
    _ look: inout Look, _ verdict: Verdict, mayTakeTime: Bool, _ examination: Examination
  ) -> Examined? {
    TemporaryFiles(edge: self, settings: settings, spot: look.spot, examination: examination)
      .tidy(&look, verdict, mayTakeTime: mayTakeTime)
  }

  // MARK: - For people and followers

  /// What a partition's cursor names now; nil where it does not tell. The looks that follow share what
  /// was read.
  func liveGeneration(
    in place: [UInt8], below open: OpenRoot, of root: WatchedRoot
  ) -> EntryName? {
    guard let directory = try? open.place(place) else { return nil }
    defer { directory.release() }
    let spot = Spot(shared: root.shared, directory: directory, place: place, claims: root.claims)
    memory.forgetReading(of: place)
    guard case .known(let live) = partition(at: spot).gatherOrShare().cursor else { return nil }
    return live
  }

  func facts(of spot: Spot) -> PlaceFacts? {
    let gathered = partition(at: spot).gather()
    return PlaceFacts(
      lines: [
        ("cursor", gathered.cursor.text), ("live generation", gathered.live.text),
      ], members: gathered.members)
  }

  func follower(of root: WatchedRoot) -> (any KindFollower)? {
    GenerationFollower(root, edge: self)
  }
}
