// The one inotify thread of a process, shared: every user of it has a channel of its own.

import Synchronization

/// Hands each message to the channel whose watch it belongs to; what concerns the whole instance
/// (a full queue, mounts) goes to all of them.
package final class WatchHub: Sendable {
  /// Tokens below belong to the tenant (the reaper: 12 bits of root).
  package static let tenantTokens: UInt64 = 0xFFF << 52

  private final class Table: Sendable {
    struct Users {
      var channels: [UInt32: INotifyThread.Sink] = [:]
      var tenant: INotifyThread.Sink?
    }

    let users = Mutex(Users())
    let thread = Mutex<INotifyThread?>(nil)

    func deliver(_ messages: [WatchMessage], _ arrival: Int64) {
      let users = self.users.withLock { $0 }
      if users.channels.isEmpty, let tenant = users.tenant { return tenant(messages, arrival) }
      var parts: [UInt32: [WatchMessage]] = [:]
      var others: [WatchMessage] = []
      let sinks = users.channels
      for message in messages {
        guard let token = message.token else {
          for channel in sinks.keys { parts[channel, default: []].append(message) }
          others.append(message)
          continue
        }
        guard token >= WatchHub.tenantTokens else {
          others.append(message)
          continue
        }
        let channel = UInt32(truncatingIfNeeded: token >> 32 & 0xFFFFF)
        if sinks[channel] != nil {
          parts[channel, default: []].append(message.with(token: token & 0xFFFF_FFFF))
        } else if case .armed(_, .success(let handle)) = message {
          thread.withLock { $0?.unwatch(handle, token: token) }
        }
      }
      for (channel, part) in parts { sinks[channel]?(part, arrival) }
      if !others.isEmpty { users.tenant?(others, arrival) }
    }
  }

  private static let process = Mutex<WatchHub?>(nil)

  private let table = Table()
  private let serial = Mutex<UInt32>(0)
  package let thread: INotifyThread

  private init() throws(INotifyThread.StartFailure) {
    let table = table
    thread = try INotifyThread { table.deliver($0, $1) }
    let thread = thread
    table.thread.withLock { $0 = thread }
  }

  /// The hub of this process; its thread starts with the first use and stays. Use it before many
  /// descriptors are open: inotify needs one below 1024.
  package static func shared() throws(INotifyThread.StartFailure) -> WatchHub {
    try process.withLock { (hub) throws(INotifyThread.StartFailure) in
      if let hub { return hub }
      let made = try WatchHub()
      hub = made
      return made
    }
  }

  /// - Parameter sink: called on the inotify thread; it must not wait for anything.
  package func channel(_ sink: @escaping INotifyThread.Sink) -> WatchChannel {
    let id = serial.withLock { serial in
      serial = (serial + 1) & 0xFFFFF
      return serial
    }
    table.users.withLock { $0.channels[id] = sink }
    return WatchChannel(hub: self, id: id)
  }

  /// For the one user that uses the thread itself, with tokens of its own below `tenantTokens`.
  ///
  /// - Parameter sink: as of a channel; nil ends the use.
  package func setTenant(_ sink: INotifyThread.Sink?) { table.users.withLock { $0.tenant = sink } }

  fileprivate func close(_ id: UInt32) { table.users.withLock { $0.channels[id] = nil } }

  fileprivate static func token(_ channel: UInt32, _ token: UInt32) -> UInt64 {
    tenantTokens | UInt64(channel) << 32 | UInt64(token)
  }
}

/// One user's watches on the shared thread, with tokens of its own.
package struct WatchChannel: Sendable {
  fileprivate let hub: WatchHub
  fileprivate let id: UInt32

  package func watch(path: String, token: UInt32, _ purpose: WatchPurpose) {
    hub.thread.watch(path: path, token: WatchHub.token(id, token), purpose)
  }

  package func unwatch(_ handle: WatchHandle, token: UInt32) {
    hub.thread.unwatch(handle, token: WatchHub.token(id, token))
  }

  /// Nothing arrives any more once this has returned and the call in progress has; end the watches
  /// before.
  package func close() { hub.close(id) }
}

extension WatchMessage {
  /// The token of the watch that the message is about; nil where it is about the whole instance.
  fileprivate var token: UInt64? {
    switch self {
    case .entry(let token, _, _, _), .closed(let token), .changed(let token),
      .armed(let token, _), .lost(let token):
      token
    case .overflow, .mountsChanged: nil
    }
  }

  fileprivate func with(token: UInt64) -> WatchMessage {
    switch self {
    case .entry(_, let name, let isDirectory, let change):
      .entry(token: token, name: name, isDirectory: isDirectory, change)
    case .closed: .closed(token: token)
    case .changed: .changed(token: token)
    case .armed(_, let result): .armed(token: token, result)
    case .lost: .lost(token: token)
    case .overflow, .mountsChanged: self
    }
  }
}
