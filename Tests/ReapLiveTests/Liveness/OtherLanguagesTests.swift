// The documentation's owners in other languages, run as they stand there under a real reapd.

import CrashDrill
import Foundation
import Glibc
import Testing

@Suite(.live) struct OtherLanguagesTests {
  enum Language: String, CaseIterable {
    case sh, python, rust, go, c
  }

  @Test(arguments: Language.allCases)
  func `the documentation's owner is left alone while it lives, and gone once it is killed`(
    language: Language
  ) throws {
    let scratch = Scratch()
    let source = try #require(try example(in: language), "no such block in the page")
    guard let command = try build(source, language, in: scratch) else {
      return skip("no toolchain for \(language)")
    }
    let root = scratch.directory("root")
    let watcher = try Watcher([root], in: scratch, environment: noBackstop)
    let owner = try DoomedProcess(
      command[0], Array(command[1...]) + [root], errors: scratch.path + "/owner.err")
    // What it started may outlive it, and must not keep the directory.
    defer { Glibc.kill(-owner.pid, SIGKILL) }
    let errors = {
      (try? String(contentsOfFile: scratch.path + "/owner.err", encoding: .utf8)) ?? ""
    }
    #expect(
      wait { names(in: root).first.map { watcher.holds("\(root)/\($0)") } ?? false }, "\(errors())")
    let name = try #require(names(in: root).first)
    // Whatever this finds due is past its grace, and so is the owner's by then.
    watcher.catchUp(in: root)
    #expect(explain("\(root)/\(name)")?.reason == "lock-held", "\(errors())")
    #expect(names(in: root) == [name] && owner.isRunning)
    owner.signal(SIGKILL)
    #expect(owner.end() != nil)
    #expect(wait { names(in: root).isEmpty }, "\(language): \(names(in: root))")
    let line = AuditTrail(watcher.auditPath).wait(for: "\(root)/\(name)")
    #expect(line?.reason == "lock-released", "\(language): \(line?.text ?? "no line")")
  }

  /// The block of that language in the page.
  private func example(in language: Language) throws -> String? {
    let page = repository + "/Sources/OwnedDirectories/OwnedDirectories.docc/OtherLanguages.md"
    let text = try String(contentsOfFile: page, encoding: .utf8)
    guard let begin = text.range(of: "\n```\(language.rawValue)\n"),
      let end = text.range(of: "\n```\n", range: begin.upperBound..<text.endIndex)
    else { return nil }
    return String(text[begin.upperBound..<end.lowerBound]) + "\n"
  }

  /// What runs it; nil where nothing here can.
  private func build(_ source: String, _ language: Language, in scratch: Scratch) throws
    -> [String]?
  {
    let endings: [Language: String] = [.sh: "sh", .python: "py", .rust: "rs", .go: "go", .c: "c"]
    let file = scratch.path + "/owner." + endings[language]!
    let program = scratch.path + "/owner"
    try source.write(toFile: file, atomically: true, encoding: .utf8)
    let has = { (command: String) in shell("command -v \(command)").status == 0 }
    let compilers: [[String]] =
      switch language {
      case .sh: [["bash", "-n", file]]
      case .python: [["python3", "-c", ""]]
      case .rust: [["rustc", "--edition=2021", "-o", program, file]]
      case .go: [["go", "build", "-o", program, file], ["gccgo", "-o", program, file]]
      case .c: [["gcc", "-Wall", "-Wextra", "-Werror", "-o", program, file]]
      }
    guard let compiler = compilers.first(where: { has($0[0]) }) else { return nil }
    let result = run("/usr/bin/env", compiler)
    #expect(result.status == 0, "\(language): \(result.error)")
    return switch language {
    case .sh: ["bash", file]
    case .python: ["python3", file]
    default: [program]
    }
  }
}
