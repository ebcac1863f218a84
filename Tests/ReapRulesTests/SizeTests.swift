// Sizes, shares and paths of patterns.

import Testing

@testable import ReapRules

@Suite("Sizes")
struct SizeTests {
  @Test(
    "A size is a whole number and a unit",
    arguments: [
      ("0B", 0), ("64MiB", 64 << 20), ("2GB", 2_000_000_000), ("1kB", 1000), ("1KB", 1000),
      ("1KiB", 1024), ("3TiB", 3 << 40), ("1TB", 1_000_000_000_000),
    ] as [(String, Int64)])
  func sizes(text: String, expected: Int64) { #expect(parseSize(text) == expected) }

  @Test(
    "Anything else is not",
    arguments: ["", "1", "MB", "1.5MB", "-1B", "1 MB", "1M", "1mb", "99999999TiB", "1MBx", "１MB"])
  func notSizes(text: String) { #expect(parseSize(text) == nil) }

  @Test("A size is written so that it is read back, as short as can be")
  func written() {
    for size: Int64 in [0, 1, 999, 1000, 1024, 1536, 32 << 20, 2_000_000_000, 128 << 20, .max] {
      #expect(parseSize(formatSize(size)) == size)
    }
    #expect(formatSize(32 << 20) == "32MiB" && formatSize(2_000_000_000) == "2GB")
    #expect(formatSize(0) == "0B" && formatSize(1001) == "1001B")
  }

  @Test("A share has at most two decimals")
  func shares() {
    for (text, share) in [("0%", 0), ("5%", 500), ("12.5%", 1250), ("0.05%", 5), ("100%", 10_000)] {
      #expect(FreeSpace.parseShare(text) == .share(Int64(share)))
      #expect(FreeSpace.formatShare(Int64(share)) == text)
    }
    for text in ["", "%", "5", "101%", "100.01%", "1.234%", ".5%", "5.%", "-1%", "1,5%"] {
      #expect(FreeSpace.parseShare(text) == nil, "\(text)")
    }
  }

  @Test("Free space is below an amount or a share, not at it")
  func below() {
    #expect(FreeSpace.amount(10).isBelow(free: 9, total: 100))
    #expect(!FreeSpace.amount(10).isBelow(free: 10, total: 100))
    #expect(FreeSpace.share(500).isBelow(free: 4, total: 100))
    #expect(!FreeSpace.share(500).isBelow(free: 5, total: 100))
    #expect(!FreeSpace.amount(10).isBelow(free: 0, total: 0), "no total is no shortage")
    #expect(FreeSpace.share(10_000).isBelow(free: .max - 1_000_000, total: .max))
  }

  @Test("A path of patterns has one for each level")
  func globPaths() throws {
    let path = try GlobPath(GenerationSettings.defaultComplete)
    #expect(path.components.count == 2 && path.components[0].matches(entryName("metadata")))
    #expect(path.components[1].matches(entryName("v12.metadata.json")))
    #expect(!path.components[1].matches(entryName("v.metadata.json")))
    for bad in ["", "/a", "a//b", "a/", "a/../b", "./a", "a/[", "@(a/b)"] {
      #expect(throws: Glob.Malformed.self) { try GlobPath(bad) }
    }
  }
}
