// The one file behind which libinotifytools lives, on the one thread that may call it.
//
// What it has to live with (libinotifytools 3.22.6): one global instance, not thread-safe; events
// point into a static buffer; next_event blocks in whole seconds, through select, so it is called
// only when something is there and the descriptor must lie below 1024; a watch that the kernel
// removed leaks its record, so the instance is made anew when too many have.

import CInotifyTools
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

  /// A leaked record is about 240 bytes (measured): 2.4 MB, or as much as the watches that are used.
  package static let toleratedLeaks = 10_000
  /// How often a new instance is tried for where none could be had, ms.
  private static let retryInterval: Int32 = 1000
  /// Answers are handed over in portions, so that whoever asked for many works on meanwhile.
  private static let answerBatch = 64
  /// select(2) cannot take a descriptor at or above FD_SETSIZE.
  private static let selectLimit: Int32 = 1024
  private static let reserveCount = 16

  /// Added to what is asked for already: one directory may be a root and above another one.
  private static let directoryFlags =
    Int32(bitPattern: UInt32(IN_ONLYDIR)) | Int32(bitPattern: UInt32(IN_MASK_ADD))

  /// The same inode may be followed and have its closes watched.
  private static let addingFlag = Int32(bitPattern: UInt32(IN_MASK_ADD))

  private struct Commands {
    var queue: [Command] = []
    var isHeld = false
  }

  private let commands = Mutex(Commands())
  private let wakeUp: Int32
  private let mounts: Int32
  private let sink: Sink
  private let leakLimit: Int

  // Owned by the thread from here on.
  private var inotify: Int32 = -1
  private var instance: Int32 = 0
  private var tokens: [Int32: UInt64] = [:]
  /// Watch descriptors of directories; the others are of files.
  private var directories: Set<Int32> = []
  /// Tokens of further watches on an inode that is already watched (hard links, directories above
  /// several roots).
  private var further: [Int32: [UInt64]] = [:]
  private var furtherCount = 0
  private var leaks = 0
  /// Tells paths apart that would be spelled the same.
  private var serial: UInt64 = 0
  /// Kept so that a later instance finds a number below the limit of select; several, since another
  /// thread may take the one that was just closed.
  private var reserves: [Int32] = []
  private var isDeaf = false
  private var thread = pthread_t()

  /// Starts the thread. Call it before descriptors pile up: the instance needs a low number.
  package init(leakLimit: Int = INotifyThread.toleratedLeaks, sink: @escaping Sink)
    throws(StartFailure)
  {
    self.sink = sink
    self.leakLimit = leakLimit
    wakeUp = shim_eventfd()
    mounts = unsafe open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)
    guard wakeUp >= 0 else { throw StartFailure(description: "no eventfd: \(Self.text(errno))") }
    try initialise()
    fillReserves()
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
      throw StartFailure(description: "no thread for inotify: \(Self.text(code))")
    }
  }

  /// Asks for a watch; `.armed` answers, and events of it follow that answer.
  package func watch(path: String, token: UInt64, _ purpose: WatchPurpose) {
    watch(path: FilePath(path), token: token, purpose)
  }

  package func watch(path: FilePath, token: UInt64, _ purpose: WatchPurpose) {
    post(.watch(path: path, token: token, purpose))
  }

  /// Ends a watch. Do so before the file goes: a watch that the kernel ends leaks its record.
  ///
  /// - Parameter closing: a descriptor of the watched file that is given up with it. Closed any
  ///   earlier it could be the last one, and the kernel would be first.
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

  private func wake() {
    var one: UInt64 = 1
    _ = unsafe write(wakeUp, &one, MemoryLayout.size(ofValue: one))
  }

  // MARK: - The thread

  private func run() {
    var polled = [
      pollfd(fd: inotify, events: Int16(POLLIN), revents: 0),
      pollfd(fd: wakeUp, events: Int16(POLLIN), revents: 0),
      pollfd(fd: mounts, events: Int16(POLLPRI), revents: 0),
    ]
    while true {
      polled[0].fd = inotify
      let isReady = unsafe poll(&polled, 3, inotify < 0 ? Self.retryInterval : -1) > 0
      if inotify < 0 { begin() }
      guard isReady else { continue }
      var messages: [WatchMessage] = []
      if polled[0].revents != 0 { drain(into: &messages) }
      if polled[2].revents != 0 { messages.append(.mountsChanged) }
      let arrival = Self.monotonic()
      if !messages.isEmpty { sink(messages, arrival) }
      if polled[1].revents != 0 {
        guard obey(arrival) else { return shutDown() }
      }
      // As many as there are watches to put anew: so a leak costs no more than one of those.
      // The library keeps a second record for a second watch: a new instance has that again.
      if leaks > max(leakLimit, tokens.count + furtherCount) + furtherCount { rebuild() }
    }
  }

  /// Carries out what was asked; false when asked to stop.
  private func obey(_ arrival: Int64) -> Bool {
    var count: UInt64 = 0
    _ = unsafe read(wakeUp, &count, MemoryLayout.size(ofValue: count))
    let queue = commands.withLock { commands in
      defer { commands.queue = [] }
      return commands.queue
    }
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
        // The library complains on standard error of a watch that the kernel has ended already:
        // then that is among the events.
        if isReadable {
          if !answers.isEmpty { sink(answers, arrival) }
          answers = []
          drain(into: &answers)
          sink(answers, Self.monotonic())
          answers = []
        }
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
    let mask: Int32 =
      switch purpose {
      case .directory:
        IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF
          | IN_ATTRIB | Self.directoryFlags
      case .partition:
        IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF
          | IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB | Self.directoryFlags
      case .ancestor: IN_DELETE_SELF | IN_MOVE_SELF | Self.directoryFlags
      case .parent: IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | Self.directoryFlags
      case .heldFile: IN_CLOSE_WRITE | IN_CLOSE_NOWRITE
      case .writers: IN_CLOSE_WRITE
      case .obstacle: IN_CLOSE_WRITE | IN_CLOSE_NOWRITE | IN_ATTRIB | Self.directoryFlags
      case .followed:
        IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVE_SELF | IN_DELETE_SELF | Self.addingFlag
      }
    guard inotify >= 0 else { return .failure(WatchFailure(code: EMFILE)) }
    let name = unusedName(path.bytes.map { CChar(bitPattern: $0) } + [0])
    guard unsafe inotifytools_watch_file(name, mask) != 0 else {
      return .failure(WatchFailure(code: inotifytools_error()))
    }
    let descriptor = unsafe inotifytools_wd_from_filename(name)
    guard descriptor > 0 else { return .failure(WatchFailure(code: EINVAL)) }
    if tokens[descriptor] != nil {
      further[descriptor, default: []].append(token)
      furtherCount += 1
      leaks += 1
    } else {
      tokens[descriptor] = token
    }
    if [.directory, .partition, .ancestor, .parent].contains(purpose) {
      directories.insert(descriptor)
    }
    return .success(WatchHandle(instance: instance, descriptor: descriptor))
  }

  /// The library finds a watch by its path, and a record that leaked keeps the path it had. So a
  /// path that is taken is spelled differently: `/` and `/./` before it, by the bits of a number.
  private func unusedName(_ path: [CChar]) -> [CChar] {
    guard unsafe inotifytools_wd_from_filename(path) > 0 else { return path }
    serial += 1
    var prefix = ""
    for bit in 0..<(64 - serial.leadingZeroBitCount) {
      prefix += serial >> bit & 1 == 0 ? "/" : "/."
    }
    return (prefix + "/.").utf8.map { CChar(bitPattern: $0) } + path
  }

  private func remove(_ handle: WatchHandle, _ token: UInt64) {
    let descriptor = handle.descriptor
    guard handle.instance == instance, let first = tokens[descriptor] else { return }
    if var others = further[descriptor] {
      // Another lock file is the same inode: the watch stays for that one.
      furtherCount -= others.count
      if first == token { tokens[descriptor] = others.removeLast() }
      others.removeAll { $0 == token }
      furtherCount += others.count
      further[descriptor] = others.isEmpty ? nil : others
      return
    }
    guard first == token else { return }
    tokens[descriptor] = nil
    directories.remove(descriptor)
    if inotifytools_remove_watch_by_wd(descriptor) == 0 { leaks += 1 }
  }

  /// Takes one read's worth of events; call it only when the descriptor is readable.
  ///
  /// The library does not tell when its buffer is used up, and asking for one event too many would
  /// block; so each event is blanked once it was read, and the buffer is used up where no event
  /// follows (no event has mask 0).
  private func drain(into messages: inout [WatchMessage]) {
    while let event = unsafe inotifytools_next_event(1) {
      unsafe append(event, to: &messages)
      let size = unsafe MemoryLayout<inotify_event>.size + Int(event.pointee.len)
      let raw = UnsafeMutableRawPointer(event)
      let next = unsafe (raw + size).assumingMemoryBound(to: inotify_event.self)
      unsafe raw.initializeMemory(as: UInt8.self, repeating: 0, count: size)
      guard unsafe next.pointee.mask != 0 else { return }
    }
  }

  /// Takes every event that is there, for an instance about to be closed: what stays in the
  /// library's buffer would come out of the next one.
  private func drainAll() {
    var stale: [WatchMessage] = []
    while isReadable { drain(into: &stale) }
  }

  private var isReadable: Bool {
    var readable = pollfd(fd: inotify, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&readable, 1, 0) > 0
  }

  private func append(
    _ event: UnsafeMutablePointer<inotify_event>, to messages: inout [WatchMessage]
  ) {
    let mask = unsafe Int32(bitPattern: event.pointee.mask)
    let descriptor = unsafe event.pointee.wd
    if mask & IN_Q_OVERFLOW != 0 { return messages.append(.overflow) }
    guard let token = tokens[descriptor] else { return }
    let all = [token] + (further[descriptor] ?? [])
    if mask & IN_IGNORED != 0 {
      tokens[descriptor] = nil
      directories.remove(descriptor)
      furtherCount -= all.count - 1
      further[descriptor] = nil
      leaks += 1
      return messages += all.map { .lost(token: $0) }
    }
    guard directories.contains(descriptor) else {
      if mask & (IN_CLOSE_WRITE | IN_CLOSE_NOWRITE) != 0 {
        messages += all.map { .closed(token: $0) }
      } else {
        // A writer at full speed makes one per write(2); one between two others says as much.
        messages += all.map { .changed(token: $0) }.filter { messages.last != $0 }
      }
      return
    }
    if mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT) != 0 {
      return messages += all.map { .lost(token: $0) }
    }
    let change: WatchMessage.Change
    if mask & IN_CREATE != 0 {
      change = .created
    } else if mask & IN_MOVED_TO != 0 {
      change = .movedIn
    } else if mask & IN_MOVED_FROM != 0 {
      change = .movedOut
    } else if mask & IN_DELETE != 0 {
      change = .removed
    } else if mask & IN_CLOSE_WRITE != 0 {
      change = .written
    } else if mask & IN_MODIFY != 0 {
      change = .modified
    } else if mask & IN_ATTRIB != 0, unsafe event.pointee.len > 0 {
      change = .attributes
    } else {
      return
    }
    let start = unsafe UnsafeRawPointer(event) + MemoryLayout<inotify_event>.size
    let field = unsafe UnsafeRawBufferPointer(start: start, count: Int(event.pointee.len))
    let name = unsafe Array(field.prefix { $0 != 0 })
    let isDirectory = unsafe event.pointee.mask & UInt32(IN_ISDIR) != 0
    messages += all.map { .entry(token: $0, name: name, isDirectory: isDirectory, change) }
  }

  // MARK: - The instance

  private func initialise() throws(StartFailure) {
    let before = Self.inotifyDescriptors()
    guard inotifytools_initialize() != 0 else {
      let code = inotifytools_error()
      throw StartFailure(description: "no inotify instance: \(Self.text(code))", code: code)
    }
    guard let found = Self.inotifyDescriptors().subtracting(before).first else {
      inotifytools_cleanup()
      throw StartFailure(
        description: "the inotify instance has no descriptor below \(Self.selectLimit)")
    }
    _ = fcntl(found, F_SETFD, FD_CLOEXEC)
    inotify = found
  }

  /// The library does not export its descriptor; /proc shows what each one is.
  private static func inotifyDescriptors() -> Set<Int32> {
    var found: Set<Int32> = []
    for number in 0..<selectLimit {
      var target = [UInt8](repeating: 0, count: 32)
      let length = unsafe target.withUnsafeMutableBytes {
        unsafe readlink("/proc/self/fd/\(number)", $0.baseAddress!, $0.count)
      }
      if length > 0, target[..<length].elementsEqual("anon_inode:inotify".utf8) {
        found.insert(number)
      }
    }
    return found
  }

  /// Gives the leaked records back. Events read so far would survive into the new instance, so
  /// they are drained and dropped; `.rebuilt` asks for everything to be looked at again.
  private func rebuild() {
    drainAll()
    inotifytools_cleanup()
    instance += 1
    tokens = [:]
    directories = []
    further = [:]
    furtherCount = 0
    leaks = 0
    begin()
  }

  /// Where there is no instance to be had, that is told once and tried again.
  private func begin() {
    inotify = -1  // poll(2) passes over it
    var failure: StartFailure?
    repeat {
      if let number = reserves.popLast() { close(number) }
      do {
        try initialise()
        failure = nil
      } catch {
        failure = error
      }
      // Without a code it only has too high a number: somebody took the low one first.
    } while failure?.code == 0 && !reserves.isEmpty
    fillReserves()
    if let failure {
      if !isDeaf { sink([.deaf(failure)], Self.monotonic()) }
      isDeaf = true
    } else {
      isDeaf = false
      sink([.rebuilt], Self.monotonic())
    }
  }

  private func fillReserves() {
    while reserves.count < Self.reserveCount {
      let number = fcntl(wakeUp, F_DUPFD_CLOEXEC, 3)
      guard number >= 0, number < Self.selectLimit else {
        if number >= 0 { close(number) }
        return
      }
      reserves.append(number)
    }
  }

  private func shutDown() {
    drainAll()
    inotifytools_cleanup()
    close(wakeUp)
    if mounts >= 0 { close(mounts) }
    for number in reserves { close(number) }
  }

  private static func monotonic() -> Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  private static func text(_ code: Int32) -> String { unsafe String(cString: strerror(code)) }
}
