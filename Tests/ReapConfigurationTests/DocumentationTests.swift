// The reference for operators tells of every key and of every reason, and of no other.

import Foundation
import ReapRules
import Testing

@testable import ReapConfiguration

@Suite struct DocumentationTests {
  @Test func `the page of the configuration has every key, and no key that does not exist`() throws
  {
    let keys = RuleKey.allCases.map(\.rawValue) + TopLevelKey.allCases.map(\.rawValue)
    #expect(try firstColumn(of: "Configuration.md") == Set(keys))
  }

  @Test func `the page of the decisions has every reason, and no reason that does not exist`()
    throws
  {
    #expect(
      try firstColumn(of: "HowItDecides.md") == Set(Reason.allCases.map(\.rawValue)))
  }

  /// The words in backquotes in the first column of the page's tables.
  private func firstColumn(of page: String) throws -> Set<String> {
    let repository = URL(filePath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let file = repository.appending(path: "Sources/reapd/reapd.docc/\(page)")
    let text = try String(contentsOf: file, encoding: .utf8)
    var words: Set<String> = []
    for line in text.split(separator: "\n") where line.hasPrefix("| ") {
      let cell = line.dropFirst().prefix { $0 != "|" }
      // Every other part lies between two backquotes.
      for (index, part) in cell.split(separator: "`", omittingEmptySubsequences: false).enumerated()
      where index % 2 == 1 {
        words.insert(String(part))
      }
    }
    return words
  }
}
