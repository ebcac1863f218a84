package import ReapRules
import Synchronization

/// The claimed names that this process made, by what became of them. Entered before the rename, so
/// that the events of our own renames are known for what they are.
package final class OwnClaims: Sendable {
  private struct State {
    var removing: Set<CandidatePath> = []
    /// In quarantine, and since when (monotonic).
    var waiting: [CandidatePath: Nanoseconds] = [:]
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
    state.withLock { $0.waiting[path] = since }
  }

  /// False where it was not in quarantine.
  @discardableResult
  func endQuarantine(_ path: CandidatePath) -> Bool {
    state.withLock { $0.waiting.removeValue(forKey: path) != nil }
  }

  func quarantined(_ path: CandidatePath) -> Nanoseconds? {
    state.withLock { $0.waiting.isEmpty ? nil : $0.waiting[path] }
  }

  /// Everything in quarantine, oldest first.
  var inQuarantine: [CandidatePath] {
    state.withLock { $0.waiting.sorted { $0.value < $1.value }.map(\.key) }
  }

  /// Stands for the beginning of a quarantine that is over for good: what could not be removed.
  static let overForGood = Nanoseconds.min / 2

  /// Whether anything of it may go for want of room. Asked at each turn of the reaper.
  var hasRemovable: Bool {
    state.withLock { $0.waiting.values.contains { $0 != Self.overForGood } }
  }

  /// Everything in quarantine without what waits for an obstacle to be gone, oldest first.
  var removable: [CandidatePath] {
    state.withLock { state in
      state.waiting.filter { $0.value != Self.overForGood }.sorted { $0.value < $1.value }
        .map(\.key)
    }
  }

  // MARK: - Restored by hand

  /// Somebody else renamed what was in quarantine.
  func noteRestored(_ original: CandidatePath) {
    _ = state.withLock { $0.restored.insert(original) }
  }

  func forgetRestored(_ original: CandidatePath) {
    state.withLock { if !$0.restored.isEmpty { $0.restored.remove(original) } }
  }

  func isRestored(_ original: CandidatePath) -> Bool {
    state.withLock { !$0.restored.isEmpty && $0.restored.contains(original) }
  }
}
