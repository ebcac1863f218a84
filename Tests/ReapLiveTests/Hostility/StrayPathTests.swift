// Paths that are no UTF-8, from the command line to the audit; beside each lies a directory of the
// name that mending them would give.

import Foundation
import Glibc
import Testing

@Suite("Paths that are not UTF-8", .serialized, .live)
struct StrayPathTests {
  private let scratch = Scratch()
  /// What the shell makes of it has one byte, 0xFF, in the place of the three that U+FFFD has.
  private static let stray = "r$'\\xff'"

  /// Makes an orphan below the stray directory, and one below its look-alike.
  private func makeOrphans() -> String {
    let top = scratch.directory("top")
    let made = shell(
      """
      for d in \(top)/\(Self.stray) \(top)/$'r\\xef\\xbf\\xbd'; do
        mkdir -p "$d"/spill_1_1 && : > "$d"/spill_1_1/.lock || exit
      done; sleep 0.1
      """)
    #expect(made.status == 0, "\(made.error)")
    return top
  }

  /// Names below the stray directory, then below its look-alike.
  private func left(_ top: String) -> (stray: String, likeness: String) {
    (
      shell("ls -A \(top)/\(Self.stray)").output,
      shell("ls -A \(top)/$'r\\xef\\xbf\\xbd'").output
    )
  }

  private func reapd(_ words: String) -> (status: Int32, output: String, error: String) {
    shell("export XDG_CONFIG_HOME=\(scratch.path)/none; exec '\(reapdBinary)' \(words)")
  }

  @Test("A sweep works in the named root and notes its bytes; its likeness is not touched")
  func sweep() throws {
    let top = makeOrphans()
    let audit = "\(scratch.path)/\(Self.stray).jsonl"
    let result = reapd("sweep --grace 10ms --audit-log \(audit) --json \(top)/\(Self.stray)")
    #expect(result.status == 0, "\(result.error)")
    #expect(left(top) == ("", "spill_1_1\n"))
    let path = Data(Array("\(top)/r".utf8) + [0xFF] + Array("/spill_1_1".utf8))
      .base64EncodedString()
    let line = "\"path_b64\":\"\(path)\""
    #expect(result.output.contains(line))
    #expect(shell("cat \(audit)").output.contains(line))
    #expect(result.error.isEmpty || result.error.contains("\\xff"), "\(result.error)")
  }

  @Test("Two roots that would be mended to one name are two")
  func both() {
    let top = makeOrphans()
    let result = reapd(
      "sweep --grace 10ms --audit-log \(scratch.path)/a \(top)/\(Self.stray) \(top)/r$'\\xfe'")
    // The root that is there is swept; the other one, which somebody has typed, is an error.
    #expect(result.status == 65)
    #expect(result.error.contains("\(top)/r\\xfe does not exist"), "\(result.error)")
    #expect(left(top) == ("", "spill_1_1\n"))
  }

  @Test("watch, list, explain and the configuration file take such a path, also with '='")
  func others() throws {
    let top = makeOrphans()
    let root = "\(top)/\(Self.stray)"
    #expect(reapd("list --grace 10ms \(root)").output.contains("\(top)/r\\xff/spill_1_1"))
    #expect(reapd("explain --grace 10ms \(root)/spill_1_1").output.contains("r\\xff/spill_1_1"))
    #expect(shell("echo 'rules: [{name: a, kind: spill, root: $R}]' > \(root).yaml").status == 0)
    let checked = shell("R=\(root) '\(reapdBinary)' check-config --config=\(root).yaml")
    #expect(checked.output.contains("root: null # \(top)/r\\xff"), "\(checked)")

    // exec: the shell only makes the bytes.
    let script = "exec \"$0\" watch --grace 10ms --audit-log \(scratch.path)/a \(root)"
    let watcher = try Background(
      "/bin/bash", ["-c", script, reapdBinary], in: scratch,
      environment: ["REAPD_BACKSTOP": "off", "XDG_CONFIG_HOME": scratch.path + "/none"])
    #expect(wait { left(top).stray.isEmpty }, "\(watcher.error)")
    // Gone and back again: its ancestors are bytes, too.
    #expect(wait { watcher.error.contains("watching \(top)/r\\xff") }, "\(watcher.error)")
    #expect(shell("mv \(root) \(top)/aside").status == 0)
    #expect(wait { watcher.error.contains("r\\xff is gone") }, "\(watcher.error)")
    #expect(shell("mkdir -p \(root)/spill_2_2; : > \(root)/spill_2_2/.lock").status == 0)
    #expect(wait { left(top).stray.isEmpty }, "\(watcher.error)")
    #expect(left(top).likeness == "spill_1_1\n")
  }

  @Test("A home directory of such a name is the one that is meant")
  func home() {
    let top = scratch.directory("top")
    let spill = "\(top)/\(Self.stray)/.local/share/ant/spill"
    #expect(
      shell("mkdir -p \(spill)/spill_1_1; : > \(spill)/spill_1_1/.lock; sleep 0.1").status == 0)
    let result = shell(
      """
      unset XDG_DATA_HOME XDG_CONFIG_HOME XDG_STATE_HOME
      HOME=\(top)/\(Self.stray) '\(reapdBinary)' sweep --preset ant --grace 10ms \
        --audit-log \(scratch.path)/a
      """)
    #expect(result.status == 0, "\(result.error)")
    #expect(shell("ls -A \(spill)").output.isEmpty, "\(result)")
  }

  @Test("A pattern that text cannot hold is refused, not mended")
  func pattern() {
    let root = scratch.directory("top/root")
    let result = reapd("list --match spill_$'\\xff' \(root)")
    #expect(result.status == 64)
    #expect(result.error.contains("--match is 'spill_\\xff', which is not UTF-8"))
  }
}
