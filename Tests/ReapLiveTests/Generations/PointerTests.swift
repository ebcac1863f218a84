// Cursors of other formats: a line of text, a symbolic link, a path into JSON.

import Foundation
import Glibc
import Testing

@Suite("Pointers of other formats", .serialized, .live)
struct PointerTests {
  private let scratch = Scratch()

  /// A partition whose generations are `gen-<n>`, each complete.
  private func partition(_ root: String, _ generations: ClosedRange<Int>) -> Partition {
    let partition = Partition(root + "/p", cursor: nil)
    for number in generations { partition.generation("gen-\(number)") }
    return partition
  }

  private func rule(_ root: String, cursor: String, layouts: String) -> GenerationRule {
    GenerationRule(
      root, ["cursor": cursor, "layouts": layouts, "match": "'gen-+([0-9])'", "quiet": "500ms"],
      in: scratch)
  }

  /// Replaces a link as programs do: by a rename, or by removing it first.
  private func link(_ partition: Partition, _ target: String, byRename: Bool) {
    if byRename {
      #expect(symlink(target, partition["current.new"]) == 0)
      #expect(rename(partition["current.new"], partition["current"]) == 0)
    } else {
      unlink(partition["current"])
      wait(seconds: 0.5) { false }  // so that its removal alone does not tell of the new one
      #expect(symlink(target, partition["current"]) == 0)
    }
  }

  @Test("A link's generation stays, and what it says anew is news", arguments: [true, false])
  func link(byRename: Bool) throws {
    let root = scratch.directory("root")
    let partition = partition(root, 1...3)
    link(partition, "gen-2", byRename: byRename)
    let rule = rule(root, cursor: "current", layouts: "[{link: '{}'}]")
    let watcher = try rule.watch()
    #expect(wait(seconds: 60) { names(in: partition.path) == ["current", "gen-2"] })
    for (number, target) in [(3, "./gen-3"), (4, "gen-4")] {
      let next = partition.generation("gen-\(number)")
      link(partition, target, byRename: byRename)
      #expect(
        wait(seconds: 60) { names(in: partition.path) == ["current", "gen-\(number)"] },
        "\(watcher.audit)")
      #expect(exists(next) && partition.isWhole("gen-\(number)"))
    }
    // What leads anywhere else, or nowhere, keeps everything.
    for target in ["/gen-4", "sub/gen-4", "gen-9", "other"] {
      link(partition, target, byRename: byRename)
      let orphan = partition.generation("gen-5")
      #expect(!wait(seconds: 1.5) { !exists(orphan) }, "\(target)")
    }
    #expect(watcher.audit.allSatisfy { $0.action != .failed })
    #expect(watcher.stop().status == 0)
  }

  @Test("A link where a file is expected keeps everything, and so does a file for a link")
  func otherType() throws {
    let root = scratch.directory("root")
    let partition = partition(root, 1...2)
    let all = ["current", "gen-1", "gen-2"]
    link(partition, "gen-2", byRename: true)
    waitQuiet()
    for layouts in ["[{text: '{}'}]", "hypaware", "[{field: a, pattern: '{}'}]"] {
      _ = rule(root, cursor: "current", layouts: layouts).sweep()
      #expect(names(in: partition.path) == all, "\(layouts)")
    }
    unlink(partition["current"])
    partition.put("current", "gen-2")
    _ = rule(root, cursor: "current", layouts: "[{link: '{}'}]").sweep()
    #expect(names(in: partition.path) == all)
    _ = rule(root, cursor: "current", layouts: "[{link: '{}'}, {text: '{}'}]").sweep()
    #expect(names(in: partition.path) == ["current", "gen-2"])
  }

  @Test("A line of text names the live one, written in place or replaced")
  func text() throws {
    let root = scratch.directory("root")
    let partition = partition(root, 1...3)
    partition.put("version-hint.text", "2")
    let rule = rule(root, cursor: "version-hint.text", layouts: "[{text: 'gen-{}'}]")
    let watcher = try rule.watch()
    #expect(wait(seconds: 60) { names(in: partition.path) == ["gen-2", "version-hint.text"] })
    partition.generation("gen-3")
    let hint = open(partition["version-hint.text"], O_WRONLY | O_TRUNC)
    #expect(write(hint, "3\n", 2) == 2)
    close(hint)
    #expect(wait(seconds: 60) { names(in: partition.path) == ["gen-3", "version-hint.text"] })
    partition.generation("gen-4")
    partition.put("hint.new", "4")
    #expect(rename(partition["hint.new"], partition["version-hint.text"]) == 0)
    #expect(wait(seconds: 60) { names(in: partition.path) == ["gen-4", "version-hint.text"] })
    partition.put("version-hint.text", "4\n5\n")
    let orphan = partition.generation("gen-5")
    #expect(!wait(seconds: 1.5) { !exists(orphan) })
    #expect(watcher.stop().status == 0)
  }

  @Test("A path leads into JSON")
  func path() {
    let root = scratch.directory("root")
    let partition = partition(root, 1...2)
    partition.put("HEAD", #"{"current":{"dir":"gen-2"}}"#)
    waitQuiet()
    _ = rule(root, cursor: "HEAD", layouts: "[{field: current, pattern: '{}'}]").sweep()
    #expect(names(in: partition.path) == ["HEAD", "gen-1", "gen-2"])
    _ = rule(root, cursor: "HEAD", layouts: "[{field: current.dir, pattern: '{}'}]").sweep()
    #expect(names(in: partition.path) == ["HEAD", "gen-2"])
  }

  @Test("compact refuses what it could not write")
  func compact() {
    let root = scratch.directory("root")
    let partition = partition(root, 1...1)
    link(partition, "gen-1", byRename: true)
    let rule = rule(root, cursor: "current", layouts: "[{link: '{}'}]")
    let result = run(reapdBinary, ["compact", "--config", rule.path, partition.path])
    #expect(result.status == 65, "\(result)")
    #expect(result.error.contains("other layouts than hypaware"), "\(result)")
  }

  @Test("Generations of hypaware's purge go like others, and what it keeps for itself stays")
  func purge() throws {
    let root = scratch.directory("root")
    let named = "table-1795794961000-3f2c7f0e-8d2b-4d57-9a51-0c7f6a1f2b33"
    let partition = Partition(root + "/datasets/a/source=x", cursor: nil)
    for name in ["table", "table-1795794950000", named] { partition.generation(name) }
    partition.put(
      "cursor.json",
      """
      {"epoch":0,"rowCount":1,"compaction":null,"layout":"source-table","tableDir":"\(named)",
      "pendingFallbacks":0}
      """)
    var kept: [String] = []
    for place in [".purge-cleanup", ".retired", "_hypaware_spool", "tables_backup"] {
      let inside = Partition(partition[place], live: "table-2")
      kept.append(inside.generation("table-1"))
    }
    let watcher = try GenerationRule(root, in: scratch).watch()
    #expect(
      wait(seconds: 60) {
        !exists(partition["table"]) && !exists(partition["table-1795794950000"])
      }, "\(watcher.audit)")
    partition.flip(to: "table-1795794962000")
    partition.generation("table-1795794962000")
    #expect(wait(seconds: 60) { !exists(partition[named]) }, "\(watcher.audit)")
    for path in kept { #expect(exists(path), "\(path)") }
    #expect(watcher.stop().status == 0)
  }
}
