// `explain` without a configuration: what a known program leaves is known by its place or its cursor.

import Foundation
import Glibc
import Testing

@Suite("reapd explain without a configuration", .live)
struct ExplainTests {
  private let scratch = Scratch()

  private func explain(_ path: String, _ words: String...) -> (
    status: Int32, output: String, error: String
  ) {
    var environment = ProcessInfo.processInfo.environment
    environment["HOME"] = scratch.path
    for name in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "HYP_HOME"] { environment[name] = nil }
    return run(reapdBinary, ["explain", path] + words, environment: environment)
  }

  private func makePartition(_ path: String) throws {
    _ = scratch.directory(path + "/table/metadata")
    _ = scratch.directory(path + "/table-1795794961000")
    let cursor = #"{"epoch":0,"rowCount":1,"layout":"source-table","tableDir":"table"}"#
    try cursor.write(
      toFile: "\(scratch.path)/\(path)/cursor.json", atomically: false, encoding: .utf8)
  }

  @Test(
    "A partition and what lies in it are known, below the preset's root and elsewhere",
    arguments: [".hyp/hypaware/cache", "copy/of/it"])
  func partition(place: String) throws {
    let partition = place + "/datasets/a/source=x"
    try makePartition(partition)
    for words in [[], ["--json"]] {
      let whole = run(words)
      #expect(whole.status == 0, "\(whole)")
      #expect(whole.output.contains("cursor") && whole.output.contains("table-1795794961000"))
      #expect(whole.error.contains("preset hypaware"), "\(whole.error)")
    }
    func run(_ words: [String]) -> (status: Int32, output: String, error: String) {
      words.isEmpty
        ? explain(scratch.path + "/" + partition)
        : explain(scratch.path + "/" + partition + "/", words[0])
    }
    let one = explain("\(scratch.path)/\(partition)/table-1795794961000", "--json")
    #expect(one.output.contains(#""kind":"generations""#), "\(one)")
    // What is asked for wins.
    let asked = explain(
      "\(scratch.path)/\(partition)/table-1795794961000", "--json", "--kind", "spill")
    #expect(asked.output.contains(#""kind":"spill""#), "\(asked)")
  }

  @Test("A directory in another preset's root, and one that nobody knows")
  func spill() {
    let known = makeOrphan(scratch.directory(".local/share/ant/spill") + "/spill_1_1")
    #expect(explain(known, "--json").output.contains(#""rule":"ant""#))
    let other = makeOrphan(scratch.directory("other") + "/spill_1_1")
    let result = explain(other, "--json")
    #expect(result.output.contains(#""kind":"spill""#) && !result.error.contains("preset"))
  }
}
