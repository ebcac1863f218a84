// What happens above a root: links that are switched, directories that are replaced. The backstop is
// off: each is seen by an event.

import Foundation
import Glibc
import Testing

@Suite("The way to a root, live", .serialized, .live)
struct RootWayTests {
  private let scratch = Scratch()

  @Test(
    "A link above the root that is switched is followed to what it leads to then",
    arguments: [
      // By a rename over it; by removing it first; a link that the first one leads to; one that goes
      // away and comes back.
      "ln -s v2 new && mv -T new current", "rm current && ln -s v2 current",
      "ln -sfn v2 hop", "mv current aside && ln -s v2 current",
      "ln -s v9 new && mv -T new current && sleep 0.1 && ln -sfn v2 v9",
      // A whole directory in the link's place.
      "rm current && mv v2 current",
    ])
  func switched(_ command: String) throws {
    let top = try layOut()
    let watcher = try start(top + "/current/spill")
    let owner = try startWriter(
      top + "/v1/spill", ["--name", "spill_1_3", "--stop-at", "chunks"], in: scratch)
    #expect(wait { owner.output.contains("chunk spill_1_3 2") })
    #expect(shell("cd \(top) && \(command)").status == 0)
    #expect(wait { said("is there", watcher) == 1 }, "\(watcher.background.error)")
    watcher.catchUp(in: top + "/current/spill")
    // What lies on the old way is no root any more.
    owner.killHard()
    makeOrphan(top + "/v1/spill/spill_1_4")
    watcher.catchUp(in: top + "/current/spill")
    #expect(names(in: top + "/v1/spill") == ["spill_1_3", "spill_1_4"])
    // And back again.
    #expect(shell("cd \(top) && rm -rf current && ln -s v1 current").status == 0)
    #expect(wait { names(in: top + "/v1/spill").isEmpty }, "\(watcher.background.error)")
    #expect(watcher.stop().status == 0)
  }

  @Test("A link that is switched to what is not there yet is waited for")
  func switchedToNothing() throws {
    let top = try layOut()
    let watcher = try start(top + "/current/spill")
    #expect(shell("cd \(top) && ln -sfn deep/er/v3 current").status == 0)
    #expect(wait { said("leads to", watcher) == 1 }, "\(watcher.background.error)")
    for name in ["deep", "deep/er", "deep/er/v3", "deep/er/v3/spill"] {
      #expect(mkdir(top + "/" + name, 0o755) == 0)
    }
    watcher.catchUp(in: top + "/deep/er/v3/spill")
  }

  @Test("A link that leads nowhere at the start is waited for, too")
  func danglingAtStart() throws {
    let top = try layOut()
    #expect(shell("cd \(top) && ln -sfn v3 current").status == 0)
    let watcher = try start(top + "/current/spill", isThere: false)
    #expect(wait { said("waiting for", watcher) == 1 }, "\(watcher.background.error)")
    #expect(shell("cd \(top) && mkdir -p new/spill && mv new v3").status == 0)
    watcher.catchUp(in: top + "/v3/spill")
  }

  @Test("A directory above the root that is moved elsewhere with a link in its place is followed")
  func movedToAnotherPlace() throws {
    let top = try layOut()
    let root = top + "/v1/spill"
    let watcher = try start(root)
    for round in 1...2 {
      let place = scratch.directory("volume-\(round)") + "/v1"
      #expect(
        shell("mv $(readlink -f \(top)/v1) \(place) && ln -sfn \(place) \(top)/v1").status == 0)
      #expect(wait { said("is there", watcher) == round }, "\(watcher.background.error)")
      watcher.catchUp(in: root)
    }
  }

  @Test("What a switched link leads to must have the same owner and be no link")
  func refused() throws {
    let top = try layOut()
    let other = scratch.directory("other")
    makeOrphan(other + "/spill_1_0")
    let watcher = try start(top + "/current/spill")
    #expect(
      shell("cd \(top) && mkdir v3 && ln -s \(other) v3/spill && ln -sfn v3 current").status == 0)
    #expect(wait { said("is a link", watcher) == 1 }, "\(watcher.background.error)")
    if isRoot {
      makeOrphan(top + "/v2/spill/spill_1_0")
      chown(top + "/v2/spill", 12345, 12345)
      #expect(shell("cd \(top) && ln -sfn v2 current").status == 0)
      #expect(
        wait { said("now belongs to uid 12345", watcher) == 1 }, "\(watcher.background.error)")
    } else {
      skip("chown needs root")
    }
    #expect(shell("cd \(top) && ln -sfn v1 current").status == 0)
    watcher.catchUp(in: top + "/v1/spill")
    #expect(exists(other + "/spill_1_0"))
    if isRoot {
      #expect(exists(top + "/v2/spill/spill_1_0"))
      // Given back, it is taken by its mode's change alone.
      #expect(shell("cd \(top) && ln -sfn v2 current").status == 0)
      #expect(
        wait { said("now belongs to uid 12345", watcher) == 2 }, "\(watcher.background.error)")
      chown(top + "/v2/spill", geteuid(), getegid())
      #expect(wait { !exists(top + "/v2/spill/spill_1_0") }, "\(watcher.background.error)")
    }
  }

  @Test(
    "A directory that is replaced while the root is waited for is watched anew",
    arguments: ["a", "a/b", "a/b/c"])
  func replaced(_ which: String) throws {
    let top = scratch.directory("top")
    _ = scratch.directory("top/a/b/c")
    let root = top + "/a/b/c/d/root"
    let watcher = try start(root, isThere: false)
    #expect(wait { said("waiting for", watcher) == 1 }, "\(watcher.background.error)")
    for round in 1...3 {
      // The one that is moved away keeps the watch, and tells nothing of the new one.
      #expect(
        shell("cd \(top) && mv \(which) ../old-\(which.count)-\(round) && mkdir -p a/b/c").status
          == 0)
    }
    #expect(shell("mkdir -p \(root)").status == 0)
    watcher.catchUp(in: root)
  }

  @Test("A directory above the root that nobody may enter for a while is no end")
  func noPermissionForAWhile() throws {
    guard isRoot else { return skip("another user needs root") }
    let top = try layOut()
    let (parent, root) = (top + "/v1", top + "/v1/spill")
    let watcher = try start(root, wrapper: asNobody())
    // Its owner is seen to die while the way is barred.
    makeOrphan(root + "/spill_1_0")
    _ = shell("chown -R 65534:65534 \(root)/spill_1_0")
    chmod(parent, 0)
    #expect(wait { said("is gone", watcher) == 1 }, "\(watcher.background.error)")
    chmod(parent, 0o755)
    #expect(wait { !exists(root + "/spill_1_0") }, "\(watcher.background.error) \(watcher.audit)")
  }

  @Test("SIGHUP looks for a root in any case, also where no event can tell")
  func hangUp() throws {
    guard isRoot else { return skip("another user needs root") }
    let top = try layOut()
    let wrapper = asNobody()
    // It may be passed, and not be read: so it cannot be watched either.
    _ = shell("chown 0:0 \(top) && chmod 711 \(top)")
    let watcher = try start(top + "/current/spill", wrapper: wrapper)
    makeOrphan(top + "/v2/spill/spill_1_0")
    _ = shell("chown -R 65534:65534 \(top)/v2/spill/spill_1_0")
    #expect(shell("cd \(top) && ln -sfn v2 current").status == 0)
    watcher.background.signal(SIGHUP)
    #expect(wait { !exists(top + "/v2/spill/spill_1_0") }, "\(watcher.background.error)")
  }

  // MARK: - Helpers

  /// `current` leads to v1, by way of `hop`; v2 is another.
  private func layOut() throws -> String {
    let top = scratch.directory("top")
    #expect(
      shell("cd \(top) && mkdir -p v1/spill v2/spill && ln -s hop current && ln -s v1 hop").status
        == 0)
    return top
  }

  private func start(
    _ root: String, isThere: Bool = true, wrapper: [String] = []
  ) throws -> Watcher {
    try Watcher(
      [root], in: scratch, environment: ["REAPD_BACKSTOP": "off"], waitForStart: isThere,
      wrapper: wrapper)
  }

  /// Runs reapd as another user, who has all of the scratch directory and a copy of the program.
  private func asNobody() -> [String] {
    let binary = scratch.path + "/reapd"
    #expect(
      shell(
        "cp \(reapdBinary) \(binary) && chmod 755 \(scratch.path) "
          + "&& chown -R 65534:65534 \(scratch.path)"
      ).status == 0)
    let script = """
      shift; export HOME=\(scratch.path)
      exec setpriv --reuid=65534 --regid=65534 --clear-groups -- \(binary) "$@"
      """
    return ["/bin/sh", "-c", script, "sh"]
  }

  private func said(_ text: String, _ watcher: Watcher) -> Int {
    watcher.background.error.components(separatedBy: text).count - 1
  }
}
