// Owners whose number, and perhaps start, stands in a file that belongs to what they made.

import Foundation
import Glibc
import Testing

@Suite("Scratch whose owner is named in a file", .serialized, .live)
struct ScratchPidFileTests {
  private let scratch = Scratch()
  private var root: String { scratch.path + "/root" }

  private static let plain =
    "match: 'work-*', grace: 100ms, owned_by: [{pid: {file: .lock}}, {open: true}]"
  private static let object =
    "match: 'work-*', grace: 100ms, "
    + "owned_by: [{pid: {file: '../{name}.json', field: pid, start: began}}]"
  private static let noProcess = 4_194_303

  private func put(_ text: String, _ path: String) {
    _ = FileManager.default.createFile(atPath: path, contents: Data(text.utf8))
  }

  private func reason(_ name: String, _ config: String) -> String? {
    explain("\(root)/\(name)", config: config)?.reason
  }

  @Test("Each of 100 goes when the process is killed that it names, and none of the others")
  func kills() throws {
    guard isRoot else { return skip("every process must be seen") }
    _ = scratch.directory("root")
    let watcher = try watchScratch(Self.plain, root: root, in: scratch)
    let owners = try ScratchOwners(
      "os.mkdir(p); open(p + '/.lock', 'w').write(str(os.getpid()))", count: 100,
      at: root + "/work-", in: scratch)
    watcher.seesProcesses(owners.pids)
    for (number, pid) in owners.pids.enumerated() {
      #expect(exists("\(root)/work-\(number)"), "\(watcher.audit)")
      kill(pid, SIGKILL)
      #expect(
        wait(seconds: 60) { !exists("\(root)/work-\(number)") }, "\(watcher.background.error)")
    }
    owners.killAll()
    #expect(wait { watcher.audit.count { $0.reason == "owner-dead" } == 100 })
  }

  @Test("A file of text names a process, says nothing, or cannot be told")
  func text() throws {
    let config = try scratchRule(Self.plain, root: root, in: scratch)
    let trusting = try scratchRule(Self.plain + ", trust_pids: true", root: root, in: scratch)
    let texts = [
      "alive": "\(getpid())\n", "dead": "\(Self.noProcess)", "words": "x \(getpid())", "empty": "",
      "large": "\(getpid())\n" + String(repeating: "x", count: 70_000),
    ]
    for (name, text) in texts { put(text, scratch.directory("root/work-\(name)") + "/.lock") }
    for name in ["none", "link", "fifo", "foreign"] { _ = scratch.directory("root/work-\(name)") }
    symlink("../work-dead/.lock", root + "/work-link/.lock")
    mkfifo(root + "/work-fifo/.lock", 0o600)
    put("\(Self.noProcess)", root + "/work-foreign/.lock")
    letPass(0.3, "the grace")
    #expect(reason("work-alive", config) == "owner-alive")
    #expect(reason("work-dead", config) == "unproved")
    #expect(reason("work-dead", trusting) == "owner-dead")
    #expect(reason("work-none", trusting) == "unproved")
    for name in ["words", "empty", "large", "link", "fifo"] {
      #expect(reason("work-" + name, trusting) == "owner-unknown", "\(name)")
    }
    #expect(reason("work-foreign", trusting) == "owner-dead")
    guard isRoot else { return skip("files of another user are needed") }
    lchown(root + "/work-foreign/.lock", 65534, 65534)
    #expect(reason("work-foreign", trusting) == "owner-unknown")
  }

  @Test("A stated start tells the owner from whoever has its number by now")
  func starts() throws {
    let config = try scratchRule(Self.object, root: root, in: scratch)
    let trusting = try scratchRule(Self.object + ", trust_pids: true", root: root, in: scratch)
    let stat = try #require(try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8))
    let fields = try #require(stat.components(separatedBy: ") ").last).split(separator: " ")
    let ticks = try #require(Int(fields[19]))
    let texts = [
      "same": "{\"pid\": \(getpid()), \"began\": \(ticks)}",
      "later": "{\"pid\": \(getpid()), \"began\": \(ticks - 100)}",
      "earlier": "{\"pid\": \(getpid()), \"began\": \(ticks + 100)}",
      "unstated": "{\"pid\": \(getpid())}",
      "gone": "{\"pid\": \(Self.noProcess), \"began\": \(ticks)}",
    ]
    for (name, text) in texts {
      put(text, scratch.directory("root/work-\(name)") + ".json")
    }
    letPass(0.3, "the grace")
    for rule in [config, trusting] {
      #expect(reason("work-same", rule) == "owner-alive")
      #expect(reason("work-earlier", rule) == "owner-unknown")
      #expect(reason("work-unstated", rule) == "owner-unknown")
    }
    #expect(reason("work-later", config) == "unproved")
    #expect(reason("work-later", trusting) == "owner-dead")
    #expect(reason("work-gone", config) == "unproved")
    #expect(reason("work-gone", trusting) == "owner-dead")
  }

  @Test(
    "In another PID namespace, an exit proves the end of whom a start or an open file tied to it")
  func tied() throws {
    guard isRoot else { return skip("a PID namespace is needed") }
    for (title, code, keys) in [
      ("open", "os.mkdir(p); f = open(p + '/data', 'w')", "{pid: {file: .pid}}, {open: true}"),
      ("start", "os.mkdir(p)", "{pid: {file: .pid, field: pid, start: began}}"),
      ("nothing", "os.mkdir(p)", "{pid: {file: .pid}}"),
    ] {
      let root = scratch.directory("root-" + title)
      let config = try scratchRule(
        "match: 'work-*', grace: 100ms, owned_by: [\(keys)]", root: root, in: scratch)
      // reapd and the owner share a PID namespace that is not the initial one.
      let program = """
        import json, os, signal, subprocess, sys, time
        reapd, config, root = sys.argv[1:4]
        w = subprocess.Popen([reapd, 'watch', '--config', config, '--audit-log', root + '.audit'], stderr=subprocess.PIPE, text=True)
        while 'watching ' not in w.stderr.readline(): pass
        r, done = os.pipe()
        pid = os.fork()
        if pid == 0:
            p = root + '/work-1'
            \(code)
            began = int(open('/proc/self/stat').read().rsplit(') ', 1)[1].split()[19])
            text = json.dumps({'pid': os.getpid(), 'began': began}) if '\(title)' == 'start' \
        else str(os.getpid())
            open(p + '/.pid', 'w').write(text)
            os.write(done, b'x')
            time.sleep(1000)
        os.read(r, 1)
        def watched():
            links = '/proc/%d/fd' % w.pid
            return any('pidfd' in os.readlink(os.path.join(links, f)) for f in os.listdir(links))
        deadline = time.time() + 20
        while time.time() < deadline and not watched(): time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        deadline = time.time() + (1 if '\(title)' == 'nothing' else 20)
        while time.time() < deadline and os.path.exists(root + '/work-1'): time.sleep(0.01)
        print('kept' if os.path.exists(root + '/work-1') else 'gone')
        w.kill()
        """
      let (_, output, error) = run(
        "/usr/bin/unshare",
        ["--pid", "--fork", "--mount-proc", "/usr/bin/env", "python3", "-c", program]
          + [reapdBinary, config, root])
      #expect(output == (title == "nothing" ? "kept\n" : "gone\n"), "\(title): \(error)")
    }
  }
}
