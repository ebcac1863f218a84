// Names exchanged under the watcher (RENAME_EXCHANGE): each directory is known for what it is.

import Foundation
import Glibc
import Testing

@Suite(.serialized, .live) struct ExchangeTests {
  /// Exchanges two names of a directory; Swift's Glibc has no renameat2, so Python calls it.
  private func exchange(_ one: String, _ two: String) {
    let program = """
      import ctypes, sys
      call = ctypes.CDLL(None).renameat2
      sys.exit(call(-100, sys.argv[1].encode(), -100, sys.argv[2].encode(), 2) != 0)
      """
    #expect(run("/usr/bin/python3", ["-c", program, one, two]).status == 0)
  }

  @Test("two live directories that changed names are kept, and reaped when their owners die")
  func directories() throws {
    let scratch = Scratch()
    let root = scratch.directory("a/root")
    let watcher = try Watcher([root], in: scratch, environment: ["REAPD_BACKSTOP": "off"])
    let names = ["spill_1_1", "spill_2_1"]
    let owners = try names.map {
      try startWriter(root, ["--name", $0, "--stop-at", "chunks"], in: scratch)
    }
    for (name, owner) in zip(names, owners) {
      #expect(wait { owner.output.contains("chunk \(name) 2") })
    }
    #expect(wait { watcher.holds(root + "/spill_1_1") && watcher.holds(root + "/spill_2_1") })
    exchange(root + "/spill_1_1", root + "/spill_2_1")
    owners[0].killHard()  // its directory is spill_2_1 now
    #expect(wait { !exists(root + "/spill_2_1") }, "\(watcher.background.error)")
    #expect(exists(root + "/spill_1_1/.lock"))
    owners[1].killHard()
    #expect(wait { !exists(root + "/spill_1_1") }, "\(watcher.background.error)")
  }

  @Test("an orphan exchanged with a link goes under the link's name, and the link is not followed")
  func link() throws {
    let scratch = Scratch()
    let root = scratch.directory("a/root")
    let canary = scratch.directory("canary/.lock-free")
    let watcher = try Watcher([root], in: scratch, environment: ["REAPD_BACKSTOP": "off"])
    let owner = try startWriter(
      root, ["--name", "spill_1_1", "--stop-at", "chunks"], in: scratch)
    #expect(wait { owner.output.contains("chunk spill_1_1 2") })
    #expect(wait { watcher.holds(root + "/spill_1_1") })
    #expect(symlink(scratch.path + "/canary", root + "/spill_1_link") == 0)
    exchange(root + "/spill_1_1", root + "/spill_1_link")
    owner.killHard()
    #expect(wait { !exists(root + "/spill_1_link") }, "\(watcher.background.error)")
    #expect(wait { !watcher.audit(of: root + "/spill_1_1", action: .refused).isEmpty })
    #expect(exists(root + "/spill_1_1") && exists(canary))
  }
}
