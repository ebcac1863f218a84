// Kind files: which entries of a media tree go, and which keys decide that.

import Foundation
import Glibc
import Testing

@Suite("Files", .live)
struct FilesTests {
  private let scratch = Scratch()
  private let media: Media

  init() { media = Media(in: scratch) }

  @Test("Every entry of a tree in the writer's format has the verdict that it should have")
  func tree() throws {
    media.make("images/old.png", days: 8)
    media.make("images/new.png")
    media.make("bid-images/old file é.jpg", days: 30)
    media.make("images/.hidden.png", days: 8)
    media.make("images/index.json", days: 8)
    media.make("images/host.key", days: 8)
    media.make("images/sub.png", days: 8)
    media.make("images/a.png.tmp.1764300000000")
    media.make("videos/open.mp4", days: 8)
    media.make("voice/pinned.ogg", days: 8)
    media.make("voice/linked.ogg", days: 8)
    link(media.path("voice/linked.ogg"), media.path("elsewhere.ogg"))
    mkdir(media.path("images/nested"), 0o755)
    media.make("images/nested/deep.png", days: 8)
    symlink("old.png", media.path("images/link.png"))
    mkfifo(media.path("images/fifo.png"), 0o600)
    // Beside the directories.
    media.make("posts.json", days: 8)
    media.make("agent-keypair.json", days: 8)
    media.make("events.jsonl", days: 8)
    media.make("stray.png", days: 8)
    media.make("posts.json.tmp.1764300000000")
    media.make("events.jsonl.rotate.1764300000000")
    media.make("posts.json.tmp.17643")
    mkdir(media.path("images.jpg.tmp.1764300000001"), 0o755)
    let open = try #require(FileHandle(forReadingAtPath: media.path("videos/open.mp4")))
    defer { try? open.close() }
    _ = run(reapdBinary, ["keep", media.path("voice/pinned.ogg")])

    let expected = [
      "images/old.png": "dispose over-age", "images/new.png": "expendable within-bounds",
      "bid-images/old file é.jpg": "dispose over-age",
      "images/.hidden.png": "keep kept-by-hand", "images/index.json": "keep kept-by-hand",
      "images/host.key": "keep kept-by-hand", "images/sub.png": "dispose over-age",
      "images/a.png.tmp.1764300000000": "dispose stale-temporary",
      "videos/open.mp4": "keep file-open", "voice/pinned.ogg": "keep kept-by-hand",
      "voice/linked.ogg": "dispose over-age", "images/link.png": "keep not-a-file",
      "images/fifo.png": "keep not-a-file",
      "posts.json.tmp.1764300000000": "dispose stale-temporary",
      "events.jsonl.rotate.1764300000000": "dispose stale-temporary",
    ]
    #expect(media.list("require_copy: off, " + Media.calm) == expected)
    let swept = media.sweep("require_copy: off, " + Media.calm)
    let goes = expected.filter { $0.value.hasPrefix("dispose") }.map(\.key)
    for (name, _) in expected {
      #expect(exists(media.path(name)) == !goes.contains(name), "\(name)")
    }
    #expect(swept.summary?.reaped == goes.count, "\(swept.error)")
    for name in ["posts.json", "agent-keypair.json", "events.jsonl", "stray.png", "elsewhere.ogg"] {
      #expect(exists(media.path(name)), "\(name)")
    }
    #expect(exists(media.path("images/nested/deep.png")))
  }

  @Test("Without a copy that is proved nothing goes before pressure, and check-config says so")
  func unproved() throws {
    media.make("images/old.png", days: 800)
    #expect(media.list(Media.calm)["images/old.png"] == "expendable within-bounds")
    #expect(media.list("allow_last_copy: false, " + Media.calm)["images/old.png"] == "keep no-copy")
    #expect(media.sweep(Media.calm).summary?.reaped == 0)
    let printed = run(reapdBinary, ["check-config", "--config", media.rule("")]).output
    #expect(printed.contains("# require_copy: no copy is proved: nothing goes before pressure"))
  }

  @Test("directories, match, max_age and never each decide what goes")
  func keys() throws {
    func fresh() {
      for name in ["images/a.png", "images/b.jpg", "videos/c.mp4", "d.png"] {
        media.make(name, days: 3)
      }
    }
    func goes(_ keys: String) -> Set<String> {
      fresh()
      return Set(
        media.list("require_copy: off, " + keys, preset: nil)
          .filter { $0.value == "dispose over-age" }.map(\.key))
    }
    #expect(goes("directories: [images], max_age: 2d") == ["images/a.png", "images/b.jpg"])
    #expect(goes("directories: [videos], max_age: 2d") == ["videos/c.mp4"])
    #expect(goes("max_age: 2d") == ["d.png"])
    #expect(goes("directories: [images], max_age: 4d") == [])
    #expect(goes("directories: [images], match: '*.png', max_age: 2d") == ["images/a.png"])
    #expect(goes("directories: [images], never: 'a*', max_age: 2d") == ["images/b.jpg"])
  }

  @Test(
    "A program that is asked decides, by its exit status and within its time, for the path alone")
  func command() throws {
    let safe = media.make("images/safe name.png", days: 8)
    media.make("images/unsafe.png", days: 8)
    media.make("images/slow.png", days: 8)
    let new = media.make("images/new.png")
    let program = scratch.path + "/asked"
    try """
    #!/bin/sh
    echo "$1|$2" >> \(scratch.path)/asked.log
    case "$2" in *unsafe*) exit 1;; *slow*) sleep 60;; esac
    """.write(toFile: program, atomically: true, encoding: .utf8)
    chmod(program, 0o755)
    let keys =
      "require_copy: {command: [\(program), 'a b'], timeout: 1s}, allow_last_copy: false, "
      + Media.calm
    let watcher = try media.watch(keys)
    #expect(wait { !exists(safe) }, "\(watcher.background.error)")
    let log = { (try? String(contentsOfFile: scratch.path + "/asked.log", encoding: .utf8)) ?? "" }
    #expect(wait { log().contains("a b|" + media.path("images/slow.png")) })
    #expect(log().contains("a b|\(safe)\n"))
    #expect(!log().contains(new))
    letPass(1.5, "the timeout")
    #expect(exists(media.path("images/unsafe.png")) && exists(media.path("images/slow.png")))
    #expect(watcher.audit.map(\.reason) == ["over-age"])
  }

  @Test("What the rule itself reads is no candidate, and half a key is a key")
  func inUse() throws {
    let media = Media(in: scratch)
    let names = [
      "uploads.log", "posts.db", "server.pem.tmp.1700000000000", "d.key.rotate.1700000000000",
      "old.png",
    ]
    for name in names { media.make(name, days: 30) }
    let keys =
      "max_age: 1d, \(Media.calm), references: [{file: posts.db, fields: [imageUrl]}], "
      + "require_copy: {receipts: {file: \"\(media.root)/uploads.log\"}}"
    #expect(Set(media.list(keys, preset: nil).keys) == Set(names.dropFirst(2)))
    let swept = media.sweep(
      keys.replacingOccurrences(
        of: "{receipts: {file: \"\(media.root)/uploads.log\"}}", with: "off"),
      preset: nil)
    #expect(swept.summary?.reaped == 2, "\(swept)")
    #expect(names.map { exists(media.path($0)) } == [false, true, true, true, false])
  }

  @Test(
    "A stamp beyond what nanoseconds count to is no old one", arguments: ["ext4", "xfs", "tmpfs"])
  func beyond(type: String) throws {
    guard isRoot, let mounted = MountedImage(type, megabytes: 320, in: scratch) else {
      return skip("\(type) could not be mounted")
    }
    let media = Media(in: scratch, at: mounted.path)
    let old = media.make("images/old.png", days: 30)
    // The years 2262, 2400 and 9999: a file system keeps the last that it can.
    let late = [9_223_372_037, 13_569_465_600, 253_402_210_800].map { (seconds: Int) in
      let path = media.make("images/\(seconds).png")
      let time = timespec(tv_sec: seconds, tv_nsec: 0)
      #expect(utimensat(AT_FDCWD, path, [time, time], 0) == 0)
      return path
    }
    let swept = media.sweep("require_copy: off, max_age: 1d, \(Media.calm)")
    #expect(swept.summary?.reaped == 1 && !exists(old), "\(swept)")
    #expect(late.allSatisfy { exists($0) })
  }

  @Test("A dry run says of the last copies what a pass does")
  func dryRun() throws {
    guard isRoot, let mounted = MountedImage("tmpfs", megabytes: 16, in: scratch) else {
      return skip("a tmpfs needs root")
    }
    let media = Media(in: scratch, at: mounted.path)
    for number in 1...6 {
      media.make("images/x\(number).png", bytes: 1 << 20, days: 20 - Double(number))
    }
    // Every second one has no copy, and is asked about only when it is to go.
    let copied = "[/bin/sh, -c, 'case \"$0\" in *[135].png) ;; *) exit 1;; esac']"
    let keys =
      "require_copy: {command: \(copied)}, allow_last_copy: false, "
      + "pressure: {start: 30%, stop: 19%, min_age: 1d}"
    let would = Set(media.list(keys).filter { $0.value.hasPrefix("dispose") }.keys)
    let swept = media.sweep(keys)
    let gone = (1...6).map { "images/x\($0).png" }.filter { !exists(media.path($0)) }
    #expect(swept.summary?.reaped == gone.count && gone.count == 3, "\(swept)")
    #expect(would == Set(gone), "\(would)")
  }

  @Test("A program is asked when after_copy wants the file, and by sweep, too; not before")
  func askedLate() throws {
    let path = media.make("images/a.png")
    let asked = scratch.path + "/asked.log"
    let gone = scratch.path + "/gone"
    let keys =
      "require_copy: {command: [sh, -c, 'echo x >> \(asked); [ ! -e \(gone) ]']}, "
      + "after_copy: 3s, allow_last_copy: false, " + Media.calm
    let watcher = try media.watch(keys)
    letPass(1, "less than after_copy")
    #expect(exists(path) && !exists(asked))
    _ = FileManager.default.createFile(atPath: gone, contents: nil)
    #expect(wait { exists(asked) }, "\(watcher.background.error)")
    letPass(0.3, "the answer")
    #expect(exists(path))
    #expect(watcher.stop().status == 0)
    unlink(gone)
    #expect(media.sweep(keys).summary?.reaped == 1)
  }

  @Test("A stop ends the program that is asked, with its children")
  func stopped() throws {
    media.make("images/a.png")
    let pids = scratch.path + "/pids"
    let watcher = try media.watch(
      "require_copy: {command: [sh, -c, 'sleep 77 & echo $$ $! > \(pids); wait']}, "
        + "after_copy: 0s, " + Media.calm)
    let read = {
      ((try? String(contentsOfFile: pids, encoding: .utf8)) ?? "").split(
        whereSeparator: \.isWhitespace
      )
      .compactMap { Int32($0) }
    }
    #expect(wait { read().count == 2 }, "\(watcher.background.error)")
    #expect(watcher.stop().status == 0)
    let running = {
      read().filter { pid in
        let state = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        return state.map { !$0.contains(") Z ") } ?? false
      }
    }
    #expect(wait { running().isEmpty }, "\(running())")
  }

  @Test("What is written to while a program is asked about it stays")
  func changedMeanwhile() throws {
    let path = media.make("images/a.png", days: 8)
    let program = scratch.path + "/asked"
    try "#!/bin/sh\necho x >> \"$1\"\ntouch -d '8 days ago' \"$1\"\n"
      .write(toFile: program, atomically: true, encoding: .utf8)
    chmod(program, 0o755)
    let swept = media.sweep(
      "require_copy: {command: [\(program)]}, allow_last_copy: false, " + Media.calm)
    #expect(exists(path) && swept.summary?.reaped == 0, "\(swept.error)")
  }

  @Test("Each switch turns the rule off, is told, and leaves a watch that removes nothing")
  func switches() throws {
    let path = media.make("images/old.png", days: 8)
    for (keys, environment) in [
      ("enabled: false", [:]), ("", ["REAPD_ENABLED": "false"]), ("", ["GC_ENABLED": "false"]),
      ("", ["REAPD_SOVRA_MEDIA_ENABLED": "false"]),
    ] {
      let watcher = try Watcher(
        [], grace: nil, in: scratch,
        arguments: ["--config", media.rule("require_copy: off, " + keys)],
        environment: media.state.merging(environment) { $1 }, waitForStart: false)
      #expect(wait { !watcher.said("nothing is removed").isEmpty }, "\(watcher.background.error)")
      letPass(0.3, "a first look, were there one")
      #expect(exists(path) && watcher.background.isRunning)
      #expect(watcher.stop().status == 0)
      let swept = media.sweep("require_copy: off, " + keys, environment: environment)
      #expect(swept.error.contains("nothing is done") && exists(path), "\(swept.error)")
    }
    let watcher = try media.watch("require_copy: off", environment: ["GC_ENABLED": "true"])
    #expect(wait { !exists(path) }, "\(watcher.background.error)")
  }
}
