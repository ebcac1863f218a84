// A log that is cut while it waits for its turn: nothing was read of it, so nothing but what lies beside it
// tells.

import Foundation
import Glibc
import OwnedDirectories
import Testing

@testable import Watching

@Suite("A log that waits for its turn", .timeLimit(.minutes(1)), .serialized)
struct TailWaitingTests {
  private let folder: String
  private var log: String { folder + "/app.log" }

  init() {
    var template = Array("/var/tmp/reapd-waiting.XXXXXX".utf8CString)
    folder = String(cString: mkdtemp(&template))
  }

  private func write(_ lines: Range<Int>) {
    let file = Glibc.open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    defer { close(file) }
    let text = lines.map { String(format: "%08d and what else a line has to say here\n", $0) }
      .joined()
    #expect(text.withCString { Glibc.write(file, $0, strlen($0)) } == text.utf8.count)
  }

  /// What logrotate's copytruncate does, with compress or without.
  private func rotate(packing: Bool) {
    func run(_ command: String) {
      let process = Process()
      process.executableURL = URL(filePath: "/bin/sh")
      process.arguments = ["-ec", command]
      process.currentDirectoryURL = URL(filePath: folder)
      try? process.run()
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
    }
    let suffix = packing ? ".gz" : ""
    for number in (1...8).reversed() {
      let name = "\(log).\(number)\(suffix)"
      if access(name, F_OK) == 0 { rename(name, "\(log).\(number + 1)\(suffix)") }
    }
    run("cp -p app.log app.log.1 && : >app.log")
    if packing { run("gzip app.log.1") }
  }

  /// Follows until a line is there; what was given out.
  ///
  /// - Parameter step: called with the number of each line before it is taken.
  private func follow(until last: Int, _ step: (Int) -> Void = { _ in }) throws -> [Int] {
    let loop = try TailLoop(
      [Array(log.utf8)],
      TailSettings(from: .start, checkpoint: Array((folder + "/checkpoint").utf8))
    ) { print($0) }
    let stop = loop.stopper
    let watchdog = Thread.start(named: "watchdog") {
      usleep(20_000_000)
      stop()
    }
    defer { withExtendedLifetime(watchdog) {} }
    var numbers: [Int] = []
    _ = loop.run { piece in
      let text = String(decoding: piece.buffer.bytes(piece.range), as: UTF8.self)
      for line in text.split(separator: "\n") {
        let number = Int(line.prefix(8)) ?? -1
        step(number)
        numbers.append(number)
        if number == last { stop() }
      }
      return piece.range.count
    }
    return numbers
  }

  /// Says where it goes wrong instead of printing all of them.
  private func expect(_ numbers: [Int], toBe wanted: Range<Int>) {
    let wrong = zip(numbers, wanted).first { $0 != $1 }
    #expect(wrong == nil, "where the second was wanted")
    #expect(numbers.count == wanted.count)
  }

  @Test(
    "What is cut off it after a restart, before its turn, is given out first",
    arguments: [false, true])
  func restart(packing: Bool) throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    write(0..<100)
    expect(try follow(until: 99), toBe: 0..<100)
    write(100..<200)
    rotate(packing: packing)
    write(200..<300)
    rotate(packing: packing)
    write(300..<400)
    var turns = 0
    let numbers = try follow(until: 599) { number in
      // While what came before is read: the log is cut twice more, and not a byte of it was read.
      guard number == 150 || number == 250 else { return }
      turns += 1
      rotate(packing: packing)
      write((300 + turns * 100)..<(400 + turns * 100))
    }
    #expect(turns == 2)
    expect(numbers, toBe: 100..<600)
  }

  @Test("The same while it runs", arguments: [false, true])
  func running(packing: Bool) throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    write(0..<100)
    var turns = 0
    let numbers = try follow(until: 499) { number in
      switch number {
      case 99:
        // Lines that were not read yet go into the copy, and it is cut.
        write(100..<200)
        rotate(packing: packing)
        write(200..<300)
      case 150, 250:
        turns += 1
        rotate(packing: packing)
        write((200 + turns * 100)..<(300 + turns * 100))
      default: break
      }
    }
    #expect(turns == 2)
    expect(numbers, toBe: 0..<500)
  }
}
