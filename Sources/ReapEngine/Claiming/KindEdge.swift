import OwnedDirectories
import ReapRules

/// What a kind does about its candidates besides looking: the part of an examination that touches
/// the disk.
protocol KindEdge: KindLook {
  /// Examines a candidate that is a single file; nil where it is none of those.
  func examineFile(
    _ name: EntryName, _ request: LookRequest, at spot: Spot, _ examination: Examination
  ) -> Examined?

  /// Removes what dead writers left in a candidate that is alive; nil where there is nothing to do.
  func tidy(_ look: inout Look, _ verdict: Verdict, mayTakeTime: Bool, _ examination: Examination)
    -> Examined?

  /// Takes what keeps the verdict right until the claim is made; nil where somebody is at work.
  ///
  /// - Parameter mayWait: whether to wait a little for those to be through.
  func holdForClaim(_ look: Look, mayWait: Bool) -> (any ClaimHold)?

  /// Makes one of a claimed half and what stands under its own name; nil where this kind has no
  /// halves.
  func join(_ claimed: EntryName, into original: EntryName, at spot: Spot) -> Joining?

  /// What a directory of candidates says of them, for people; nil where there is nothing.
  func facts(of spot: Spot) -> PlaceFacts?

  /// Archives that contain each other, at a rule's root.
  func growthWarnings(by rule: Rule, at root: OpenRoot) -> [GrowthWarning]
}

extension KindEdge {
  /// Of kinds that keep no archives.
  func growthWarnings(by rule: Rule, at root: OpenRoot) -> [GrowthWarning] { [] }
}

/// Held from the last look to the end of a claim.
protocol ClaimHold {
  /// Whether what the verdict rests on still says the same.
  var isStillRight: Bool { get }

  /// What is to be done once a claimed file is gone; tells people what came of it.
  var sequel: Sequel? { get }

  func release()
}

/// On a worker, after the last byte is gone.
typealias Sequel = @Sendable () -> [String]

extension ClaimHold {
  /// Where nothing follows.
  var sequel: Sequel? { nil }
}

/// What an attempt to join two halves came to.
enum Joining {
  case joined
  /// Both have this entry, below their names: which one is meant is not known.
  case collision([UInt8])
  case failed(SystemError)
}

/// What a directory of candidates says of them, for `explain`.
struct PlaceFacts: Sendable {
  /// One fact a line: what it is, and its words.
  let lines: [(label: String, text: String)]
  let members: [(String, JSONValue)]
}
