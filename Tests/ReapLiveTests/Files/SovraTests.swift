// The log and the media of one program, in one directory and on one file system, by both of its presets.

import Foundation
import Glibc
import Testing

@Suite("Log and media together", .live)
struct SovraTests {
  private let scratch = Scratch()

  @Test("60 MB of events beside 12 MB of old media: the log is cut, and media go at the mark only")
  func together() throws {
    guard isRoot, let mounted = MountedImage("tmpfs", megabytes: 104, in: scratch) else {
      return skip("a tmpfs needs root")
    }
    // Of 100 the copy of the log's tail would reach the mark for a moment.
    let media = Media(in: scratch, at: mounted.path)
    let log = media.path("events.jsonl")
    writeLog(log, lines: 0..<200_000, padding: 280)
    let old = (10..<22).map { "old-\($0).png" }
    for (number, name) in old.enumerated() {
      media.make("images/\(name)", bytes: 1_000_000, days: 20 - Double(number))
    }
    let other = ["posts.json", "donation-refund-state.json", "agent-keypair.json"]
    for name in other { media.make(name, bytes: 2) }
    #expect((6300..<6800).contains(media.used), "\(media.used)")

    let file = scratch.path + "/rules.yaml"
    let rules = ["log", "media"].map {
      "  - {preset: sovra-\($0), root: \(media.root), grace: 1s}\n"
    }
    let text = "backstop: off\nrules:\n" + rules.joined()
    #expect(FileManager.default.createFile(atPath: file, contents: Data(text.utf8)))
    let watcher = try Watcher(
      [], grace: nil, in: scratch, arguments: ["--config", file], environment: media.state,
      waitForStart: false)
    #expect(wait(seconds: 10) { fileSize(log) < 50 << 20 }, "\(watcher.background.error)")
    #expect((10_000..<10_500).contains(numbers(inLog: log).count))
    #expect(wait { media.used < 2000 }, "\(media.used)")
    #expect(names(in: media.path("images")) == old)

    var written = 0
    while media.used <= 7000, written < 100 {
      media.make("videos/new-\(100 + written).mp4", bytes: 1_000_000, days: 2)
      written += 1
    }
    #expect(wait { media.used <= 6000 }, "\(media.used) \(watcher.background.error)")
    #expect(media.used > 5800 && names(in: media.path("videos")).count == written)
    // The oldest went, in order, and what no rule names was nobody's to take.
    let gone = watcher.audit.filter { $0.action == .reaped }
    #expect(gone.map(\.path) == old.prefix(gone.count).map { media.path("images/" + $0) })
    #expect(gone.count >= 10 && gone.allSatisfy { $0.reason == "pressure" })
    #expect(other.allSatisfy { exists(media.path($0)) } && exists(log))
    let (status, summary) = watcher.stop()
    #expect(status == 0 && summary?.trimmed == 1 && summary?.backstopNeeded == 0)
  }
}
