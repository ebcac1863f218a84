// Which entry an operator means by an id or a path.

import Testing

@testable import ReapRules

@Suite("Restore requests")
struct RestoreRequestTests {
  private let claim = ClaimName(
    claimedAt: NameTests.stamp, original: EntryName([0x61, 0x0A, 0xFF])!)!

  @Test(
    "All digits name a claim, everything else a path",
    arguments: [
      ("1795216876835000001", true), ("1", true), ("./1795216876835000001", false),
      ("1795216876835000001x", false), ("-1", false), ("/r/p/table-2", false), ("table-2", false),
    ])
  func parse(text: String, isID: Bool) {
    let request = RestoreRequest(bytes(text)) { $0 }
    #expect(request == (isID ? .id(text) : .path(bytes(text))))
  }

  @Test("What cannot be the path of a directory is no request; an empty text is no id")
  func refused() {
    #expect(RestoreRequest(bytes("..")) { _ in nil } == nil)
    #expect(RestoreRequest([]) { _ in nil } == nil)
  }

  @Test("A claim is meant by its whole id, its claimed path or its old one, in its own directory")
  func meaning() {
    let directory = bytes("/r/p")
    let meant: [RestoreRequest] = [
      .id("1795216876835000001"), .path(directory + bytes("/") + claim.entry.bytes),
      .path(directory + bytes("/") + claim.original.bytes),
    ]
    let paths = [claim.entry, claim.original].map { directory + bytes("/") + $0.bytes }
    for request in meant { #expect(request.means(claim.id, paths), "\(request)") }
    let others: [RestoreRequest] = [
      .id("179521687683500000"), .id("1795216876835000002"), .id("01795216876835000001"),
      .path(bytes("/r/") + claim.entry.bytes), .path(bytes("/r/p/q/") + claim.entry.bytes),
      .path(directory + bytes("/a")), .path(directory), .path(claim.entry.bytes),
    ]
    for request in others { #expect(!request.means(claim.id, paths), "\(request)") }
  }
}
