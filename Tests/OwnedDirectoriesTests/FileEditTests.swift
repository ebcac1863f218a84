import Foundation
import Glibc
import ReapRules
import Testing

@testable import OwnedDirectories

@Suite("Editing a file that others rewrite")
struct FileEditTests {
  private let path: String
  private let directory: Descriptor
  private let name = EntryName("store.json")!

  init() throws {
    path = try makeUniqueDirectory("/var/tmp/reapd-edit.")
    directory = try openForReading(FilePath(path))
    signal(SIGIO, SIG_IGN)
    write("old")
  }

  private var file: String { path + "/store.json" }
  private func write(_ text: String) { try? Data(text.utf8).write(to: URL(filePath: file)) }
  private var text: String? { try? String(contentsOfFile: file, encoding: .utf8) }
  private var entries: [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
  }

  private func edit(_ body: () -> String?) throws -> FileEdit {
    defer { directory.close() }
    defer { try? FileManager.default.removeItem(atPath: path) }
    var result = FileEdit.unneeded
    // A program that another test starts has the files of this process for a moment.
    for _ in 0..<100 {
      result = try editFile(name, at: directory, limit: 100, temporary: EntryName("t")!) { _ in
        body().map { Array($0.utf8) }
      }
      guard result == .givenUp("somebody writes it") else { break }
      usleep(10_000)
    }
    try check(result)
    return result
  }

  /// No temporary file is left, whatever came of it.
  private func check(_ result: FileEdit) throws {
    #expect(entries == ["store.json"])
    if case .givenUp = result { #expect(text != "edited") }
    if result == .done { #expect(text == "edited") }
  }

  @Test("It is replaced where nobody came in between")
  func plain() throws { #expect(try edit { "edited" } == .done) }

  @Test("It is left alone where there is nothing to edit")
  func unneeded() throws { #expect(try edit { nil } == .unneeded) }

  @Test("What is renamed over it meanwhile stays")
  func renamed() throws {
    let result = try edit {
      try? Data("new".utf8).write(to: URL(filePath: file), options: .atomic)
      return "edited"
    }
    #expect(result == .givenUp("it was changed meanwhile"))
  }

  @Test("Who opens it to write in place meanwhile writes into what has its name then")
  func inPlace() throws {
    let file = file
    let opened = DispatchSemaphore(value: 0)
    let thread = Foundation.Thread {
      // Blocks until the lease is given back.
      let descriptor = Glibc.open(file, O_WRONLY | O_TRUNC | O_CLOEXEC)
      _ = Glibc.write(descriptor, "newer", 5)
      Glibc.close(descriptor)
      opened.signal()
    }
    defer { directory.close() }
    defer { try? FileManager.default.removeItem(atPath: path) }
    let result = try editFile(name, at: directory, limit: 100, temporary: EntryName("t")!) { _ in
      thread.start()
      // Until it waits: the kernel has begun to break the lease.
      usleep(300_000)
      return Array("edited".utf8)
    }
    opened.wait()
    #expect(result == .givenUp("it was changed meanwhile"))
    #expect(text == "newer" && entries == ["store.json"])
  }

  @Test("It is left alone while somebody has it open for writing, has other names, or is a link")
  func refused() throws {
    let writer = Glibc.open(file, O_WRONLY | O_CLOEXEC)
    #expect(
      try editFile(name, at: directory, limit: 100, temporary: EntryName("t")!) { _ in [] }
        == .givenUp("somebody writes it"))
    Glibc.close(writer)
    link(file, path + "/other")
    #expect(
      try editFile(name, at: directory, limit: 100, temporary: EntryName("t")!) { _ in [] }
        == .givenUp("it has several names"))
    unlink(path + "/other")
    #expect(
      try editFile(name, at: directory, limit: 2, temporary: EntryName("t")!) { _ in [] }
        == .givenUp("it is too large"))
    rename(file, path + "/other")
    symlink("other", file)
    #expect(throws: SystemError.self) {
      try editFile(name, at: directory, limit: 100, temporary: EntryName("t")!) { _ in [] }
    }
    directory.close()
    try? FileManager.default.removeItem(atPath: path)
  }
}
