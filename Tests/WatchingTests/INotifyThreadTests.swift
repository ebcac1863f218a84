// The inotify thread against the real kernel: nothing lost in bursts, leaks bounded, hard links.

import Foundation
import Glibc
import Synchronization
import Testing

@testable import Watching

/// What a thread reported so far.
private final class Reports: Sendable {
  private let messages = Mutex<[WatchMessage]>([])

  func add(_ more: [WatchMessage]) { messages.withLock { $0 += more } }

  var all: [WatchMessage] { messages.withLock { $0 } }

  /// The handle that answered a token, waited for.
  func handle(of token: UInt64) -> WatchHandle? {
    var found: WatchHandle?
    _ = wait {
      for case .armed(token, .success(let handle)) in all { found = handle }
      return found != nil
    }
    return found
  }

  func closes(of token: UInt64) -> Int { all.count { $0 == .closed(token: token) } }
}

private func wait(until condition: () -> Bool) -> Bool {
  let end = Date().addingTimeInterval(20)
  while !condition() {
    if Date() > end { return false }
    usleep(1000)
  }
  return true
}

private func touch(_ path: String) {
  close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600))
}

// libinotifytools has one instance in a process, so these run one after the other.
@Suite("The inotify thread", .serialized)
struct INotifyThreadTests {
  let directory: String

  init() {
    var template = Array("/var/tmp/reapd-watching.XXXXXX".utf8CString)
    directory = String(cString: mkdtemp(&template))
  }

  private func withThread(
    leakLimit: Int = INotifyThread.toleratedLeaks, _ body: (INotifyThread, Reports) throws -> Void
  ) throws {
    let reports = Reports()
    let thread = try INotifyThread(leakLimit: leakLimit) { messages, _ in reports.add(messages) }
    defer {
      thread.stop()
      try? FileManager.default.removeItem(atPath: directory)
    }
    try body(thread, reports)
  }

  @Test("reports every entry of a burst larger than one read, in order")
  func bursts() throws {
    try withThread { thread, reports in
      thread.watch(path: directory + "/", token: 1, .directory)
      #expect(reports.handle(of: 1) != nil)
      let names = (0..<6000).map { "entry-\($0)-" + String(repeating: "x", count: $0 % 200) }
      for name in names { mkdir(directory + "/" + name, 0o700) }
      func seen() -> [String] {
        reports.all.compactMap {
          guard case .entry(1, let name, true, .created) = $0 else { return nil }
          return String(decoding: name, as: UTF8.self)
        }
      }
      #expect(wait { seen().count == names.count })
      #expect(seen() == names)
    }
  }

  @Test("reports what happens to a followed file, also where its closes are watched besides")
  func followed() throws {
    try withThread { thread, reports in
      let path = directory + "/log"
      touch(path)
      thread.watch(path: path, token: 1, .heldFile)
      thread.watch(path: path, token: 2, .followed)
      #expect(reports.handle(of: 1) != nil)
      #expect(reports.handle(of: 2) != nil)
      func changes() -> Int { reports.all.count { $0 == .changed(token: 2) } }
      let file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
      write(file, "a", 1)
      #expect(wait { changes() == 1 })
      ftruncate(file, 0)
      #expect(wait { changes() == 2 })
      rename(path, path + ".1")
      #expect(wait { changes() == 3 })
      close(file)
      #expect(wait { reports.closes(of: 1) == 1 && reports.closes(of: 2) == 1 })
    }
  }

  /// Makes so many records leak, which is too many: the kernel ends the watch on a file that is
  /// removed, and the library keeps its record. Waits for the new instance.
  private func leak(
    _ count: Int, round: Int, _ thread: INotifyThread, _ reports: Reports
  ) throws {
    for number in 0..<count {
      let path = "\(directory)/\(round)-\(number)"
      touch(path)
      let token = UInt64(round * 1000 + number)
      thread.watch(path: path, token: token, .writers)
      try #require(reports.handle(of: token) != nil, "deaf in round \(round)")
      unlink(path)
    }
    try #require(
      wait { reports.all.count { $0 == .rebuilt } == round }, "deaf after round \(round)")
  }

  @Test("is made anew when too many records have leaked, and works as before")
  func leaks() throws {
    try withThread(leakLimit: 50) { thread, reports in
      for round in 1...3 {
        try leak(60, round: round, thread, reports)
        let instance = descriptors().filter { $0.target == "anon_inode:inotify" }
        #expect(instance.count == 1)
        #expect(instance.allSatisfy { $0.number < 1024 })
        #expect(instance.allSatisfy { fcntl($0.number, F_GETFD) & FD_CLOEXEC != 0 })
      }
      thread.watch(path: directory + "/", token: 9, .directory)
      #expect(reports.handle(of: 9) != nil)
      touch(directory + "/after")
      let name = Array("after".utf8)
      #expect(
        wait {
          reports.all.contains(.entry(token: 9, name: name, isDirectory: false, .created))
        })
    }
  }

  @Test("is not made anew for many watches on one directory, which a new one would have as well")
  func manyOnOne() throws {
    try withThread(leakLimit: 10) { thread, reports in
      for token in 1...100 { thread.watch(path: directory + "/", token: UInt64(token), .directory) }
      #expect(reports.handle(of: 100) != nil)
      touch(directory + "/entry")
      let name = Array("entry".utf8)
      #expect(
        wait {
          reports.all.contains(.entry(token: 100, name: name, isDirectory: false, .created))
        })
      #expect(!reports.all.contains(.rebuilt))
      // What is left behind by those that have ended counts.
      for round in 1...3 {
        let tokens = (1...50).map { UInt64(round * 1000 + $0) }
        for token in tokens { thread.watch(path: directory + "/", token: token, .directory) }
        for token in tokens {
          guard let handle = reports.handle(of: token) else { continue }
          thread.unwatch(handle, token: token)
        }
      }
      #expect(wait { reports.all.contains(.rebuilt) })
    }
  }

  @Test("is made anew though every low number is taken, and others take each one that is free")
  func contendedNumbers() throws {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = min(limit.rlim_max, 16_384)
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    try withThread(leakLimit: 2) { thread, reports in
      var taken: [Int32] = []
      repeat {
        taken.append(open("/dev/null", O_RDONLY | O_CLOEXEC))
        try #require(taken.last! >= 0, "a limit of 1,100 descriptors is needed")
      } while taken.last! < 1100
      defer { for number in taken { close(number) } }
      let isOver = Atomic(false)
      let others = (0..<2).map { _ in
        let other = Thread {
          while !isOver.load(ordering: .relaxed) { close(open("/dev/null", O_RDONLY | O_CLOEXEC)) }
        }
        other.start()
        return other
      }
      defer {
        isOver.store(true, ordering: .relaxed)
        #expect(wait { others.allSatisfy(\.isFinished) })
      }
      for round in 1...50 { try leak(3, round: round, thread, reports) }
      let instances = descriptors().filter { $0.target == "anon_inode:inotify" }
      #expect(instances.count == 1 && instances.allSatisfy { $0.number < 1024 })
    }
  }

  @Test("tells every token of an inode with several names, and ends them one by one")
  func hardLinks() throws {
    try withThread { thread, reports in
      let (one, two) = (directory + "/one", directory + "/two")
      touch(one)
      link(one, two)
      thread.watch(path: one, token: 1, .heldFile)
      thread.watch(path: two, token: 2, .heldFile)
      let first = try #require(reports.handle(of: 1))
      #expect(reports.handle(of: 2) != nil)
      touch(one)
      #expect(wait { reports.closes(of: 1) == 1 && reports.closes(of: 2) == 1 })
      thread.unwatch(first, token: 1)
      thread.watch(path: directory + "/", token: 3, .directory)  // answered after the unwatch
      #expect(reports.handle(of: 3) != nil)
      touch(two)
      #expect(wait { reports.closes(of: 2) == 2 })
      #expect(reports.closes(of: 1) == 1)
    }
  }

  @Test("a path watched again after its record leaked is watched truly")
  func reusedPaths() throws {
    try withThread { thread, reports in
      let path = directory + "/again"
      for token in UInt64(1)...5 {
        touch(path)
        thread.watch(path: path, token: token, .writers)
        #expect(reports.handle(of: token) != nil)
        touch(path)
        #expect(wait { reports.closes(of: token) == 1 })
        unlink(path)
        #expect(wait { reports.all.contains(.lost(token: token)) })
      }
    }
  }

  private func descriptors() -> [(number: Int32, target: String)] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return names.compactMap { name in
      guard let number = Int32(name),
        let target = try? FileManager.default.destinationOfSymbolicLink(
          atPath: "/proc/self/fd/" + name)
      else { return nil }
      return (number, target)
    }
  }
}
