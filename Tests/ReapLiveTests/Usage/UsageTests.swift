// What `usage` adds up, against what the test itself finds in trees that it made.

import Foundation
import Glibc
import Testing

/// A line of `usage --json`.
struct UsageLine: Decodable {
  struct Disk: Decodable {
    let bytes: Int
    let freeBytes: Int
    let usedPercent: Double
    let inodes: Int
    let freeInodes: Int
  }

  struct Growth: Decodable {
    let since: String
    let seconds: Double
    let bytes: Int
    let inodes: Int
    let bytesPerDay: Int?
    let complete: Bool
    let fullAt: String?
    let fullOf: String?
    let fullAtPaceOf: String?
  }

  let type: String
  let path: String?
  let pathB64: String?
  let bytes: Int?
  let apparentBytes: Int?
  let files: Int?
  let directories: Int?
  let inodes: Int?
  let grownBytes: Int?
  let error: String?
  let paths: Int?
  let unreadable: Int?
  let mounts: Int?
  let failed: Int?
  let disk: Disk?
  let growth: Growth?
  let fullOn: String?
}

/// What a run of `usage --json` said.
struct UsageRun {
  let status: Int32
  let error: String
  let lines: [UsageLine]

  init(
    _ arguments: [String], state: String, wrapper: [String] = [],
    environment: [String: String] = [:]
  ) {
    let words = wrapper + [reapdBinary, "usage", "--json"] + arguments
    let ran = run(
      "/usr/bin/env",
      ["XDG_STATE_HOME=\(state)", "XDG_CONFIG_HOME=/nonexistent"]
        + environment.map { "\($0.key)=\($0.value)" } + words)
    status = ran.status
    error = ran.error
    lines = decodeLines(ran.output)
  }

  func all(_ type: String) -> [UsageLine] { lines.filter { $0.type == type } }
  var total: UsageLine? { all("total").first }
  var summary: UsageLine? { lines.last?.type == "summary" ? lines.last : nil }
  func directory(_ path: String) -> UsageLine? { all("directory").first { $0.path == path } }
}

/// What lies in a tree, each inode once, as lstat(2) tells it; mounts are not told apart.
private func added(_ path: String, _ seen: inout Set<UInt64>) -> (bytes: Int, inodes: Int) {
  var facts = stat()
  guard lstat(path, &facts) == 0, seen.insert(UInt64(facts.st_ino)).inserted else { return (0, 0) }
  var sum = (bytes: Int(facts.st_blocks) * 512, inodes: 1)
  guard facts.st_mode & S_IFMT == S_IFDIR, let directory = opendir(path) else { return sum }
  defer { closedir(directory) }
  while let entry = readdir(directory) {
    let name = withUnsafePointer(to: &entry.pointee.d_name) {
      $0.withMemoryRebound(to: CChar.self, capacity: 256) {
        Array(UnsafeBufferPointer(start: $0, count: strlen($0)))
      }
    }
    guard name != [46], name != [46, 46] else { continue }
    let inner = (path.utf8CString.dropLast() + [47] + name + [0]).withUnsafeBufferPointer {
      buffer in
      added(cString: buffer.baseAddress!, &seen)
    }
    sum.bytes += inner.bytes
    sum.inodes += inner.inodes
  }
  return sum
}

/// By bytes: a name need not be text.
private func added(cString: UnsafePointer<CChar>, _ seen: inout Set<UInt64>) -> (
  bytes: Int, inodes: Int
) {
  var facts = stat()
  guard lstat(cString, &facts) == 0 else { return (0, 0) }
  if facts.st_mode & S_IFMT == S_IFDIR { return added(String(cString: cString), &seen) }
  guard seen.insert(UInt64(facts.st_ino)).inserted else { return (0, 0) }
  return (Int(facts.st_blocks) * 512, 1)
}

private func added(_ path: String) -> (bytes: Int, inodes: Int) {
  var seen: Set<UInt64> = []
  return added(path, &seen)
}

@Suite("usage", .serialized, .live)
struct UsageTests {
  private let scratch = Scratch()
  private var tree: String { scratch.path + "/tree" }
  private var state: String { scratch.path + "/state" }

  init() { _ = scratch.directory("tree") }

  private func write(_ path: String, bytes: Int) {
    _ = FileManager.default.createFile(atPath: path, contents: Data(count: bytes))
  }

  @Test("adds up exactly: hard links, holes, links, pipes, names that are no text, in every run")
  func exact() throws {
    for name in ["a", "a/inner", "b", "weird\nname", "\u{1B}[31mred"] {
      _ = scratch.directory("tree/" + name)
      for number in 0..<40 { write(tree + "/\(name)/file-\(number)", bytes: number * 700) }
    }
    // A megabyte of names in one directory: more pieces than one, which several threads share.
    let wide = scratch.directory("tree/wide")
    for number in 0..<9000 {
      close(
        open(
          wide + "/" + String(repeating: "n", count: 100) + "\(number)", O_CREAT | O_WRONLY, 0o644))
      if number % 3 == 0 { mkdir(wide + "/directory-\(number)", 0o755) }
    }
    write(tree + "/b/large", bytes: 3 << 20)
    #expect(
      link(tree + "/b/large", tree + "/a/same") == 0 && link(tree + "/b/large", tree + "/same") == 0
    )
    truncate(path: tree + "/a/sparse", to: 1 << 40)
    symlink("/usr", tree + "/b/link")
    mkfifo(tree + "/b/pipe", 0o644)
    let stray: [CChar] = Array((tree + "/b/").utf8CString.dropLast()) + [-1, -2, 0]
    close(open(stray, O_CREAT | O_WRONLY, 0o644))
    close(open(tree + "/" + String(repeating: "x", count: 255), O_CREAT | O_WRONLY, 0o644))
    // Made first, and so looked at first; but by name it is the last one of the two.
    _ = scratch.directory("tree/z-early")
    _ = scratch.directory("tree/0-late")
    write(tree + "/z-early/two", bytes: 2 << 20)
    #expect(link(tree + "/z-early/two", tree + "/0-late/two") == 0)
    let expected = added(tree)
    for _ in 0..<5 {
      let result = UsageRun([tree], state: state)
      #expect(result.status == 0 && result.error == "", "\(result.error)")
      #expect(result.total?.bytes == expected.bytes)
      #expect(result.total?.inodes == expected.inodes)
      #expect(result.summary?.bytes == expected.bytes && result.summary?.paths == 1)
      // The file with three names counts where the first of them by name lies: right here.
      for name in ["a", "b"] {
        let own = added(tree + "/" + name)
        let row = result.directory(tree + "/" + name)
        #expect(row?.bytes == own.bytes - (3 << 20) && row?.inodes == own.inodes - 1, "\(name)")
      }
      #expect(result.directory(tree + "/z-early")?.bytes == 4096)
      #expect(result.directory(tree + "/0-late")?.bytes == 4096 + (2 << 20))
      let largest = result.all("file")
      #expect(largest.count == 10 && largest.first?.bytes == 3 << 20)
      #expect(result.all("directory").count == 7)
    }
    #expect(UsageRun(["--depth", "0", tree], state: state).all("directory").isEmpty)
    let deep = UsageRun(["--depth", "2", tree], state: state)
    #expect(deep.directory(tree + "/a/inner")?.bytes == added(tree + "/a/inner").bytes)
    #expect(deep.all("directory").count == 8 + 3000)
    #expect(deep.summary?.bytes == expected.bytes)
  }

  private func truncate(path: String, to size: Int) {
    let file = open(path, O_CREAT | O_WRONLY, 0o644)
    #expect(ftruncate(file, size) == 0)
    close(file)
  }

  @Test("does not cross mounts, and says where they are")
  func mounts() throws {
    guard isRoot else { return skip("mounting needs root") }
    write(tree + "/file", bytes: 5000)
    let image = try #require(MountedImage("tmpfs", megabytes: 8, in: scratch))
    write(image.path + "/inside", bytes: 1 << 20)
    _ = scratch.directory("tree/bound")
    close(open(tree + "/covered", O_CREAT | O_WRONLY, 0o644))
    _ = scratch.directory("elsewhere")
    write(scratch.path + "/elsewhere/big", bytes: 1 << 20)
    let bind =
      "mount --bind \(scratch.path)/elsewhere \(tree)/bound"
      + " && mount --bind \(scratch.path)/elsewhere/big \(tree)/covered"
    #expect(shell(bind).status == 0)
    defer { _ = shell("umount \(tree)/bound \(tree)/covered") }
    let result = UsageRun([tree], state: state)
    #expect(result.total?.bytes == 4096 + 8192 && result.total?.files == 1, "\(result.lines)")
    #expect(Set(result.all("mount").compactMap(\.path)) == [tree + "/bound", tree + "/covered"])
    #expect(result.total?.mounts == 2 && result.status == 0)
    // A mount that is named is gone into.
    #expect((UsageRun([image.path], state: state).total?.bytes ?? 0) >= 1 << 20)
  }

  @Test("tells and counts what it may not read, and ends with 1")
  func unreadable() throws {
    guard isRoot else { return skip("another user needs root") }
    let closed = scratch.directory("tree/closed")
    write(closed + "/secret", bytes: 1 << 20)
    let blind = scratch.directory("tree/blind")
    write(blind + "/unseen", bytes: 1 << 20)
    #expect(chmod(closed, 0o700) == 0 && chmod(blind, 0o744) == 0)
    let other = scratch.directory("state-of-another")
    #expect(chmod(scratch.path, 0o755) == 0 && chmod(other, 0o777) == 0)
    let result = UsageRun(
      [tree], state: other,
      wrapper: ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"])
    #expect(result.status == 1)
    #expect(result.total?.unreadable == 2 && result.total?.files == 0, "\(result.lines)")
    // The directories themselves can be seen.
    #expect(result.total?.bytes == 3 * 4096)
    #expect(Set(result.all("unreadable").compactMap(\.path)) == [closed, blind])
    #expect(result.all("unreadable").allSatisfy { $0.error == "Permission denied" })
  }

  @Test(
    "goes down 5,000 levels, with branches at each, and with few descriptors", arguments: [0, 64])
  func deep(descriptors: Int) throws {
    let bounded = Scratch(in: "/dev/shm")
    var level = open(bounded.directory("tree"), O_RDONLY | O_DIRECTORY)
    for _ in 0..<5000 {
      for name in ["aside", String(repeating: "d", count: 40), "zside"] {
        mkdirat(level, name, 0o755)
      }
      let next = openat(level, String(repeating: "d", count: 40), O_RDONLY | O_DIRECTORY)
      close(level)
      level = next
      close(openat(level, "file", O_CREAT | O_WRONLY, 0o644))
    }
    close(level)
    let result = UsageRun(
      [bounded.path + "/tree"], state: state,
      wrapper: descriptors > 0 ? ["/usr/bin/prlimit", "--nofile=\(descriptors)"] : [])
    #expect(result.status == 0 && result.error == "", "\(result.error)")
    #expect(result.total?.files == 5000 && result.total?.directories == 15_001, "\(result.lines)")
  }

  @Test("takes several paths, one of which another holds; a file; and what is not there")
  func paths() throws {
    _ = scratch.directory("tree/a")
    write(tree + "/a/file", bytes: 10_000)
    let result = UsageRun([tree, tree + "/a", tree + "/a/file", tree + "/none"], state: state)
    #expect(result.status == 1 && result.error.contains("tree/none: No such file"))
    #expect(result.all("total").map(\.bytes) == [8192 + 12288, 4096 + 12288, 12288])
    #expect(result.summary?.bytes == 8192 + 12288 && result.summary?.paths == 3)
    #expect(result.summary?.failed == 1)
  }

  @Test("looks at the roots of the configuration where no path is given, else where it is run")
  func withoutPaths() throws {
    write(tree + "/file", bytes: 10_000)
    let file = scratch.path + "/reapd.yaml"
    let text = """
      rules:
        - {kind: spill, root: \(tree)}
        - {name: other, kind: spill, root: \(scratch.path)/absent}
      """
    try Data(text.utf8).write(to: URL(fileURLWithPath: file))
    let configured = UsageRun(["--config", file], state: state)
    #expect(configured.all("total").map(\.path) == [tree])
    #expect(configured.status == 0 && configured.error.contains("absent does not exist"))
    let here = UsageRun([], state: state, wrapper: ["/usr/bin/env", "-C", tree])
    #expect(here.all("total").map(\.path) == [tree] && here.status == 0)
    #expect(UsageRun(["--config", scratch.path + "/none.yaml"], state: state).status == 78)
  }
}
