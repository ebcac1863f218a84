// What is older than the machine's boot. Nobody can set a birth time but who writes the disk itself: the
// tests make a file system and change its inodes.

import Foundation
import Glibc
import Testing

@Suite("Scratch that is older than the machine's boot", .serialized, .live)
struct ScratchBootTests {
  private let scratch = Scratch()

  /// Whether the kernel's count of the boot can be believed, asked of other programs.
  private var isClockSound: Bool {
    let words = shell(
      """
      [ "$(awk '$2 == "/dev" {t = $3} END {print t}' /proc/mounts)" = devtmpfs ] &&
      awk -v born="$(stat -c %W /dev)" '$1 == "btime" {d = $2 - born; exit !(d <= 60 && d >= -60)}' \
        /proc/stat
      """)
    return words.status == 0
  }

  @Test("It goes where the clock can be believed, and is in doubt where it cannot")
  func older() throws {
    guard isRoot else { return skip("a file system of one's own is needed") }
    let image = scratch.path + "/image"
    let tree = scratch.directory("tree")
    for name in ["work-old", "work-new", "work-touched"] {
      _ = scratch.directory("tree/\(name)")
      _ = FileManager.default.createFile(atPath: "\(tree)/\(name)/data", contents: Data("x".utf8))
    }
    // 2020-01-01, for all but what says otherwise.
    let made = shell(
      """
      set -e
      export PATH="$PATH:/sbin:/usr/sbin"
      truncate -s 16M '\(image)'
      mkfs.ext4 -q -I 256 -d '\(tree)' '\(image)'
      for path in /work-old /work-old/data /work-touched /work-touched/data; do
        for field in crtime ctime mtime; do
          [ $path/$field = /work-touched/data/ctime ] ||
            debugfs -w -R "set_inode_field $path $field 20200101000000" '\(image)' 2>/dev/null
        done
      done
      """)
    #expect(made.status == 0, "\(made.error)")
    let root = scratch.directory("mount")
    let mounted = shell("mount -o loop '\(image)' '\(root)'")
    guard mounted.status == 0 else { return skip("no loop mounts: \(mounted.error)") }
    defer { _ = shell("umount '\(root)'") }
    let config = try scratchRule(
      "match: 'work-*', grace: 100ms, owned_by: [{boot: true}]", root: root, in: scratch)
    letPass(0.3, "the grace")
    let isSound = isClockSound
    print("the clock can be believed: \(isSound)")
    for (name, reason) in [
      ("work-old", "before-boot"), ("work-new", "unproved"), ("work-touched", "unproved"),
    ] {
      let found = explain("\(root)/\(name)", config: config)
      #expect(found?.reason == (isSound ? reason : "boot-unknown"), "\(name)")
    }
  }
}
