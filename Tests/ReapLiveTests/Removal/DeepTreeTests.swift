// Trees deeper than any path and directories wider than any buffer, left behind by a killed owner:
// removed whole, with descriptors and memory bounded.

import Foundation
import Glibc
import Testing

@Suite("Deep and wide trees", .serialized, .live)
struct DeepTreeTests {
  /// What the trees below come to stays under this, whatever their size. Holding 200,000 names at
  /// once takes more than that.
  private static let memoryLimit = 12 << 10
  private static let descriptorLimit = 200
  private static let width = 200_000

  @Test(
    "What a killed owner leaves goes whole, with memory and descriptors bounded",
    arguments: [Tree.deep, .wide, .manySubdirectories, .wideAtDepth], [true, false])
  func removed(_ tree: Tree, hasLock: Bool) throws {
    // The full width where it is quick to make, a tenth of it where a disk takes its time.
    let width = hasLock ? Self.width : Self.width / 10
    let scratch = hasLock ? Scratch(in: "/dev/shm") : Scratch()
    let root = scratch.directory("root")
    let directory = root + "/spill_1_1"
    let watcher = try Watcher([root], in: scratch, environment: ["REAPD_BACKSTOP": "off"])
    watcher.catchUp(in: root)
    let pid = watcher.background.pid

    let building = scratch.directory("building")
    let made = tree.make(in: building, width: width)
    close(open(building + "/chunk", O_CREAT | O_WRONLY, 0o644))
    if hasLock { close(open(building + "/.lock", O_CREAT | O_WRONLY, 0o644)) }
    let kept = building + (hasLock ? "/.lock" : "/chunk")
    // The owner holds the lock or, where there is none, a file open.
    let owner = try Background(
      "/bin/bash", ["-c", "exec 9<\(kept); flock -n 9 && exec sleep 1000"], in: scratch)
    #expect(wait { isLocked(kept) })
    #expect(rename(building, directory) == 0)
    #expect(wait { openFiles(of: pid).contains(kept.replacing(building, with: directory)) })
    let before = statusNumber("VmHWM", of: pid)
    owner.killHard()

    var descriptors = 0
    #expect(
      wait(seconds: 120) {
        descriptors = max(descriptors, names(in: "/proc/\(pid)/fd").count)
        return !watcher.audit(of: directory).isEmpty
      }, "\(watcher.background.error)")
    let line = watcher.audit(of: directory).first
    #expect(line?.action == .reaped, "\(line)")
    #expect(line?.reason == (hasLock ? "lock-released" : "lock-missing"))
    #expect(names(in: root).isEmpty)
    #expect(line?.files == made + (hasLock ? 2 : 1))
    let growth = statusNumber("VmHWM", of: pid) - before
    print("\(tree), lock \(hasLock): \(growth) KiB more at the peak, \(descriptors) descriptors")
    #expect(growth < Self.memoryLimit)
    #expect(descriptors < Self.descriptorLimit)
  }

  @Test("Files with several names are counted once, in whatever order the names go")
  func hardLinks() throws {
    let scratch = Scratch()
    let root = scratch.directory("root")
    let directory = makeOrphan(root + "/spill_1_1")
    let block = Data(repeating: 7, count: 1 << 20)
    _ = FileManager.default.createFile(atPath: directory + "/file", contents: block)
    for number in 0..<20 { #expect(link(directory + "/file", "\(directory)/\(number)") == 0) }
    let watcher = try Watcher([root], in: scratch)
    #expect(wait { watcher.audit(of: directory, action: .reaped).count == 1 })
    let line = watcher.audit(of: directory).first
    #expect(line?.files == 22)
    #expect((1 << 20..<2 << 20).contains(line?.bytes ?? 0), "\(line)")
  }
}

/// A tree to be left behind; made by descriptors, since no path reaches to its end.
enum Tree: String, CustomTestStringConvertible {
  /// 5,000 levels, each with a file.
  case deep
  /// One directory of many files.
  case wide
  /// One directory of many empty directories.
  case manySubdirectories
  /// 200 levels, each with many empty directories beside the one that leads on.
  case wideAtDepth

  var testDescription: String { rawValue }

  /// - Returns: how many files it has.
  func make(in path: String, width: Int) -> Int {
    let top = open(path, O_RDONLY | O_DIRECTORY)
    defer { close(top) }
    switch self {
    case .deep:
      // Forty bytes a level: 200,000 in all, fifty times PATH_MAX.
      descend(from: top, levels: 5000) { close(openat($0, "file", O_CREAT | O_WRONLY, 0o644)) }
      return 5000
    case .wide:
      for number in 0..<width {
        #expect(mknodat(top, "file-\(number)", S_IFREG | 0o644, 0) == 0)
      }
      return width
    case .manySubdirectories:
      for number in 0..<width { #expect(mkdirat(top, "directory-\(number)", 0o755) == 0) }
      return 0
    case .wideAtDepth:
      descend(from: top, levels: 200) { level in
        for number in 0..<(width / 200) { mkdirat(level, "directory-\(number)", 0o755) }
      }
      return 0
    }
  }

  private func descend(from top: Int32, levels: Int, _ fill: (Int32) -> Void) {
    let step = String(repeating: "d", count: 40)
    var level = dup(top)
    for _ in 0..<levels {
      #expect(mkdirat(level, step, 0o755) == 0)
      let next = openat(level, step, O_RDONLY | O_DIRECTORY)
      close(level)
      level = next
      fill(level)
    }
    close(level)
  }
}

/// Whether somebody holds a BSD lock on a file.
private func isLocked(_ path: String) -> Bool {
  let file = open(path, O_RDONLY)
  defer { close(file) }
  return flock(file, LOCK_SH | LOCK_NB) != 0
}
