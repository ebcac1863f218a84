// Kind `files` at the edge: how old a file is, what is known of its copy, and whether somebody has it
// open.

import Glibc
import OwnedDirectories
import ReapRules

final class FilesEdge: RootKind {
  let settings: FilesSettings
  /// Nil where no receipts are asked for.
  let book: ReceiptBook?
  /// Nil where no program is asked.
  let asking: CopyAsking?

  init(_ settings: FilesSettings, root: FilePath) {
    self.settings = settings
    if case .receipts(let receipts) = settings.copy {
      book = ReceiptBook(receipts.file, root: resolveRoot(root))
    } else {
      book = nil
    }
    if case .command(let command) = settings.copy {
      asking = CopyAsking(command)
    } else {
      asking = nil
    }
  }

  // MARK: - Looking

  func begin(
    _ evidence: inout Evidence, of name: EntryName, isHalfRemoved: Bool, at spot: Spot
  ) {
    if ClaimName(name) != nil { evidence.claim = .found }
  }

  func gather(
    _ stage: Judgement.Stage, of name: EntryName, at spot: Spot, into evidence: inout Evidence
  ) -> Bool {
    guard let facts = try? status(of: name, at: spot.directory.descriptor),
      facts.type == .regular
    else { return false }
    switch stage {
    case .files: evidence.ofKind.files?.facts = FilesEvidence.Facts(facts)
    case .copy: evidence.ofKind.files?.copy = copy(of: evidence.entry.name, name, facts, at: spot)
    default: return false
    }
    return true
  }

  private func copy(
    of original: EntryName, _ name: EntryName, _ facts: FileStatus, at spot: Spot
  ) -> FilesEvidence.Copy {
    let path = spot.path(original)
    if let book {
      return book.arrival(of: path, facts).map { .proved($0) }
        ?? .none("no receipt for it as it is", until: nil)
    }
    guard let asking else { return .none("nothing proves one", until: nil) }
    return asking.copy(
      .init(path: path, file: FilePath(spot.directory.path(of: name)), facts: facts))
  }

  func examineFile(
    _ name: EntryName, _ request: LookRequest, at spot: Spot, _ examination: Examination
  ) -> Examined? { nil }

  func tidy(
    _ look: inout Look, _ verdict: Verdict, mayTakeTime: Bool, _ examination: Examination
  ) -> Examined? { nil }

  // MARK: - Claiming

  /// Nobody has opened it since it was looked at, or written to it.
  private struct Hold: ClaimHold {
    let file: Descriptor
    let facts: FilesEvidence.Facts
    let sequel: Sequel?

    var isStillRight: Bool {
      guard let there = try? status(of: file), there.size == facts.size,
        there.modification == facts.written
      else { return false }
      return probeOpen(file) == .notOpen
    }

    func release() {}
  }

  func holdForClaim(_ look: Look, mayWait: Bool) -> (any ClaimHold)? {
    guard let file = look.gathering.directory, let own = look.evidence.ofKind.files,
      let facts = own.facts, let there = try? status(of: file)
    else { return nil }
    let path = look.spot.path(look.original)
    var isProved = false
    if case .proved? = own.copy {
      isProved = true
      // The claim will change its change time: so this is asked now, for the last time.
      let isProvedStill =
        book.map { $0.arrival(of: path, there) != nil } ?? asking?.isProved(path, there) ?? false
      guard isProvedStill else { return nil }
    }
    var sequel: Sequel?
    if look.evidence.demand?.cause == .pressure, !isProved, !settings.references.isEmpty {
      let root = look.spot.directory.pathBytes.dropLast(
        look.spot.place.isEmpty ? 0 : look.spot.place.count + 1)
      let cleaning = ReferenceCleaning(
        references: settings.references, root: FilePath(root), file: path)
      sequel = { cleaning.run() }
    }
    let hold = Hold(file: file, facts: facts, sequel: sequel)
    return hold.isStillRight ? hold : nil
  }

  func join(_ claimed: EntryName, into original: EntryName, at spot: Spot) -> Joining? { nil }

  func facts(of spot: Spot) -> PlaceFacts? { nil }

  func follower(of root: WatchedRoot) -> (any KindFollower)? { FilesFollower(root, self) }
}

extension FilesEvidence.Facts {
  init(_ facts: FileStatus) {
    self.init(
      size: facts.size, allocated: facts.allocated, links: facts.links,
      written: facts.modification)
  }
}
