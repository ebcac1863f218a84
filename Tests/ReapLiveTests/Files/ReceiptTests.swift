// Receipts: what proves that a copy exists, and what does not.

import Foundation
import Glibc
import Testing

@Suite("Receipts of copies", .live)
struct ReceiptTests {
  private let scratch = Scratch()
  private let media: Media

  init() { media = Media(in: scratch) }

  private var writeThrough: String {
    media.receipts + ", " + Media.calm + ", after_copy: 0s, allow_last_copy: false"
  }

  @Test("A file goes when its proof arrives, for no line that does not fit wholly")
  func lines() throws {
    let names = (1...12).map { "images/\($0).png" }
    for name in names { media.make(name) }
    symlink("images", media.path("videos/images"))
    let target = media.make("voice/v.ogg")
    symlink("../voice/v.ogg", media.path("images/link.png"))
    let watcher = try media.watch(writeThrough)
    media.uploaded("images/1.png", bytes: 999)
    media.uploaded("/images/2.png")
    media.uploaded("images/../images/3.png")
    media.uploaded("./images/4.png")
    media.append("x [r2] Uploaded images/5.png (1000 bytes)\n")
    media.append("[r2] Uploaded images/6.png (1000 bytes) x\n")
    media.uploaded("images//7.png")
    media.uploaded("videos/images/8.png")
    media.append("[r2] Uploaded images/9.png (1000 byt")
    media.append("\n[r2] Uploaded images/10.png (01000x bytes)\n")
    media.uploaded("images/link.png")
    media.append("[r2] Upl")
    letPass(0.2, "half of a line")
    media.append("oaded images/11.png (1000 bytes)\n")
    media.append("[r2] Uploaded images/12.png (1000 bytes)")
    #expect(wait { !exists(media.path("images/11.png")) }, "\(watcher.background.error)")
    #expect(names.filter { !exists(media.path($0)) } == ["images/11.png"])
    #expect(exists(target) && exists(media.path("images/link.png")))
    media.append("\n")
    #expect(wait { !exists(media.path("images/12.png")) })
    let reaped = { watcher.audit.filter { $0.action == .reaped } }
    #expect(wait { reaped().count == 2 }, "\(watcher.audit)")
    #expect(reaped().allSatisfy { $0.reason == "copied" && $0.trigger == .copyProved })
  }

  @Test("JSON lines do without a pattern")
  func json() throws {
    for number in 1...4 { media.make("images/\(number).png") }
    let keys =
      "require_copy: {receipts: {file: \"\(media.uploads)\"}}, after_copy: 0s, " + Media.calm
    let watcher = try media.watch(keys)
    media.append(#"{"size": 1000, "name": "images/1.png", "etag": "x"}"# + "\n")
    media.append(#"{"name": "images/2.png", "size": 1000, "size": 1000}"# + "\n")
    media.append(#"{"name": "images/3.png", "size": "1000"}"# + "\n")
    media.append(#"["images/4.png", 1000]"# + "\n")
    #expect(wait { !exists(media.path("images/1.png")) }, "\(watcher.background.error)")
    letPass(0.3, "the other lines")
    #expect(names(in: media.path("images")) == ["2.png", "3.png", "4.png"])
  }

  @Test("A receipt is worth nothing for a file that was written anew, and something over a restart")
  func restart() throws {
    media.uploaded("images/before.png")
    for name in ["before", "kept", "anew", "down"] { media.make("images/\(name).png", days: 8) }
    let keys = media.receipts + ", " + Media.calm + ", max_age: 30d, allow_last_copy: false"
    let watcher = try media.watch(keys)
    media.uploaded("images/kept.png")
    media.uploaded("images/anew.png")
    #expect(wait { media.list(keys)["images/anew.png"] == "expendable within-bounds" })
    #expect(media.list(keys)["images/before.png"] == "keep no-copy")
    #expect(watcher.stop().status == 0)
    media.make("images/anew.png", days: 8)
    media.make("images/since.png", days: 8)
    // Nobody saw when these came; of the second it is known that it came after its file.
    media.uploaded("images/since.png")
    let old = media.receipts + ", " + Media.calm + ", max_age: 7d, allow_last_copy: false"
    let second = try media.watch(old)
    #expect(wait { !exists(media.path("images/kept.png")) }, "\(second.background.error)")
    letPass(0.5, "the lines of the time between")
    #expect(names(in: media.path("images")) == ["anew.png", "before.png", "down.png", "since.png"])
    media.uploaded("images/down.png")
    #expect(wait { !exists(media.path("images/down.png")) }, "\(second.background.error)")
  }

  @Test(
    "What another file in the log's place holds, or is left of it, proves nothing; what comes then does",
    arguments: ["sed -i s/zzz/y/ LOG", "cp LOG n && mv n LOG", "tail -n 2 LOG > n; cat n > LOG"])
  func replaced(_ command: String) throws {
    let names = (1...4).map { "images/\($0).png" }
    for name in names { media.uploaded(name) }
    for name in names + ["images/new.png"] { media.make(name) }
    let watcher = try media.watch(writeThrough)
    let line = "cd \(scratch.path); " + command.replacingOccurrences(of: "LOG", with: "out.log")
    #expect(run("/bin/sh", ["-c", line]).status == 0)
    letPass(1.5, "until the log is taken for settled")
    media.uploaded("images/new.png")
    #expect(wait { !exists(media.path("images/new.png")) }, "\(watcher.background.error)")
    #expect(names.allSatisfy { exists(media.path($0)) }, "\(watcher.audit)")
  }

  @Test("Lines count across rotation, whoever is stopped meanwhile changes what he reads too late")
  func rotated() throws {
    for name in ["a", "b", "c"] { media.make("images/\(name).png") }
    let watcher = try media.watch(writeThrough)
    rename(media.uploads, media.uploads + ".1")
    _ = FileManager.default.createFile(atPath: media.uploads, contents: nil)
    letPass(1.5, "until the log is taken for settled")
    media.uploaded("images/a.png")
    #expect(wait { !exists(media.path("images/a.png")) }, "\(watcher.background.error)")
    // Read at once: the receipt, after which its file was changed, and a line of later.
    kill(watcher.background.pid, SIGSTOP)
    media.uploaded("images/b.png")
    letPass(0.1, "an instant between them")
    media.make("images/b.png")
    media.append("another line\n")
    media.uploaded("images/c.png")
    kill(watcher.background.pid, SIGCONT)
    #expect(wait { !exists(media.path("images/c.png")) }, "\(watcher.background.error)")
    letPass(0.5, "the grace of what was written")
    #expect(exists(media.path("images/b.png")))
    media.uploaded("images/b.png")
    #expect(wait { !exists(media.path("images/b.png")) }, "\(watcher.background.error)")
  }

  @Test("A proof whose file is open waits for its close, and after_copy for its time")
  func open() throws {
    let path = media.make("images/a.png")
    let watcher = try media.watch(writeThrough)
    let reader = try #require(FileHandle(forReadingAtPath: path))
    media.uploaded("images/a.png")
    #expect(wait { explained(path) == "file-open" })
    letPass(0.3, "what would be too early")
    #expect(exists(path))
    #expect(reader.readDataToEndOfFile().count == 1000)
    try reader.close()
    #expect(wait { !exists(path) }, "\(watcher.background.error)")
    #expect(watcher.stop().status == 0)

    let later = media.make("images/b.png")
    let second = try media.watch(
      media.receipts + ", " + Media.calm + ", after_copy: 2s, allow_last_copy: false")
    media.uploaded("images/b.png")
    letPass(1, "less than after_copy")
    #expect(exists(later))
    #expect(wait { !exists(later) }, "\(second.background.error)")
  }

  @Test("A receipt for what somebody may write to proves nothing until another one comes")
  func mapped() throws {
    let path = media.make("images/a.png", bytes: 8192)
    let other = media.make("images/b.png")
    let watcher = try media.watch(writeThrough)
    let file = Glibc.open(path, O_RDWR)
    let memory = try #require(mmap(nil, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0))
    close(file)
    memory.storeBytes(of: 1, as: UInt8.self)
    letPass(0.2, "until its change is older than a look at the log")
    media.append("a line\n")
    letPass(0.2, "until that is read")
    media.uploaded("images/a.png", bytes: 8192)
    media.uploaded("images/b.png")
    #expect(wait { !exists(other) }, "\(watcher.background.error)")
    memory.storeBytes(of: 2, as: UInt8.self)
    munmap(memory, 8192)
    letPass(0.5, "a look at what is closed")
    #expect(exists(path))
    media.uploaded("images/a.png", bytes: 8192)
    #expect(wait { !exists(path) }, "\(watcher.background.error)")
  }

  private func explained(_ path: String) -> String? {
    media.list(writeThrough)[String(path.dropFirst(media.root.count + 1))]?
      .split(separator: " ").last.map(String.init)
  }
}
