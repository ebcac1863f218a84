// The one thread that reads inotify events, and sets and ends the watches.

import CLinuxShims
import Glibc
package import ReapRules
import Synchronization

/// Reads inotify events and nothing else; whoever acts on them does so elsewhere.
package final class INotifyThread: @unchecked Sendable {
  /// Messages of one wake-up, and the monotonic instant (ns) at which they were read.
  package typealias Sink = @Sendable ([WatchMessage], Int64) -> Void

  package struct StartFailure: Error, Equatable, CustomStringConvertible {
    package let description: String
    /// The errno, where one says why.
    package var code: Int32 = 0
  }

  private enum Command: Sendable {
    case watch(path: FilePath, token: UInt64, WatchPurpose)
    case unwatch(WatchHandle, token: UInt64, closing: Int32?)
    case stop
  }

  /// Answers are handed over in portions, so that whoever asked for many works on meanwhile.
  private static let answerBatch = 64
  private struct Commands {
    var queue: [Command] = []
    var isHeld = false
  }

  private let commands = Mutex(Commands())
  private let wakeUp: Int32
  private let mounts: Int32
  private let sink: Sink

  // Owned by the thread from here on.
  private var instance: INotifyInstance
  private var watches = WatchTable()
  private var thread = pthread_t()

  /// Starts the thread. Call it before descriptors pile up: the instance needs a low number.
  package init(sink: @escaping Sink) throws(StartFailure) {
    self.sink = sink
    wakeUp = shim_eventfd()
    mounts = unsafe open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)
    guard wakeUp >= 0 else { throw StartFailure(description: "no eventfd: \(systemText(errno))") }
    instance = try INotifyInstance()
    let box = unsafe Unmanaged.passRetained(self)
    let code = unsafe pthread_create(
      &thread, nil,
      { raw in
        unsafe shim_name_thread("inotify")
        unsafe Unmanaged<INotifyThread>.fromOpaque(raw!).takeRetainedValue().run()
        return nil
      }, unsafe box.toOpaque())
    guard code == 0 else {
      unsafe box.release()
      throw StartFailure(description: "no thread for inotify: \(systemText(code))")
    }
  }

  /// Whether it would tell of a change of the mount table.
  package var seesMounts: Bool { mounts >= 0 }

  /// Asks for a watch; `.armed` answers, and events of it follow that answer.
  package func watch(path: String, token: UInt64, _ purpose: WatchPurpose) {
    watch(path: FilePath(path), token: token, purpose)
  }

  package func watch(path: FilePath, token: UInt64, _ purpose: WatchPurpose) {
    post(.watch(path: path, token: token, purpose))
  }

  /// Ends a watch; what it told and was not handed over yet is dropped.
  ///
  /// - Parameter closing: a descriptor of the watched file that is given up with it. Closed any
  ///   earlier, that would be told as somebody's close.
  package func unwatch(_ handle: WatchHandle, token: UInt64, closing: Int32? = nil) {
    post(.unwatch(handle, token: token, closing: closing))
  }

  /// Ends the thread and waits for it.
  package func stop() {
    post(.stop)
    pthread_join(thread, nil)
  }

  /// Collects commands until `flush`, so that many of them wake the thread once.
  package func hold() { commands.withLock { $0.isHeld = true } }

  package func flush() {
    let isFilled = commands.withLock { commands in
      commands.isHeld = false
      return !commands.queue.isEmpty
    }
    if isFilled { wake() }
  }

  private func post(_ command: Command) {
    let isFirst = commands.withLock { commands in
      commands.queue.append(command)
      return !commands.isHeld && commands.queue.count == 1
    }
    if isFirst { wake() }
  }

  /// What the thread asks of itself, it works off before it waits again.
  private func wake() {
    guard pthread_equal(thread, pthread_self()) == 0 else { return }
    var one: UInt64 = 1
    _ = unsafe write(wakeUp, &one, MemoryLayout.size(ofValue: one))
  }

  // MARK: - The thread

  private func run() {
    var polled = [
      pollfd(fd: instance.descriptor, events: Int16(POLLIN), revents: 0),
      pollfd(fd: wakeUp, events: Int16(POLLIN), revents: 0),
      pollfd(fd: mounts, events: Int16(POLLPRI), revents: 0),
    ]
    while true {
      guard unsafe poll(&polled, 3, -1) > 0 else { continue }
      var messages: [WatchMessage] = []
      if polled[0].revents != 0 {
        instance.drain { append($0, to: &messages) }
      }
      if polled[2].revents != 0 { messages.append(.mountsChanged) }
      let arrival = Self.monotonic()
      if !messages.isEmpty { sink(messages, arrival) }
      var isRung = polled[1].revents != 0
      if isRung {
        var count: UInt64 = 0
        _ = unsafe read(wakeUp, &count, MemoryLayout.size(ofValue: count))
      }
      while let queue = asked(evenIfHeld: isRung) {
        isRung = false
        guard obey(queue, arrival) else { return shutDown() }
      }
    }
  }

  /// What is to be done now; nil where there is nothing, or more of it is being collected.
  ///
  /// - Parameter evenIfHeld: somebody has asked for it to be done, and collects the next already.
  private func asked(evenIfHeld: Bool) -> [Command]? {
    commands.withLock { commands in
      guard !commands.queue.isEmpty, evenIfHeld || !commands.isHeld else { return nil }
      defer { commands.queue = [] }
      return commands.queue
    }
  }

  /// Carries out what was asked; false when asked to stop.
  private func obey(_ queue: [Command], _ arrival: Int64) -> Bool {
    var answers: [WatchMessage] = []
    for command in queue {
      switch command {
      case .watch(let path, let token, let purpose):
        answers.append(.armed(token: token, add(path, token, purpose)))
        if answers.count >= Self.answerBatch {
          sink(answers, arrival)
          answers = []
        }
      case .unwatch(let handle, let token, let descriptor):
        remove(handle, token)
        if let descriptor { close(descriptor) }
      case .stop: return false
      }
    }
    if !answers.isEmpty { sink(answers, arrival) }
    return true
  }

  private func add(
    _ path: FilePath, _ token: UInt64, _ purpose: WatchPurpose
  ) -> Result<WatchHandle, WatchFailure> {
    instance.add(path, purpose).map { descriptor in
      watches.add(descriptor, token, isDirectory: purpose.isOfDirectory)
      return WatchHandle(descriptor: descriptor)
    }
  }

  private func remove(_ handle: WatchHandle, _ token: UInt64) {
    // Of a watch that the kernel has ended, it may not have been told yet: the number is not another
    // one's for a long time.
    if watches.remove(handle.descriptor, token) == .last { instance.remove(handle.descriptor) }
  }

  private func append(
    _ event: borrowing INotifyEvent, to messages: inout [WatchMessage]
  ) {
    let (descriptor, mask) = (event.watch, event.mask)
    if mask & IN_Q_OVERFLOW != 0 { return messages.append(.overflow) }
    guard let watch = watches[descriptor] else { return }
    let further = watches.further(descriptor)
    /// The usual watch has one token, and allocates nothing here.
    func tell(_ message: (UInt64) -> WatchMessage) {
      messages.append(message(watch.token))
      for token in further { messages.append(message(token)) }
    }
    if mask & IN_IGNORED != 0 {
      watches.end(descriptor)
      return tell { .lost(token: $0) }
    }
    guard watch.isDirectory else {
      if mask & (IN_CLOSE_WRITE | IN_CLOSE_NOWRITE) != 0 { return tell { .closed(token: $0) } }
      // A writer at full speed makes one per write(2); one between two others says as much.
      let last = messages.last
      if last != .changed(token: watch.token) { messages.append(.changed(token: watch.token)) }
      for token in further where last != .changed(token: token) {
        messages.append(.changed(token: token))
      }
      return
    }
    if mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT) != 0 {
      return tell { .lost(token: $0) }
    }
    guard let change = Self.change(mask, hasName: event.hasName) else { return }
    let (name, isDirectory) = (event.name, event.isOfDirectory)
    tell { .entry(token: $0, name: name, isDirectory: isDirectory, change) }
  }

  /// What happened to an entry; nil where nothing did that matters.
  private static func change(_ mask: Int32, hasName: Bool) -> WatchMessage.Change? {
    if mask & IN_CREATE != 0 { return .created }
    if mask & IN_MOVED_TO != 0 { return .movedIn }
    if mask & IN_MOVED_FROM != 0 { return .movedOut }
    if mask & IN_DELETE != 0 { return .removed }
    if mask & IN_CLOSE_WRITE != 0 { return .written }
    if mask & IN_MODIFY != 0 { return .modified }
    return mask & IN_ATTRIB != 0 && hasName ? .attributes : nil
  }

  private func shutDown() {
    instance.close()
    close(wakeUp)
    if mounts >= 0 { close(mounts) }
  }

  private static func monotonic() -> Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
