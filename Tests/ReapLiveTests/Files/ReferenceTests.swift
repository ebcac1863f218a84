// JSON stores that name files: what leads nowhere is taken out, and nothing that anybody writes is lost.

import Foundation
import Glibc
import Testing

@Suite("References to files", .live)
struct ReferenceTests {
  private let scratch = Scratch()

  private func media() -> Media? {
    guard isRoot, let mounted = MountedImage("tmpfs", megabytes: 40, in: scratch) else {
      skip("a tmpfs needs root")
      return nil
    }
    return Media(in: scratch, at: mounted.path)
  }

  private let keys =
    "pressure: {start: 70%, stop: 60%}, references: [{file: posts.json, fields: [imageUrl, videoUrl]}]"

  private func store(_ media: Media, _ text: String) throws {
    try text.write(toFile: media.path("posts.json"), atomically: false, encoding: .utf8)
  }

  private func stored(_ media: Media) throws -> String {
    try String(contentsOfFile: media.path("posts.json"), encoding: .utf8)
  }

  @Test("What pressure has ended is named no more; every other byte stays, as does the file's mode")
  func cleaned() throws {
    guard let media = media() else { return }
    media.make("images/a.png", bytes: 15 << 20, days: 9)
    media.make("images/b.png", bytes: 15 << 20, days: 8)
    try store(
      media,
      #"[ {"n":1.50, "imageUrl":"https:\/\/x.example/images/a.png" , "é":"\u00e9"},{"imageUrl":"/images/b.png"},{"imageUrl":"/videos/a.png"}]"#
    )
    chmod(media.path("posts.json"), 0o640)
    chown(media.path("posts.json"), 1234, 1234)
    let watcher = try media.watch(keys)
    #expect(wait { !exists(media.path("images/a.png")) }, "\(watcher.background.error)")
    let expected =
      #"[ {"n":1.50, "é":"\u00e9"},{"imageUrl":"/images/b.png"},{"imageUrl":"/videos/a.png"}]"#
    #expect(wait { (try? stored(media)) == expected }, "\((try? stored(media)) ?? "")")
    var facts = stat()
    #expect(stat(media.path("posts.json"), &facts) == 0)
    #expect(facts.st_mode & 0o7777 == 0o640 && facts.st_uid == 1234 && facts.st_gid == 1234)
    // What stood in its place is removed a moment later.
    #expect(wait { names(in: media.root).allSatisfy { !$0.contains(".tmp.") } })
  }

  @Test("Off by default, and nothing is done to a store that does not parse")
  func untouched() throws {
    guard let media = media() else { return }
    for broken in [nil, "[", "", #"{"imageUrl":"/images/a.png","imageUrl":"/images/a.png"}"#] {
      media.make("images/a.png", bytes: 30 << 20, days: 9)
      let text = broken ?? #"[{"imageUrl":"/images/a.png"}]"#
      try store(media, text)
      let keys = broken == nil ? "pressure: {start: 70%, stop: 60%}" : keys
      #expect(media.sweep(keys).summary?.reaped == 1)
      #expect(try stored(media) == text)
    }
  }

  @Test("A store that is rewritten all the time keeps what was written last")
  func rewritten() throws {
    guard let media = media() else { return }
    let count = 60
    for number in 0..<count {
      media.make("images/\(100 + number).png", bytes: 256 << 10, days: 90 - Double(number))
    }
    media.make("videos/large.mp4", bytes: 20 << 20)
    // By rename, and in place, in turns; each has a number that only grows.
    let writer = try Background(
      "/usr/bin/python3",
      [
        "-c",
        """
        import json, os, sys, time
        path, end = sys.argv[1], time.time() + 6
        n = 0
        while time.time() < end:
            n += 1
            text = json.dumps({"n": n, "posts": [{"imageUrl": "/images/%d.png" % (100 + i)} for i in range(60)]})
            if n % 2:
                with open(path + ".new", "w") as f: f.write(text)
                os.rename(path + ".new", path)
            else:
                with open(path, "r+") as f:
                    f.seek(0); f.write(text); f.truncate()
            seen = json.load(open(path))["n"]
            if seen != n: print("lost", n, seen, flush=True)
        print("last", n, flush=True)
        """, media.path("posts.json"),
      ], in: scratch)
    #expect(wait { exists(media.path("posts.json")) })
    let watcher = try media.watch(keys + ", directories: [images]")
    #expect(wait { watcher.audit.count > 20 }, "\(watcher.background.error)")
    #expect(writer.exitStatus(within: 60) == 0, "\(writer.error)")
    #expect(writer.lines.count == 1, "\(writer.lines)")
    let last = try #require(Int(writer.lines.last?.split(separator: " ").last ?? ""))
    #expect(try stored(media).hasPrefix(#"{"n": \#(last), "#))
  }
}
