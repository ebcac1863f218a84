import OwnedDirectories
package import ReapRules
import Synchronization

/// The mode of a claimed directory from just before its first file goes: what has it may be half
/// removed, also after a crash, and must not have its own name again. On directories Linux gives
/// the set-user-ID bit no meaning, so nobody makes one like that, and only its owner could.
let removalMark: UInt32 = 0o5700

/// What this process has decided about candidates and not yet carried out: claimed names that it is
/// removing, and what it has condemned. Claimed names are entered before the rename, so that the
/// events of our own renames are known for what they are.
package final class OwnClaims: Sendable {
  private struct State {
    var removing: Set<CandidatePath> = []
    /// Removals that could not be finished, for file systems on which no mode tells of that.
    var unfinished: Set<CandidatePath> = []
    var condemned: [CandidatePath: Evidence.Condemnation] = [:]
    /// Found to hold what is beyond their owner's reach, after a claim that was undone.
    var foreign: Set<CandidatePath> = []
    /// Names at which workers still look, for a candidate that was forgotten meanwhile.
    var forgotten: Set<CandidatePath> = []
    /// Names that this process gave, until the events of that come.
    var renamed: [CandidatePath: Renamed] = [:]
  }

  /// A directory that this process has given another name.
  struct Renamed: Sendable {
    let identity: FileIdentity
    /// Monotonic; when it was seen to come under the name before, if it was.
    let cameAt: Nanoseconds?
  }

  private let state = Mutex(State())

  package init() {}

  // MARK: - Being removed

  @discardableResult
  package func insert(_ path: CandidatePath) -> Bool {
    state.withLock { $0.removing.insert(path).inserted }
  }

  package func remove(_ path: CandidatePath) { _ = state.withLock { $0.removing.remove(path) } }

  package func contains(_ path: CandidatePath) -> Bool {
    state.withLock { !$0.removing.isEmpty && $0.removing.contains(path) }
  }

  func noteUnfinished(_ path: CandidatePath) { _ = state.withLock { $0.unfinished.insert(path) } }

  func isUnfinished(_ path: CandidatePath) -> Bool {
    state.withLock { !$0.unfinished.isEmpty && $0.unfinished.contains(path) }
  }

  func forgetUnfinished(_ path: CandidatePath) {
    state.withLock { if !$0.unfinished.isEmpty { $0.unfinished.remove(path) } }
  }

  // MARK: - Forgotten during a look

  /// What a worker may find under the name has come a moment ago.
  func noteForgotten(_ path: CandidatePath) { _ = state.withLock { $0.forgotten.insert(path) } }

  func isForgotten(_ path: CandidatePath) -> Bool {
    state.withLock { !$0.forgotten.isEmpty && $0.forgotten.contains(path) }
  }

  /// The look during which the name was forgotten has been answered.
  func endForgotten(_ path: CandidatePath) {
    state.withLock { if !$0.forgotten.isEmpty { $0.forgotten.remove(path) } }
  }

  // MARK: - Renamed by this process

  /// To be called before the rename, whose event may be read before that returns.
  ///
  /// - Parameters:
  ///   - path: the name that it gets: its own one again, or a claimed one.
  ///   - cameAt: monotonic; when it was seen to come under the name that it had, if it was.
  func noteRename(to path: CandidatePath, _ identity: FileIdentity, cameAt: Nanoseconds? = nil) {
    state.withLock { $0.renamed[path] = Renamed(identity: identity, cameAt: cameAt) }
  }

  /// What this process gave that name to; asked once, when something has come under it.
  @discardableResult
  func takeRename(to path: CandidatePath) -> Renamed? {
    state.withLock { $0.renamed.isEmpty ? nil : $0.renamed.removeValue(forKey: path) }
  }

  /// Whether this process has just given that name to that directory.
  func hasRenamed(_ identity: FileIdentity, to path: CandidatePath) -> Bool {
    state.withLock { $0.renamed[path]?.identity == identity }
  }

  // MARK: - Condemned

  package func condemn(_ path: CandidatePath, _ condemnation: Evidence.Condemnation) {
    state.withLock { $0.condemned[path] = condemnation }
  }

  package func condemnation(of path: CandidatePath) -> Evidence.Condemnation? {
    state.withLock { $0.condemned.isEmpty ? nil : $0.condemned[path] }
  }

  /// Ends a condemnation; nil where the path was not condemned.
  @discardableResult
  func reprieve(_ path: CandidatePath) -> Evidence.Condemnation? {
    state.withLock { $0.condemned.isEmpty ? nil : $0.condemned.removeValue(forKey: path) }
  }

  /// Asked at each turn of the reaper.
  var hasCondemned: Bool { state.withLock { !$0.condemned.isEmpty } }

  /// Everything condemned, as it stands for room.
  var condemned: [Retention.Member<CandidatePath>] {
    state.withLock {
      $0.condemned.map {
        Retention.Member($0.key, .expendable(rank: 0), since: $0.value.since)
      }
    }
  }

  // MARK: - Beyond its owner's reach

  /// Whoever makes more such names than this has some of them claimed and put back once more.
  private static let rememberedForeign = 10_000

  func noteForeign(_ path: CandidatePath) {
    state.withLock { state in
      if state.foreign.count >= Self.rememberedForeign { state.foreign.removeAll() }
      state.foreign.insert(path)
    }
  }

  func forgetForeign(_ path: CandidatePath) {
    state.withLock { if !$0.foreign.isEmpty { $0.foreign.remove(path) } }
  }

  func isForeign(_ path: CandidatePath) -> Bool {
    state.withLock { !$0.foreign.isEmpty && $0.foreign.contains(path) }
  }
}
