// How `usage` looks: with bars and colours in a terminal, in eighty columns, and plain elsewhere.

import Foundation
import Glibc
import Testing

@Suite("usage, to look at", .serialized, .live)
struct UsageOutputTests {
  private let scratch = Scratch()
  private var state: String { scratch.path + "/state" }

  private func text(inTerminal: Bool, _ arguments: String = "", environment: String = "") -> String
  {
    let tree = scratch.path + "/tree"
    let words =
      "env -u NO_COLOR XDG_STATE_HOME=\(state) TERM=xterm \(environment) \(reapdBinary) usage \(arguments) \(tree)"
    return inTerminal
      ? run("/usr/bin/script", ["-qefc", words, "/dev/null"]).output : shell(words).output
  }

  @Test(
    "has a bar for each row in a terminal, within eighty columns; colours unless NO_COLOR is set")
  func bars() throws {
    for (index, name) in ["half", String(repeating: "long-", count: 40), "\u{1B}[31mred"]
      .enumerated()
    {
      let directory = scratch.directory("tree/" + name)
      let data = Data(count: index == 0 ? 200_000 : 100_000)
      _ = FileManager.default.createFile(
        atPath: directory + "/" + name.prefix(100) + "-file", contents: data)
    }
    for _ in 0..<2 {
      let lines = text(inTerminal: true, environment: "NO_COLOR=1").split(
        whereSeparator: \.isNewline)
      #expect(!lines.contains { $0.contains("\u{1B}") }, "\(lines)")
      let rows = lines.filter { $0.contains("[####") }
      #expect(rows.count == 3 && rows.first?.hasSuffix("half") == true, "\(lines)")
      #expect(rows.first?.contains("[########--------]") == true, "\(lines)")
      #expect(lines.dropFirst().allSatisfy { $0.count <= 80 }, "\(lines)")
      #expect(rows.contains { $0.contains("…") })
    }
    let coloured = text(inTerminal: true)
    #expect(coloured.contains("[\u{1B}[32m########\u{1B}[0m--------] half"), "\(coloured)")
    #expect(!coloured.contains("\u{1B}[31m"))
    let plain = text(inTerminal: false, "--rows 1")
    #expect(!plain.contains("[#") && !plain.contains("\u{1B}"), "\(plain)")
    #expect(plain.contains(" %  half") && plain.contains("and 2 more directories (--rows)"))
    #expect(plain.contains("the 3 largest files") && plain.contains("half/half-file"))
  }

  @Test("says how far it is in a terminal, while it walks")
  func progress() throws {
    let tree = scratch.directory("tree")
    // Directories that answer only when the test lets them: reading one takes its lock.
    let more = "for i in $(seq 300); do mkdir \(tree)/$i && touch \(tree)/$i/{1..100}; done"
    #expect(shell(more).status == 0)
    let slow =
      "env XDG_STATE_HOME=\(state) TERM=xterm strace -f -qq -o /dev/null -e trace=openat2"
      + " -e inject=openat2:delay_enter=2000 \(reapdBinary) usage \(tree)"
    let shown = run("/usr/bin/script", ["-qefc", slow, "/dev/null"]).output
    #expect(shown.contains(/\r[0-9]+ files, [0-9.]+ [KM]iB in \/var\/tmp/), "\(shown.prefix(500))")
    #expect(shell(slow).error == "" && text(inTerminal: true, "--json").contains("files,") == false)
  }

  @Test("tells what is no number for an option, and of depth and rows")
  func options() {
    for bad in ["--depth -1", "--depth x", "--rows -1", "--depth 1001"] {
      #expect(shell("\(reapdBinary) usage \(bad) /tmp").status == 64, "\(bad)")
    }
  }
}
