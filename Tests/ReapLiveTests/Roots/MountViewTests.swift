// The mount table, and what the inotify thread spares it.

import Glibc
import OwnedDirectories
import ReapRules
import Testing

@testable import ReapEngine

@Suite("The mount table", .serialized, .live)
struct MountViewTests {
  @Test("is not asked for again while nothing is known to have changed, and then it is")
  func spared() throws {
    guard isRoot else { return skip("mounts need root") }
    let scratch = Scratch()
    let view = MountView()
    func isMounted(_ path: String) -> Bool {
      view.current()?.mountInside(Array(scratch.path.utf8)) == Array(path.utf8)
    }
    _ = view.current()
    // As fresh as can be: from a while to come.
    let instant = readMonotonic() + 600 * nanosecondsPerSecond
    view.note(isChanged: false, at: instant)
    let image = try #require(MountedImage("tmpfs", megabytes: 1, in: scratch))
    #expect(!isMounted(image.path))
    view.note(isChanged: true, at: instant)
    view.note(isChanged: false, at: instant)
    #expect(isMounted(image.path))
  }

  @Test("is asked for where what another thread saw is of some time ago")
  func old() throws {
    guard isRoot else { return skip("mounts need root") }
    let scratch = Scratch()
    let view = MountView()
    _ = view.current()
    view.note(isChanged: false, at: readMonotonic() - nanosecondsPerSecond)
    let image = try #require(MountedImage("tmpfs", megabytes: 1, in: scratch))
    #expect(view.current()?.mountInside(Array(scratch.path.utf8)) == Array(image.path.utf8))
  }
}
