// What `watch` tells of use: once of each rule what its root holds, and of a file system that fills up.

import Foundation
import Glibc
import Testing

@Suite("watch tells of use", .serialized, .live)
struct UsageWatchTests {
  private let scratch = Scratch()
  private var root: String { scratch.path + "/root" }

  init() { _ = scratch.directory("root") }

  private func write(_ path: String, bytes: Int) {
    _ = FileManager.default.createFile(atPath: path, contents: Data(count: bytes))
  }

  private func configured(
    _ roots: [String], _ keys: String, environment: [String: String] = ["REAPD_BACKSTOP": "off"]
  ) throws -> Watcher {
    let file = scratch.path + "/\(UUID().uuidString).yaml"
    let rules = roots.enumerated().map { "  - {name: rule-\($0), kind: spill, root: \($1)}\n" }
    try Data((keys + "\nrules:\n" + rules.joined()).utf8).write(to: URL(fileURLWithPath: file))
    let watcher = try Watcher(
      [], in: scratch, arguments: ["--config", file], environment: environment, waitForStart: false)
    #expect(
      wait { watcher.background.error.components(separatedBy: "watching ").count > roots.count })
    return watcher
  }

  @Test("One line of each rule after its first scan: total, largest directories and files")
  func line() throws {
    let other = scratch.directory("other")
    _ = scratch.directory("root/a")
    write(root + "/a/big", bytes: 1 << 20)
    write(root + "/small\nname", bytes: 5000)
    for _ in 0..<2 {
      let watcher = try configured([root, other], "log_level: info")
      #expect(wait { watcher.background.error.components(separatedBy: "usage of ").count == 3 })
      let lines = watcher.background.error.split(separator: "\n")
      let at = lines.firstIndex { $0.contains("usage of \(root) (rule rule-0): 1.0 MiB") }
      let line = String(lines[try #require(at, "\(lines)")])
      let bytes = 2 * 4096 + (1 << 20) + 8192
      #expect(
        line.contains("bytes=\(bytes) ") && line.contains("files=2 ") && line.contains("disk_used=")
      )
      #expect(
        line.contains(#"largest_directories=[{"path":"a","bytes":\#((1 << 20) + 4096)}]"#),
        "\(line)")
      #expect(
        line.contains(#"{"path":"a/big","bytes":1048576},{"path":"small\nname","bytes":8192}]"#))
      let scanned = lines.firstIndex { $0.contains("watching \(root)") }
      #expect(scanned ?? .max < at ?? 0)
      #expect(watcher.stop().status == 0)
    }
  }

  @Test("Of thousands of directories it names the largest, and adds up all")
  func many() throws {
    let more = "cd \(root) && mkdir $(seq -f 'a-directory-with-a-name-of-its-own-%g' 3000)"
    #expect(shell(more).status == 0)
    for number in [7, 1500, 2999] {
      let path = root + "/a-directory-with-a-name-of-its-own-\(number)/file"
      write(path, bytes: 100_000 * number)
    }
    let total = shell("du -sx -B1 \(root)").output.prefix { $0.isNumber }
    let watcher = try configured([root], "log_level: info")
    #expect(wait { watcher.background.error.contains("usage of ") })
    let line =
      watcher.background.error.split(separator: "\n").first { $0.contains("usage of ") } ?? ""
    #expect(line.contains("bytes=\(total) ") && line.contains("directories=3001 "), "\(line)")
    #expect(
      line.contains(
        /largest_directories=\[{"path":"a-[a-z-]*-2999",[^}]*},{"path":"a-[a-z-]*-1500"/), "\(line)"
    )
    #expect(line.components(separatedBy: #"{"path":"#).count == 1 + 10 + 3, "\(line)")
    #expect(watcher.stop().status == 0)
  }

  @Test("usage_at_start: false leaves it out, and two rules over one root have a line each")
  func switched() throws {
    let off = try configured([root], "usage_at_start: false")
    letPass(0.5, "a line that must not come")
    #expect(!off.background.error.contains("usage of"))
    #expect(off.stop().status == 0)
    let file = scratch.path + "/two.yaml"
    let text = """
      rules:
        - {name: one, kind: spill, root: \(root), match: "one_*"}
        - {name: two, kind: spill, root: \(root), match: "two_*"}
      """
    try Data(text.utf8).write(to: URL(fileURLWithPath: file))
    let two = try Watcher(
      [], in: scratch, arguments: ["--config", file, "--log-level", "info"], waitForStart: false)
    #expect(wait { two.background.error.components(separatedBy: "usage of ").count == 3 })
    #expect(
      two.background.error.contains("(rule one): ") && two.background.error.contains("(rule two): ")
    )
    #expect(two.stop().status == 0)
  }

  @Test("The end of watch does not wait for it")
  func stop() throws {
    let more = "cd \(root) && mkdir -p a/{1..500} && for i in a/*; do touch $i/f; done"
    #expect(shell(more).status == 0)
    let watcher = try Watcher(
      [root], in: scratch,
      wrapper: [
        "/usr/bin/strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=getdents64", "-e",
        "inject=getdents64:delay_enter=100000",
      ])
    #expect(wait { watcher.background.error.contains("watching ") })
    #expect(shell("pkill -TERM -P \(watcher.background.pid)").status == 0)
    #expect(watcher.background.exitStatus(within: 20) == 0)
    #expect(!watcher.background.error.contains("usage of"))
  }

  private static let warning = "warn_used"

  private func warnings(_ watcher: Watcher) -> Int {
    watcher.background.error.components(separatedBy: "(warn_used: ").count - 1
  }

  @Test("A file system above the mark is warned of once, and once more after it had fallen below")
  func warned() throws {
    guard isRoot else { return skip("mounting needs root") }
    let disk = try #require(MountedImage("tmpfs", megabytes: 10, in: scratch))
    let spill = disk.path + "/app/spill"
    #expect(shell("mkdir -p \(spill)").status == 0)
    write(disk.path + "/fill", bytes: 7 << 20)
    let watcher = try configured([spill], "", environment: ["REAPD_BACKSTOP": "200ms"])
    letPass(1.5, "a warning that must not come")
    #expect(warnings(watcher) == 0, "\(watcher.background.error)")
    write(disk.path + "/more", bytes: 2 << 20)
    #expect(wait { warnings(watcher) == 1 }, "\(watcher.background.error)")
    #expect(watcher.background.error.contains("of \(spill) is at 9"), "\(watcher.background.error)")
    #expect(watcher.background.error.contains("% of its room, 1"))
    letPass(1.5, "a second warning that must not come")
    #expect(warnings(watcher) == 1)
    unlink(disk.path + "/more")
    letPass(1.5, "a look at the backstop that sees it below")
    write(disk.path + "/more", bytes: 2 << 20)
    #expect(wait { warnings(watcher) == 2 }, "\(watcher.background.error)")
    #expect(watcher.stop().status == 0)
  }

  @Test("It is looked at when watch starts and after a removal; the mark can be set, or off")
  func marks() throws {
    guard isRoot else { return skip("mounting needs root") }
    let disk = try #require(
      MountedImage("tmpfs", megabytes: 10, in: scratch, options: ["nr_inodes=100"]))
    let spill = disk.path + "/app/spill"
    #expect(shell("mkdir -p \(spill)").status == 0)
    write(disk.path + "/fill", bytes: 9 << 20)
    let atStart = try configured([spill], "warn_used: 85%")
    #expect(wait { warnings(atStart) == 1 }, "\(atStart.background.error)")
    #expect(atStart.stop().status == 0)
    let off = try configured([spill], "warn_used: off")
    let high = try? configured([scratch.directory("nothing/there")], "warn_used: 100%")
    letPass(0.3, "a warning that must not come")
    #expect(warnings(off) == 0 && high.map { warnings($0) } == 0)
    #expect(off.stop().status == 0)
    // Below it at the start; then inodes run out, and a removal has it looked at.
    unlink(disk.path + "/fill")
    let removing = try configured([spill], "warn_used: 85%")
    letPass(1.1, "the time in which a file system is looked at once")
    #expect(warnings(removing) == 0)
    #expect(shell("touch \(disk.path)/{1..90}").status == 0)
    makeOrphan(spill + "/spill_1_1")
    #expect(wait { !removing.audit(of: spill + "/spill_1_1").isEmpty })
    #expect(wait { warnings(removing) == 1 }, "\(removing.background.error)")
    #expect(removing.background.error.contains("of its inodes, "))
    #expect(removing.stop().status == 0)
  }
}
