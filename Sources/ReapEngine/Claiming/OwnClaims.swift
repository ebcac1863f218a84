package import ReapRules
import Synchronization

/// The claimed names that this process made, by what became of them. Entered before the rename, so
/// that the events of our own renames are known for what they are.
package final class OwnClaims: Sendable {
  private struct State {
    var removing: Set<CandidatePath> = []
    /// In quarantine, and since when (monotonic).
    var waiting: [CandidatePath: Nanoseconds] = [:]
    /// How many in quarantine had each name.
    var absent: [CandidatePath: Int] = [:]
    /// Original names that an operator took out of quarantine.
    var restored: Set<CandidatePath> = []
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

  // MARK: - In quarantine

  func quarantine(_ path: CandidatePath, since: Nanoseconds) {
    state.withLock { state in
      guard state.waiting.updateValue(since, forKey: path) == nil, let original = path.original
      else { return }
      state.absent[original, default: 0] += 1
    }
  }

  /// False where it was not in quarantine.
  @discardableResult
  func endQuarantine(_ path: CandidatePath) -> Bool {
    state.withLock { state in
      guard state.waiting.removeValue(forKey: path) != nil else { return false }
      if let original = path.original, let count = state.absent[original] {
        state.absent[original] = count > 1 ? count - 1 : nil
      }
      return true
    }
  }

  func quarantined(_ path: CandidatePath) -> Nanoseconds? {
    state.withLock { $0.waiting.isEmpty ? nil : $0.waiting[path] }
  }

  /// Everything in quarantine, oldest first.
  var inQuarantine: [CandidatePath] {
    state.withLock { $0.waiting.sorted { $0.value < $1.value }.map(\.key) }
  }

  // MARK: - Restored by hand

  /// Somebody else renamed what was in quarantine.
  func noteRestored(_ original: CandidatePath) {
    _ = state.withLock { $0.restored.insert(original) }
  }

  func forgetRestored(_ original: CandidatePath) {
    state.withLock { if !$0.restored.isEmpty { $0.restored.remove(original) } }
  }

  /// What stands here although this process has it in quarantine was restored, too: the event that
  /// tells is still to come, or was lost.
  func isRestored(_ original: CandidatePath) -> Bool {
    state.withLock {
      (!$0.restored.isEmpty && $0.restored.contains(original))
        || (!$0.absent.isEmpty && $0.absent[original] != nil)
    }
  }
}

extension CandidatePath {
  /// Where a claimed name was before its claim; nil for every other name.
  fileprivate var original: CandidatePath? { ClaimName(name).map { renamed($0.original) } }
}
