// The events of one stream between the inotify thread and its consumer, bounded.

import OwnedDirectories
import Synchronization

final class EventQueue: Sendable {
  fileprivate struct State {
    var events: [WatchEvents.Event] = []
    /// The first of them that was not taken.
    var next = 0
    /// Events were dropped: a rescan comes after those that are there.
    var hasLost = false
    var waiting: CheckedContinuation<WatchEvents.Event?, Never>?
    var isClosed = false
    var handles: [Int: WatchHandle] = [:]
    var unanswered: Int
  }

  private let paths: [(path: String, purpose: WatchPurpose)]
  private let state: Mutex<State>
  private let channel = Mutex<WatchChannel?>(nil)

  init(_ directories: [String], _ files: [String]) {
    paths = directories.map { ($0, .directory) } + files.map { ($0, .followed) }
    state = Mutex(State(unanswered: paths.count))
  }

  func open(_ hub: WatchHub) {
    // Kept by the hub until `close`, and by a delivery that is under way then.
    let made = hub.channel { messages, _ in self.take(messages) }
    channel.withLock { $0 = made }
    for (index, (path, purpose)) in paths.enumerated() {
      made.watch(path: path, token: UInt32(index), purpose)
    }
    if paths.isEmpty { add([.rescan]) }
  }

  func next() async -> WatchEvents.Event? {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let answer = state.withLock { state -> WatchEvents.Event?? in
          if state.isClosed { return .some(nil) }
          if let event = state.take() { return event }
          state.waiting = continuation
          return nil
        }
        if let answer { continuation.resume(returning: answer) }
      }
    } onCancel: {
      close()
    }
  }

  func close() {
    let (waiting, handles) = state.withLock { state in
      state.isClosed = true
      defer {
        state.waiting = nil
        state.handles = [:]
      }
      return (state.waiting, state.handles)
    }
    waiting?.resume(returning: nil)
    channel.withLock { channel in
      for (index, handle) in handles { channel?.unwatch(handle, token: UInt32(index)) }
      channel?.close()
    }
  }

  private func take(_ messages: [WatchMessage]) {
    var events: [WatchEvents.Event] = []
    for message in messages {
      switch message {
      case .entry(let token, let name, let isDirectory, let change):
        let change: WatchEvents.Change? =
          switch change {
          case .created: .created
          case .movedIn: .movedIn
          case .movedOut: .movedOut
          case .removed: .removed
          case .written, .modified, .attributes: nil  // not asked for
          }
        guard let change else { continue }
        events.append(
          .entry(directory: path(token), name: name, isDirectory: isDirectory, change))
      case .changed(let token): events.append(.changed(file: path(token)))
      case .closed(let token): events.append(.closed(file: path(token)))
      case .armed(let token, let result):
        if case .failure(let failure) = result {
          events.append(.ended(path: path(token), reason: errorText(failure.code)))
        }
        let (isLast, isClosed) = state.withLock { state in
          if case .success(let handle) = result, !state.isClosed {
            state.handles[Int(token)] = handle
          }
          state.unanswered -= 1
          return (state.unanswered == 0, state.isClosed)
        }
        if isLast { events.append(.rescan) }
        // Nobody else ends a watch that is answered now.
        if isClosed, case .success(let handle) = result { unwatch(handle, token) }
      case .lost(let token):
        let handle = state.withLock { $0.handles.removeValue(forKey: Int(token)) }
        // A directory that was moved is still watched, under a path that it has no more.
        guard let handle else { continue }
        unwatch(handle, token)
        events.append(.ended(path: path(token), reason: "it was removed or moved"))
      case .overflow: events.append(.rescan)
      case .mountsChanged: break
      }
    }
    add(events)
  }

  private func unwatch(_ handle: WatchHandle, _ token: UInt64) {
    channel.withLock { $0?.unwatch(handle, token: UInt32(truncatingIfNeeded: token)) }
  }

  private func path(_ token: UInt64) -> String {
    let path = paths[Int(token)].path
    return path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
  }

  private func add(_ events: [WatchEvents.Event]) {
    let resumed = state.withLock {
      state -> (CheckedContinuation<WatchEvents.Event?, Never>, WatchEvents.Event)? in
      for event in events {
        if state.hasLost || state.events.count - state.next >= WatchEvents.bufferLimit {
          state.hasLost = true
        } else {
          state.events.append(event)
        }
      }
      guard let waiting = state.waiting, let event = state.take() else { return nil }
      state.waiting = nil
      return (waiting, event)
    }
    if let (continuation, event) = resumed { continuation.resume(returning: event) }
  }
}

extension EventQueue.State {
  /// The oldest event; after the last one, the rescan that stands for what was dropped.
  fileprivate mutating func take() -> WatchEvents.Event? {
    guard next < events.count else {
      guard hasLost else { return nil }
      hasLost = false
      return .rescan
    }
    defer {
      next += 1
      // A consumer that never quite catches up must not make it grow.
      if next == events.count || next >= 4096 && next * 2 > events.count {
        events.removeFirst(next)
        next = 0
      }
    }
    return events[next]
  }
}
