// The inotify thread against the real kernel: nothing lost in bursts, hard links, nothing left
// of watches that are over.

import Foundation
import Glibc
import Synchronization
import Testing

@testable import Watching

/// What a thread reported so far.
private final class Reports: Sendable {
  private let messages = Mutex<[WatchMessage]>([])
  private let isShort = Atomic(false)
  private let answer = Mutex<WatchHandle?>(nil)
  /// The token that was answered last, and the handle.
  let armed = Atomic<UInt64>(0)

  func add(_ more: [WatchMessage]) {
    for case .armed(let token, .success(let handle)) in more {
      answer.withLock { $0 = handle }
      armed.store(token, ordering: .releasing)
    }
    if !isShort.load(ordering: .relaxed) { messages.withLock { $0 += more } }
  }

  /// Where memory is measured.
  func keepsOnlyLast() { isShort.store(true, ordering: .relaxed) }

  var last: WatchHandle? { answer.withLock { $0 } }

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

/// Resident bytes of this process.
private func resident() -> Int {
  let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
  return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 4096
}

private func touch(_ path: String) {
  close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600))
}

/// Every second one is ended by the kernel, with its file.
private func endManyWatches() throws {
  let tests = INotifyThreadTests()
  try tests.withThread { thread, reports in
    let path = tests.directory + "/short"
    func round(_ tokens: Range<UInt64>) throws {
      for token in tokens {
        touch(path)
        thread.watch(path: path, token: token, .writers)
        try #require(wait { reports.armed.load(ordering: .acquiring) == token })
        if token % 2 == 0 { thread.unwatch(try #require(reports.last), token: token) }
        unlink(path)
      }
    }
    reports.keepsOnlyLast()
    try round(1..<2_000)
    let before = resident()
    try round(10_000..<20_000)
    // A record of the library's took 235 bytes: that would be 2.2 MiB.
    let growth = resident() - before
    #expect(growth < 1 << 20)
  }
}

// libinotifytools has one instance in a process, so these run one after the other.
@Suite("The inotify thread", .serialized)
struct INotifyThreadTests {
  let directory: String

  init() {
    var template = Array("/var/tmp/reapd-watching.XXXXXX".utf8CString)
    directory = String(cString: mkdtemp(&template))
  }

  fileprivate func withThread(_ body: (INotifyThread, Reports) throws -> Void) throws {
    let reports = Reports()
    let thread = try INotifyThread { messages, _ in reports.add(messages) }
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

  @Test("has one instance with a number below 1024, which no child process inherits")
  func instance() throws {
    try withThread { _, _ in
      let instance = descriptors().filter { $0.target == "anon_inode:inotify" }
      #expect(instance.count == 1)
      #expect(instance.allSatisfy { $0.number < 1024 })
      #expect(instance.allSatisfy { fcntl($0.number, F_GETFD) & FD_CLOEXEC != 0 })
    }
    #expect(!descriptors().contains { $0.target == "anon_inode:inotify" })
  }

  @Test("a watch that ended keeps no memory, whoever ended it")
  func endedWatches() async {
    // In a process of its own, where no other test takes memory meanwhile.
    await #expect(processExitsWith: .success) { try endManyWatches() }
  }

  @Test("a hundred watches on one directory are all told, and end one by one")
  func manyOnOne() throws {
    try withThread { thread, reports in
      for token in 1...100 { thread.watch(path: directory + "/", token: UInt64(token), .directory) }
      #expect(reports.handle(of: 100) != nil)
      touch(directory + "/entry")
      let name = Array("entry".utf8)
      func told(_ name: [UInt8]) -> [UInt64] {
        reports.all.compactMap {
          guard case .entry(let token, name, false, .created) = $0 else { return nil }
          return token
        }
      }
      #expect(wait { told(name).count == 100 })
      #expect(told(name).sorted() == Array(1...100))
      for token in UInt64(1)...99 {
        thread.unwatch(try #require(reports.handle(of: token)), token: token)
      }
      thread.watch(path: directory + "/entry", token: 200, .writers)  // answered after those
      #expect(reports.handle(of: 200) != nil)
      touch(directory + "/later")
      let later = Array("later".utf8)
      #expect(wait { told(later).count == 1 })
      #expect(told(later).count == 1)
    }
  }

  @Test(
    "ending a watch that the kernel has ended, and of which that is not told yet, harms no other")
  func endedByBoth() throws {
    try withThread { thread, reports in
      for round in UInt64(1)...200 {
        let (gone, kept) = ("\(directory)/gone-\(round)", "\(directory)/kept-\(round)")
        touch(gone)
        touch(kept)
        thread.watch(path: gone, token: round, .writers)
        let handle = try #require(reports.handle(of: round))
        thread.hold()
        unlink(gone)
        thread.unwatch(handle, token: round)
        thread.watch(path: kept, token: 1000 + round, .writers)
        thread.unwatch(handle, token: round)
        thread.flush()
        #expect(reports.handle(of: 1000 + round) != nil)
        touch(kept)
        #expect(wait { reports.closes(of: 1000 + round) == 1 }, "round \(round)")
        #expect(reports.closes(of: round) == 0)
      }
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

  @Test("a path watched again after its file went is watched truly")
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
