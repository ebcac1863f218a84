// Things that are not what they seem: links, special files and mounts where a spill is expected.

import Foundation
import Glibc
import Testing

@Suite("Hostile files", .serialized, .live)
struct HostileFileTests {
  @Test("Links and files with a candidate's name are kept and never followed")
  func linksAndFiles() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let outside = scratch.directory("outside")
    put("precious", outside + "/canary")
    put("", outside + "/.lock")
    symlink(outside, root + "/spill_1_link")
    symlink(outside + "/none", root + "/spill_1_dangling")
    put("plain", root + "/spill_1_file")
    leaveOrphan(root + "/spill_1_neighbour")

    let watcher = try Watcher([root], in: scratch, environment: ["REAPD_BACKSTOP": "200ms"])
    #expect(wait(seconds: 60) { !exists(root + "/spill_1_neighbour") })
    for name in ["spill_1_link", "spill_1_dangling", "spill_1_file"] {
      expectRefusedOnce(root + "/" + name, "not-a-directory", watcher)
    }
    #expect(read(outside + "/canary") == "precious")
    #expect(names(in: outside) == [".lock", "canary"])
    #expect(read(root + "/spill_1_file") == "plain")
  }

  @Test(
    "A lock that is no regular file keeps its directory",
    arguments: ["a FIFO", "a directory", "a link", "a dangling link", "a socket"])
  func strangeLock(_ what: String) throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let directory = scratch.directory("root/spill_1_strange")
    put("precious", scratch.path + "/canary")
    put("chunk", directory + "/chunk")
    let lock = directory + "/.lock"
    switch what {
    case "a FIFO": #expect(mkfifo(lock, 0o666) == 0)
    case "a directory": #expect(mkdir(lock, 0o777) == 0)
    case "a link": #expect(symlink(scratch.path + "/canary", lock) == 0)
    case "a dangling link": #expect(symlink(scratch.path + "/none", lock) == 0)
    default: makeSocket(lock)
    }
    leaveOrphan(root + "/spill_1_neighbour")

    let watcher = try Watcher([root], in: scratch, environment: ["REAPD_BACKSTOP": "200ms"])
    #expect(wait(seconds: 60) { !exists(root + "/spill_1_neighbour") })
    expectRefusedOnce(directory, "lock-not-a-file", watcher)
    #expect(read(directory + "/chunk") == "chunk")
    #expect(exists(lock))
    #expect(read(scratch.path + "/canary") == "precious")
    #expect(!exists(scratch.path + "/none"))
  }

  @Test("A lock that may not be opened keeps its directory")
  func unreadableLock() throws {
    guard isRoot else { return skip("another user's reapd needs root") }
    let scratch = Scratch()
    let root = scratch.directory("root")
    leaveOrphan(root + "/spill_1_shut")
    leaveOrphan(root + "/spill_1_neighbour")
    chmod(root + "/spill_1_shut/.lock", 0)
    let binary = scratch.path + "/reapd"
    #expect(
      shell("cp \(reapdBinary) \(binary) && chown -R 65534:65534 \(scratch.path)").status == 0)

    let audit = AuditFile(scratch.path + "/audit.jsonl")
    let reapd = try Background(
      "/usr/bin/setpriv",
      ["--reuid=65534", "--regid=65534", "--clear-groups", "--", binary, "watch", "--json"]
        + ["--audit-log", audit.path, "--grace", "200ms", root],
      in: scratch, environment: ["HOME": "/nonexistent", "REAPD_BACKSTOP": "200ms"])
    #expect(wait(seconds: 60) { !exists(root + "/spill_1_neighbour") }, "\(reapd.error)")
    func refusals() -> [AuditEntry] { audit.of(root + "/spill_1_shut") }
    #expect(wait(seconds: 60) { !refusals().isEmpty })
    #expect(!wait(seconds: 1) { refusals().count > 1 })
    #expect(refusals().first?.action == .refused)
    #expect(refusals().first?.reason == "lock-unreadable")
    #expect(names(in: root + "/spill_1_shut") == [".lock", "chunk"])
  }

  @Test("A directory of another user is kept")
  func foreignOwner() throws {
    guard isRoot else { return skip("chown needs root") }
    let scratch = Scratch()
    let root = scratch.directory("root")
    leaveOrphan(root + "/spill_1_foreign")
    chown(root + "/spill_1_foreign", 12345, 12345)
    leaveOrphan(root + "/spill_1_neighbour")
    let watcher = try Watcher([root], in: scratch, environment: ["REAPD_BACKSTOP": "200ms"])
    #expect(wait(seconds: 60) { !exists(root + "/spill_1_neighbour") })
    expectRefusedOnce(root + "/spill_1_foreign", "foreign-owner", watcher)
    #expect(names(in: root + "/spill_1_foreign") == [".lock", "chunk"])
  }

  @Test("Of an outside file only the hard link inside goes")
  func hardLink() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    put("precious", scratch.path + "/canary")
    leaveOrphan(root + "/spill_1_1")
    #expect(link(scratch.path + "/canary", root + "/spill_1_1/name") == 0)
    symlink(scratch.path, root + "/spill_1_1/way-out")
    let watcher = try Watcher([root], in: scratch)
    #expect(wait(seconds: 60) { !exists(root + "/spill_1_1") })
    #expect(read(scratch.path + "/canary") == "precious")
    #expect(watcher.background.isRunning)
  }

  @Test("A tree deeper than any path and one of 2,000 directories go whole")
  func deepAndWide() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    leaveOrphan(root + "/spill_1_deep")
    leaveOrphan(root + "/spill_1_wide")
    // 300 levels of 40 bytes: 12,000 bytes, thrice PATH_MAX.
    var level = open(root + "/spill_1_deep", O_RDONLY | O_DIRECTORY)
    let step = String(repeating: "d", count: 40)
    for _ in 0..<300 {
      #expect(mkdirat(level, step, 0o755) == 0)
      let next = openat(level, step, O_RDONLY | O_DIRECTORY)
      close(level)
      level = next
      close(openat(level, "file", O_CREAT | O_WRONLY, 0o644))
    }
    close(level)
    for number in 0..<2000 {
      mkdir(root + "/spill_1_wide/\(number)", 0o755)
      put("x", root + "/spill_1_wide/\(number)/file")
    }
    let watcher = try Watcher([root], in: scratch)
    #expect(wait(seconds: 120) { names(in: root).isEmpty })
    #expect(wait(seconds: 60) { watcher.audit.count { $0.action == .reaped } == 2 })
    let files = watcher.audit(of: root + "/spill_1_wide", action: .reaped).first?.files
    #expect(files == 2002)
  }

  // MARK: - Mounts

  @Test(
    "What holds a mount is kept, and goes when that is unmounted",
    arguments: ["a tmpfs", "a bind mount", "a bound file", "itself a mount point"])
  func mounts(_ what: String) throws {
    guard isRoot else { return skip("mounts need root") }
    let scratch = Scratch()
    let root = scratch.directory("root")
    let outside = scratch.directory("outside")
    put("precious", outside + "/canary")
    let directory = root + "/spill_1_mounted"
    leaveOrphan(directory)
    let point: String
    let mounted: Bool
    switch what {
    case "a tmpfs":
      point = scratch.directory("root/spill_1_mounted/sub/deeper")
      mounted = run("/bin/mount", ["-t", "tmpfs", "tmpfs", point]).status == 0
    case "a bind mount":
      point = scratch.directory("root/spill_1_mounted/sub")
      mounted = run("/bin/mount", ["--bind", outside, point]).status == 0
    case "a bound file":
      point = directory + "/chunk"
      mounted = run("/bin/mount", ["--bind", outside + "/canary", point]).status == 0
    default:
      point = directory
      mounted = run("/bin/mount", ["-t", "tmpfs", "tmpfs", point]).status == 0
      put("", point + "/.lock")
    }
    defer { umount2(point, Int32(MNT_DETACH)) }
    guard mounted else { return skip("\(what) could not be mounted") }
    leaveOrphan(root + "/spill_1_neighbour")

    let watcher = try Watcher([root], in: scratch, environment: ["REAPD_BACKSTOP": "off"])
    #expect(wait(seconds: 60) { !exists(root + "/spill_1_neighbour") })
    expectRefusedOnce(
      directory, what == "itself a mount point" ? "mount-point" : "mount-inside", watcher)
    #expect(exists(directory))
    #expect(run("/bin/umount", [point]).status == 0)
    #expect(wait(seconds: 60) { !exists(directory) })
    #expect(read(outside + "/canary") == "precious")
    #expect(wait(seconds: 60) { watcher.audit(of: directory, action: .reaped).count == 1 })
  }

  @Test("A mount made while the owner lived keeps the directory after its death")
  func mountInLiveDirectory() throws {
    guard isRoot else { return skip("mounts need root") }
    let scratch = Scratch()
    let root = scratch.directory("root")
    let writer = try startWriter(root, ["--name", "spill_1_1", "--stop-at", "chunks"], in: scratch)
    #expect(wait { writer.output.contains("chunk spill_1_1 2") })
    let watcher = try Watcher([root], in: scratch, environment: ["REAPD_BACKSTOP": "off"])
    let point = scratch.directory("root/spill_1_1/sub")
    guard run("/bin/mount", ["-t", "tmpfs", "tmpfs", point]).status == 0 else {
      return skip("no tmpfs")
    }
    defer { umount2(point, Int32(MNT_DETACH)) }
    writer.killHard()
    expectRefusedOnce(root + "/spill_1_1", "mount-inside", watcher)
    #expect(exists(point))
    #expect(run("/bin/umount", [point]).status == 0)
    #expect(wait(seconds: 60) { !exists(root + "/spill_1_1") })
  }
}

// MARK: - Helpers

private func put(_ text: String, _ path: String) {
  #expect(FileManager.default.createFile(atPath: path, contents: Data(text.utf8)))
}

private func read(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }

/// What a killed owner leaves: a lock that nobody holds, and a chunk.
private func leaveOrphan(_ path: String) {
  #expect(mkdir(path, 0o755) == 0)
  put("", path + "/.lock")
  put("chunk", path + "/chunk")
}

private func makeSocket(_ path: String) {
  let socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
  var address = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
  let result = withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
    }
  }
  #expect(result == 0)
  close(socket)
}

/// Refused for that reason, and not again while everything is looked at over and over.
private func expectRefusedOnce(_ path: String, _ reason: String, _ watcher: Watcher) {
  #expect(wait(seconds: 60) { !watcher.audit(of: path).isEmpty }, "\(watcher.background.error)")
  #expect(!wait(seconds: 1) { watcher.audit(of: path).count > 1 }, "told more than once: \(path)")
  #expect(watcher.audit(of: path).first?.action == .refused)
  #expect(watcher.audit(of: path).first?.reason == reason)
}
