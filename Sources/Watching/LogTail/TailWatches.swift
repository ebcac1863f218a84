// The watches of one tail, and what they told since it last looked, merged.

import OwnedDirectories
import Synchronization

/// Everything is told by what to look at, not by what happened: a burst or a loss costs one look.
final class TailWatches: Sendable {
  struct News: Sendable {
    /// Watches of which something is to be looked at.
    var touched: Set<UInt32> = []
    var armed: [(token: UInt32, Result<WatchHandle, WatchFailure>)] = []
    /// Directories that were moved or removed, and files that are gone for good.
    var lost: Set<UInt32> = []
    /// Events are missing: look at everything.
    var isDesynced = false
    var isStopping = false

    var isEmpty: Bool {
      touched.isEmpty && armed.isEmpty && lost.isEmpty && !isDesynced && !isStopping
    }
  }

  private struct State {
    var news = News()
    /// The names in a watched directory that matter.
    var names: [UInt32: Set<[UInt8]>] = [:]
    var isClosed = false
  }

  private let state = Mutex(State())
  private let bell = Mailbox<Void>(limit: 1)
  private let serial = Mutex<UInt32>(0)
  private let channel = Mutex<WatchChannel?>(nil)

  init(_ hub: WatchHub) {
    // Kept by the hub until `close`, and by a delivery that is under way then: what that brings has
    // to be ended, too.
    let made = hub.channel { messages, _ in self.take(messages) }
    channel.withLock { $0 = made }
  }

  /// - Parameter names: what matters in a directory; nil for a file or an ancestor.
  func watch(_ path: String, _ purpose: WatchPurpose, names: Set<[UInt8]>? = nil) -> UInt32 {
    let token = serial.withLock { serial in
      serial += 1
      return serial
    }
    if let names { state.withLock { $0.names[token] = names } }
    channel.withLock { $0?.watch(path: path, token: token, purpose) }
    return token
  }

  func unwatch(_ token: UInt32, _ handle: WatchHandle?) {
    state.withLock { $0.names[token] = nil }
    if let handle { channel.withLock { $0?.unwatch(handle, token: token) } }
  }

  /// Ends a wait for news, with none.
  func wake() { bell.post((), droppable: true) }

  func stop() { add { $0.news.isStopping = true } }

  func close() {
    channel.withLock { $0?.close() }
    state.withLock { $0.isClosed = true }
    endUnseen()
  }

  /// Once it is closed, nobody else ends the watches whose answers were not looked at.
  private func endUnseen() {
    let unseen = state.withLock { state -> [(token: UInt32, Result<WatchHandle, WatchFailure>)] in
      guard state.isClosed else { return [] }
      defer { state.news.armed = [] }
      return state.news.armed
    }
    for case (let token, .success(let handle)) in unseen {
      channel.withLock { $0?.unwatch(handle, token: token) }
    }
  }

  var isStopping: Bool { state.withLock { $0.news.isStopping } }

  /// What there is, waited for until a monotonic instant (ns; nil: for ever).
  func news(until deadline: Int64?, wait: Bool) -> News {
    if wait, state.withLock({ $0.news.isEmpty }) { _ = bell.take(until: deadline) }
    return state.withLock { state in
      let news = state.news
      // Nobody acts on the rest of the last ones: it stays for `close`.
      if !news.isStopping { state.news = News() }
      return news
    }
  }

  private func add(_ change: (inout State) -> Void) {
    let wakes = state.withLock { state in
      let wasEmpty = state.news.isEmpty
      change(&state)
      return wasEmpty && !state.news.isEmpty
    }
    if wakes { bell.post((), droppable: true) }
  }

  private func take(_ messages: [WatchMessage]) {
    add { state in
      for message in messages {
        switch message {
        case .entry(let token, let name, _, _):
          let token = UInt32(truncatingIfNeeded: token)
          if state.names[token]?.contains(name) ?? false { state.news.touched.insert(token) }
        case .changed(let token), .closed(let token):
          state.news.touched.insert(UInt32(truncatingIfNeeded: token))
        case .armed(let token, let result):
          state.news.armed.append((UInt32(truncatingIfNeeded: token), result))
        case .lost(let token): state.news.lost.insert(UInt32(truncatingIfNeeded: token))
        case .overflow: state.news.isDesynced = true
        case .mountsChanged: state.news.isDesynced = true
        }
      }
    }
    endUnseen()
  }
}
