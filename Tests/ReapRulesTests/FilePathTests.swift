import ReapRules
import Testing

@Suite("Paths as bytes")
struct FilePathTests {
  @Test("Every argument comes through the parser's text as the bytes that it was")
  func argumentsComeThrough() {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SeededRandom(seed: seed)
    // Bytes that begin, go on and break characters, and those of the scalars that stand for bytes.
    let pieces: [[UInt8]] = [
      [0x41], [0x2F], [0xC3], [0xA9], [0xC3, 0xA9], [0xEF, 0xBF, 0xBD], [0xFF], [0xFE],
      [0xED, 0xA0],
      [0xF4], [0xF4, 0x8F], Array("\u{10FEFF}".utf8), Array("\u{10FEC3}".utf8), [0xF4, 0x90],
      [0x80],
    ]
    var texts: [String: [UInt8]] = [:]
    for _ in 0..<5000 {
      let bytes = (0..<random.next() % 6).flatMap { _ in pieces[Int(random.next() % 15)] }
      let text = ArgumentText.encode(bytes)
      #expect(ArgumentText.decode(text) == bytes, "seed \(seed): \(bytes)")
      #expect(texts.updateValue(bytes, forKey: text) ?? bytes == bytes, "seed \(seed): \(bytes)")
    }
  }

  @Test("What is UTF-8 is handed on as it is, the mark of mended text included")
  func textStays() {
    for text in ["", "--config=/a/é", "\u{FFFD}", "\u{10FFFD}", "🗑"] {
      #expect(ArgumentText.encode(Array(text.utf8)) == text)
      #expect(ArgumentText.decode(text) == Array(text.utf8))
    }
    #expect(ArgumentText.encode([0xFF]) != "\u{FFFD}")
  }

  @Test("A path knows its parts, and what lies in it")
  func parts() {
    let path = FilePath(Array("/a/b".utf8) + [0xFF])
    #expect(path.parent == "/a")
    #expect(path.lastComponent == [0x62, 0xFF])
    #expect("\(path)" == "/a/b\\xff")
    #expect(path.text == nil)
    #expect(FilePath("/a").parent == "/" && FilePath("/").parent == nil)
    #expect(FilePath("a").parent == nil && FilePath("a").lastComponent == [0x61])
    #expect(FilePath("/").appending("a") == "/a" && FilePath("/a").appending("b/c") == "/a/b/c")
    #expect(path.isWithin("/a") && path.isWithin(path) && path.isWithin("/"))
    #expect(!path.isWithin("/a/b") && !FilePath("/ab").isWithin("/a"))
  }
}
