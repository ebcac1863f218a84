// Directories owned through the library: never to be seen unlocked, and gone with their owner.

import CrashDrill
import Foundation
import Glibc
import OwnedDirectories
import ReapRules
import Testing

/// Whether nobody has the lock on a file or directory.
private func isFree(_ path: String) -> Bool {
  run("/usr/bin/flock", ["--nonblock", path, "/bin/true"]).status == 0
}

@Suite(.serialized, .live) struct SpillDirectoryTests {
  private func start(_ root: String) throws -> DoomedProcess {
    try DoomedProcess(buildDirectory + "/DoomedWriter", [root, "--library"], stepping: true)
  }

  @Test(arguments: SpillStep.allCases)
  func `a creator killed at any step leaves nothing for long`(step: SpillStep) throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let watcher = try Watcher([root], in: scratch, environment: noBackstop)
    let creator = try start(root)
    defer { creator.kill() }
    let line = try creator.advance(to: step.rawValue)
    let name = String(line.split(separator: " ")[1])
    switch step {
    case .named: #expect(names(in: root).isEmpty)
    case .placed: #expect(names(in: root) == [name])
    default: #expect(names(in: root) == ["." + name], "nobody sees it under its name yet")
    }
    if step == .placed {
      #expect(!isFree("\(root)/\(name)/.lock") && !isFree("\(root)/\(name)"))
      watcher.catchUp(in: root)
      #expect(exists("\(root)/\(name)/.lock"))
    }
    creator.kill()
    if step == .placed { #expect(wait { names(in: root).isEmpty }) }
    // The next one clears away what reapd has no rule for, and works beside it.
    let next = try start(root)
    defer { next.kill() }
    let owned = try next.advance(to: "owned").split(separator: " ")[1]
    #expect(names(in: root) == [String(owned)])
    try next.advance(to: "done")
    #expect(names(in: root).isEmpty)
    let (status, summary) = watcher.stop()
    #expect(status == 0)
    #expect(summary?.failed == 0)
    #expect(watcher.audit(of: "\(root)/\(name)").count == (step == .placed ? 1 : 0))
  }

  @Test func `a living creator's hidden directory is nobody's leftover`() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    for step in [SpillStep.directoryLocked, .lockMade, .locked] {
      let creator = try start(root)
      defer { creator.kill() }
      try creator.advance(to: step.rawValue)
      #expect(try SpillDirectory.removeLeftovers(in: root) == 0)
      try creator.advance(to: "done")
    }
    for name in [".spill_1_2x", ".spill_1", ".other_1_2", ".spill_1_2_3"] {
      mkdir("\(root)/\(name)", 0o777)
    }
    mkdir(root + "/.spill_1_2", 0o777)
    close(open(root + "/.spill_1_2/of-somebody", O_CREAT | O_WRONLY, 0o666))
    mkdir(root + "/.spill_1_3", 0o777)
    #expect(try SpillDirectory.removeLeftovers(in: root) == 1)
    #expect(names(in: root).count == 5 && !exists(root + "/.spill_1_3"))
  }

  // Without the lock in place before the name, a grace of nothing would be the end of it.
  @Test func `no grace is needed: 500 directories under a reapd that waits for nothing`() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let watcher = try Watcher([root], grace: "1ms", in: scratch, environment: noBackstop)
    for number in 0..<500 {
      let directory = try SpillDirectory(in: root)
      if number % 50 == 0 { watcher.catchUp(in: root) }
      let isIntact = directory.isIntact
      #expect(isIntact)
      try directory.remove()
    }
    watcher.catchUp(in: root)
    #expect(watcher.audit.allSatisfy { ($0.path ?? "").contains("/spill_1_") })
  }

  @Test func `released it is an orphan, removed it is gone, and both with what is in it`() throws {
    let scratch = Scratch()
    let root = scratch.directory("root/made/with/parents")
    let watcher = try Watcher([root], in: scratch, environment: noBackstop)
    let released = try SpillDirectory(in: root)
    let expected = root + "/" + released.name
    let path = released.path
    #expect(path == expected)
    close(open(path + "/data", O_CREAT | O_WRONLY, 0o666))
    #expect(wait { watcher.holds(path) })
    released.release()
    #expect(wait { !exists(path) })
    #expect(wait { watcher.audit(of: path).first?.reason == "lock-released" })

    let removed = try SpillDirectory(in: root)
    // Deeper than descriptors and stack go, wider than one listing.
    var level = open(removed.path, O_RDONLY | O_DIRECTORY)
    for _ in 0..<1200 {
      #expect(mkdirat(level, "d", 0o777) == 0)
      let next = openat(level, "d", O_RDONLY | O_DIRECTORY)
      close(level)
      level = next
    }
    close(openat(level, "end", O_CREAT | O_WRONLY, 0o666))
    close(level)
    for number in 0..<3000 {
      close(open("\(removed.path)/\(number)", O_CREAT | O_WRONLY, 0o666))
    }
    symlink(scratch.path, removed.path + "/link")
    mkdir(removed.path + "/.removing.1", 0o777)
    close(open(removed.path + "/.removing.1/in-the-way", O_CREAT | O_WRONLY, 0o666))
    let gone = removed.path
    try removed.remove()
    #expect(!exists(gone) && exists(scratch.path))
    watcher.catchUp(in: root)
    #expect(watcher.audit(of: gone).isEmpty)
  }

  @Test func `it is removed where a listing does not tell directories from files`() throws {
    let scratch = Scratch()
    guard
      let image = MountedImage("ext4", megabytes: 16, in: scratch, options: ["-O", "^filetype"])
    else { return skip("no ext4 can be mounted") }
    let root = image.path + "/root"
    let creator = try start(root)
    defer { creator.kill() }
    let name = try creator.advance(to: "owned").split(separator: " ")[1]
    let deep = "\(root)/\(name)/a/b/c"
    try FileManager.default.createDirectory(atPath: deep, withIntermediateDirectories: true)
    for directory in ["/..", "", "/../.."] { append("content", to: deep + directory + "/file") }
    try creator.advance(to: "done")
    #expect(names(in: root).isEmpty)
  }

  @Test func `a scope removes its directory, after an error too`() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    struct Failure: Error {}
    let name = try withSpillDirectory(in: root, prefix: "job_") { directory in
      let (name, path) = (directory.name, directory.path)
      #expect(names(in: root) == [name] && !isFree(path + "/.lock"))
      return name
    }
    #expect(name.hasPrefix("job_") && names(in: root).isEmpty)
    #expect(throws: Failure.self) {
      try withSpillDirectory(in: root) { _ in throw Failure() }
    }
    #expect(names(in: root).isEmpty)
  }

  @Test func `children keep it only where that was asked for`() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    for sharing in [SpillDirectory.Sharing.none, .children] {
      let directory = try SpillDirectory(in: root, sharing: sharing)
      let path = directory.path
      let child = try DoomedProcess("sleep", ["1000"], inheritsDescriptors: true)
      directory.release()
      #expect(isFree(path + "/.lock") == (sharing == .none))
      #expect(isFree(path) == (sharing == .none))
      child.kill()
      #expect(wait { isFree(path + "/.lock") && isFree(path) })
    }
  }

  @Test func `one whose lock file was exchanged is not owned, and says so`() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let error = #expect(throws: SpillDirectoryError.self) {
      _ = try SpillDirectory(in: root) { step, name in
        guard step == .locked else { return }
        let lock = "\(root)/.\(name.display)/.lock"
        rename(lock, lock + "-old")
        close(open(lock, O_CREAT | O_WRONLY, 0o666))
      }
    }
    #expect(error?.reason == .displaced)
  }

  @Test func `a creation that is taken away begins again, but not for ever`() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    var thefts = 0
    let directory = try SpillDirectory(in: root) { step, name in
      if thefts < 6, step == (thefts % 2 == 0 ? .made : .directoryLocked) {
        thefts += 1
        rmdir("\(root)/.\(name.display)")
      }
    }
    let name = directory.name
    #expect(thefts == 6 && names(in: root) == [name])
    try directory.remove()
    let error = #expect(throws: SpillDirectoryError.self) {
      _ = try SpillDirectory(in: root) { step, name in
        if step == .made { rmdir("\(root)/.\(name.display)") }
      }
    }
    #expect(error?.reason == .contended)
  }

  @Test func `an error names path, call and errno, and what to do`() throws {
    let scratch = Scratch()
    close(open(scratch.path + "/file", O_CREAT | O_WRONLY, 0o666))
    let error = #expect(throws: SpillDirectoryError.self) {
      _ = try SpillDirectory(in: scratch.path + "/file/root")
    }
    #expect(error?.reason == .system && error?.code == ENOTDIR && error?.call == "mkdir")
    #expect(error?.path == scratch.path + "/file/root")
    #expect(error?.description.contains("name a root that is a directory") == true)
    let misuse = #expect(throws: SpillDirectoryError.self) {
      _ = try SpillDirectory(in: scratch.path, prefix: "a/b")
    }
    #expect(misuse?.reason == .misuse)
    let full = scratch.directory("root")
    #expect(throws: SpillDirectoryError.self) {
      _ = try SpillDirectory(in: full, prefix: String(repeating: "x", count: 250))
    }
    #expect(names(in: full).isEmpty)
    #expect(!openFiles(of: getpid()).contains { $0.hasPrefix(full) })
  }

  @Test func `systemd-tmpfiles leaves it alone, and takes what is not locked itself`() throws {
    guard isRoot else { return skip("systemd-tmpfiles needs root") }
    guard run("/usr/bin/systemd-tmpfiles", ["--version"]).status == 0 else {
      return skip("no systemd-tmpfiles")
    }
    let scratch = Scratch()
    let root = scratch.directory("root")
    let directory = try SpillDirectory(in: root)
    let (name, path) = (directory.name, directory.path)
    close(open(path + "/data", O_CREAT | O_WRONLY, 0o666))
    let dead = makeOrphan(root + "/spill_1_1", files: 1)
    // As ant does it: its lock file is locked, the directory is not, and everything is lost.
    let plain = try startWriter(root, ["--stop-at", "locked"], in: scratch)
    #expect(wait { plain.lines.count == 3 })
    let configuration = scratch.path + "/tmpfiles.conf"
    try "e \(root) - - - 0\n".write(toFile: configuration, atomically: true, encoding: .utf8)
    #expect(run("/usr/bin/systemd-tmpfiles", ["--clean", configuration]).status == 0)
    #expect(!exists(dead) && !exists("\(root)/\(ownedName(plain))"))
    #expect(names(in: root) == [name])
    #expect(names(in: path) == [".lock", "data"])
    try directory.remove()
  }
}
