// Temporary files that a dead writer left, beside the cursor or in the live generation: removed
// file by file, each on a verdict of its own.

import Glibc
import OwnedDirectories
import ReapRules

/// The temporary files of one partition.
struct TemporaryFiles {
  let edge: GenerationsEdge
  let settings: GenerationSettings
  let spot: Spot
  let examination: Examination

  /// Judges a temporary cursor.
  func examineCursor(_ name: EntryName, _ request: LookRequest) -> Examined {
    let root = spot.directory
    let judged: Judged
    do {
      judged = try judge(
        name, in: root.descriptor, inGeneration: false, partition: nil,
        firstSeen: request.firstSeen, sawCreation: request.sawCreation)
    } catch {
      return error.code == ENOENT ? .gone : .failed(error, examination.unread(request))
    }
    guard case .dispose = judged.verdict else { return .kept(judged.verdict, judged.evidence) }
    guard examination.mayAct else { return .kept(.unsure(.auditUnwritable), judged.evidence) }
    guard let file = remove(judged, name, in: root.descriptor, root.path(of: name)) else {
      return .kept(.unsure(.replaced), judged.evidence)
    }
    return .tidied(nil, judged.evidence, [file])
  }

  /// Removes what dead writers left in the live generation, where that is due.
  func tidy(_ look: inout Look, _ verdict: Verdict, mayTakeTime: Bool) -> Examined? {
    guard let quiet = settings.staleTemporaries, examination.mayAct,
      let partition = look.evidence.generations?.partition
    else { return nil }
    let evidence = look.evidence
    let now = readMonotonic()
    let due = edge.memory.nextTidying(in: spot.place)
    guard due <= now else {
      examination.inherited.letGo(&look.gathering)
      return .kept(.keep(verdict.reason, recheckAfter: due - now), evidence)
    }
    guard mayTakeTime else { return .needsWalk(held: look.gathering.handOn()) }
    var removed: [RemovedFile] = []
    var next: Nanoseconds?
    // Asked for once, and only where something would go: a look at a free lock may be in its owner's way.
    var isOwned: Bool?
    let seldom = max(quiet, nanosecondsPerSecond)
    do {
      try eachTemporary(in: look.name) { name, directory, path throws(SystemError) in
        let judged = try judge(
          name, in: directory, inGeneration: true, partition: partition, firstSeen: now,
          sawCreation: nil)
        switch judged.verdict {
        case .dispose:
          let mayBeOwned = isOwned ?? mayHaveOwner(&look.gathering)
          isOwned = mayBeOwned
          if mayBeOwned {
            next = min(next ?? seldom, seldom)
          } else if let file = remove(judged, name, in: directory, path) {
            removed.append(file)
          }
        case .keep(_, let after?): next = min(next ?? after, after)
        case .keep(_, nil), .unsure, .condemn, .expendable: next = min(next ?? seldom, seldom)
        }
      }
    } catch {
      next = seldom  // something of it is unreadable, or went: the next look will tell
    }
    examination.inherited.letGo(&look.gathering)
    // What comes meanwhile makes no event here: it is found within twice such a span, and earlier
    // where something else brings a look about.
    edge.memory.noteTidying(
      in: spot.place, next: now + (next ?? max(quiet / 4, nanosecondsPerSecond)))
    let kept = Verdict.keep(verdict.reason, recheckAfter: next ?? seldom)
    return removed.isEmpty ? .kept(kept, evidence) : .tidied(kept, evidence, removed)
  }

  /// Whether the live generation's own lock is held, or cannot be asked for: whoever holds it may write
  /// to any file in it, and its number may be another PID namespace's.
  private func mayHaveOwner(_ gathering: inout CandidateGathering) -> Bool {
    guard settings.lock != nil else { return false }
    defer { gathering.unlock() }
    switch gathering.gatherLock() {
    case .missing, .taken, .takenUnlinked: return false
    case .held, .notAFile, .unreadable, .unknown: return true
    }
  }

  private struct Judged {
    let verdict: Verdict
    let evidence: Evidence
    let facts: FileStatus
  }

  private func judge(
    _ name: EntryName, in directory: Descriptor, inGeneration: Bool,
    partition: Evidence.Partition?, firstSeen: Nanoseconds, sawCreation: Nanoseconds?
  ) throws(SystemError) -> Judged {
    let facts = try status(of: name, at: directory)
    var evidence = Evidence(
      entry: .init(
        name: name, type: .init(facts.type), owner: facts.owner,
        isMountPoint: facts.isMountPoint ?? false),
      clocks: .init(birth: facts.birth, sawCreation: sawCreation, firstSeen: firstSeen),
      ofKind: settings.evidence)
    evidence.generations?.partition = partition
    while true {
      let clocks = readClocks()
      let judgement = TemporaryJudge(settings).judge(
        evidence, inGeneration: inGeneration, rule: spot.rule,
        now: Now(wall: clocks.wall, monotonic: clocks.monotonic))
      switch judgement {
      case .verdict(let verdict): return Judged(verdict: verdict, evidence: evidence, facts: facts)
      case .gather(.partition):
        evidence.generations?.partition = edge.partition(at: spot).gather()
      case .gather:
        let written =
          inGeneration ? TemporaryName(data: name) : TemporaryName(cursor: settings.cursor, name)
        evidence.inside = try inside(name, written, facts, in: directory)
      }
    }
  }

  private func inside(
    _ name: EntryName, _ written: TemporaryName?, _ facts: FileStatus, in directory: Descriptor
  ) throws(SystemError) -> Evidence.Inside {
    let file = try openFile(
      name.bytes, at: directory, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, follow: .within)
    defer { file.close() }
    var inside = Evidence.Inside(openness: .nothingOpen, newestChange: facts.change)
    switch probeOpen(file) {
    case .notOpen: break
    case .open: inside.openness = .open(name.display)
    case .unknown(let reason): inside.openness = .unknown(reason)
    }
    inside.writer = livingWriter(written, changed: facts.change)
    inside.isPinned = try isPinned(file)
    return inside
  }

  /// Removes a file that was judged; nil where another file has its name by now.
  private func remove(
    _ judged: Judged, _ name: EntryName, in directory: Descriptor, _ path: [UInt8]
  ) -> RemovedFile? {
    let wouldOnly = !examination.rights.claiming
    if !wouldOnly {
      guard let there = try? status(of: name, at: directory),
        there.identity == judged.facts.identity, there.change == judged.facts.change,
        (try? unlink(name, at: directory, isDirectory: false)) != nil
      else { return nil }
    }
    return RemovedFile(
      path: path, bytes: judged.facts.links == 1 ? judged.facts.allocated : 0,
      reason: judged.verdict.reason, evidence: judged.evidence, wouldOnly: wouldOnly)
  }

  private func eachTemporary(
    in generation: EntryName,
    _ body: (EntryName, Descriptor, [UInt8]) throws(SystemError) -> Void
  ) throws(SystemError) {
    var descent = TreeDescent(from: spot.directory.descriptor)
    defer { descent.abandon() }
    try descent.enter(generation)
    guard try !isPinned(descent.current) else { return }
    var path = [spot.directory.path(of: generation)]
    while descent.depth > 0 {
      if let next = descent.nextSubdirectory() {
        do {
          try descent.enter(next)
          // A pin keeps all that is in what it is on.
          if try isPinned(descent.current) {
            try descent.leave()
          } else {
            path.append(path[path.count - 1] + [UInt8(ascii: "/")] + next.bytes)
          }
        } catch  where error.code == ENOENT {}
        continue
      }
      let batch = try descent.nextBatch()
      guard !batch.isEmpty else {
        try descent.leave()
        path.removeLast()
        continue
      }
      var subdirectories: [DirectoryEntry] = []
      for entry in batch {
        if try isDirectory(entry, in: descent.current) {
          subdirectories.append(entry)
        } else if TemporaryName(data: entry.name) != nil {
          let whole = path[path.count - 1] + [UInt8(ascii: "/")] + entry.name.bytes
          do throws(SystemError) {
            try body(entry.name, descent.current, whole)
          } catch  where error.code == ENOENT {}
        }
      }
      descent.add(subdirectories)
    }
  }

  private func isDirectory(
    _ entry: DirectoryEntry, in directory: Descriptor
  ) throws(SystemError) -> Bool {
    guard entry.kind == .unknown else { return entry.kind == .directory }
    return try status(of: entry.name, at: directory).type == .directory
  }
}
