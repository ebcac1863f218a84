// Owners whose number stands in the name of what they made, or in a link: killed, out of sight, or
// of another machine.

import Foundation
import Glibc
import Testing

@Suite("Scratch that a process's number owns", .serialized, .live)
struct ScratchPidTests {
  private let scratch = Scratch()
  private var root: String { scratch.path + "/root" }

  private static let code = "os.mkdir(p + '-' + str(os.getpid()))"
  private static let keys =
    "match: 'work-+([0-9])-+([0-9])', grace: 100ms, owned_by: [{pid: {name: 'work-*-{pid}'}}]"

  @Test("Each of 100 goes when the process that it names is killed, and none of the others")
  func kills() throws {
    guard isRoot else { return skip("every process must be seen") }
    _ = scratch.directory("root")
    let watcher = try watchScratch(Self.keys, root: root, in: scratch)
    let owners = try ScratchOwners(Self.code, count: 100, at: root + "/work-", in: scratch)
    watcher.seesProcesses(owners.pids)
    for (number, pid) in owners.pids.enumerated() {
      let path = "\(root)/work-\(number)-\(pid)"
      #expect(exists(path), "\(watcher.audit(of: path))")
      kill(pid, SIGKILL)
      #expect(wait(seconds: 60) { !exists(path) }, "\(number): \(watcher.background.error)")
    }
    owners.killAll()
    #expect(wait { watcher.audit.count { $0.reason == "owner-dead" } == 100 })
  }

  @Test("An owner that ends within the grace was seen all the same")
  func early() throws {
    guard isRoot else { return skip("every process must be seen") }
    _ = scratch.directory("root")
    let keys = Self.keys.replacing("100ms", with: "2s")
    let watcher = try watchScratch(keys, root: root, in: scratch)
    let owners = try ScratchOwners(Self.code, count: 3, at: root + "/work-", in: scratch)
    watcher.seesProcesses(owners.pids)
    #expect(names(in: root).count == 3)
    owners.killAll()
    #expect(wait { names(in: root).isEmpty }, "\(watcher.background.error)")
    #expect(wait { watcher.audit.count { $0.reason == "owner-dead" } == 3 }, "\(watcher.audit)")
  }

  @Test("A number that is nobody's proves nothing, be it that pids are trusted")
  func nobody() throws {
    let path = scratch.directory("root/work-1-4194303")
    let config = try scratchRule(Self.keys, root: root, in: scratch)
    let trusting = try scratchRule(Self.keys + ", trust_pids: true", root: root, in: scratch)
    letPass(0.3, "the grace")
    #expect(explain(path, config: config)?.reason == "unproved")
    #expect(explain(path, config: trusting)?.reason == "owner-dead")
  }

  @Test("An owner in another PID namespace keeps its scratch, whose number is nobody's here")
  func hidden() throws {
    guard isRoot else { return skip("a PID namespace is needed") }
    _ = scratch.directory("root")
    let watcher = try watchScratch(Self.keys, root: root, in: scratch)
    let owners = try ScratchOwners(
      Self.code, count: 1, at: root + "/work-", in: scratch,
      wrapper: ["unshare", "--pid", "--fork", "--kill-child"])
    letPass(1, "nothing happens")
    #expect(names(in: root).count == 1, "\(watcher.audit)")
    #expect(watcher.audit.isEmpty)
    owners.parent.killHard()
  }

  @Test("A link that names another host, is another user's or no link says that it cannot be told")
  func links() throws {
    let keys =
      "match: 'profile-*', grace: 100ms, "
      + "owned_by: [{pid: {link: SingletonLock, pattern: '{host}-{pid}'}}], trust_pids: true"
    let config = try scratchRule(keys, root: root, in: scratch)
    var host = [CChar](repeating: 0, count: 256)
    gethostname(&host, 255)
    let ours = String(decoding: host.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    let targets = [
      "dead": "\(ours)-4194303", "alive": "\(ours)-\(getpid())", "far": "else.where-4194303",
    ]
    for (name, target) in targets {
      symlink(target, scratch.directory("root/profile-\(name)") + "/SingletonLock")
    }
    let file = scratch.directory("root/profile-file") + "/SingletonLock"
    _ = FileManager.default.createFile(atPath: file, contents: nil)
    letPass(0.3, "the grace")
    func reason(_ name: String) -> String? {
      explain("\(root)/profile-\(name)", config: config)?.reason
    }
    #expect(reason("dead") == "owner-dead")
    #expect(reason("alive") == "owner-alive")
    #expect(reason("far") == "owner-unknown")
    #expect(reason("file") == "owner-unknown")
  }
}

extension Watcher {
  /// Waits until it watches so many processes.
  func seesProcesses(_ count: Int) {
    #expect(
      wait(seconds: 60) { watchedProcesses(of: background.pid).count >= count },
      "\(background.error)")
  }

  /// Waits until it watches these processes.
  func seesProcesses(_ pids: [pid_t]) {
    #expect(
      wait(seconds: 60) { watchedProcesses(of: background.pid).isSuperset(of: pids) },
      "\(background.error)")
  }
}
