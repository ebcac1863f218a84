import ReapRules
import Testing

@Suite("The way to a root")
struct PathWayTests {
  /// What is not named here is a directory.
  private func way(_ path: FilePath, _ odd: [FilePath: PathWay.Found] = [:]) -> PathWay {
    PathWay(path) { odd[$0] ?? .directory }
  }

  private func link(_ text: String) -> PathWay.Found { .link(Array(text.utf8)) }

  private func links(_ way: PathWay) -> [String] {
    way.places.map { place in
      let names = place.links.map { String(decoding: $0, as: UTF8.self) }.sorted()
      return names.isEmpty
        ? "\(place.directory)" : "\(place.directory): \(names.joined(separator: " "))"
    }
  }

  @Test("Without links it passes each directory above the last name")
  func plain() {
    let way = way("/srv/data/spill")
    #expect(way.target == "/srv/data/spill")
    #expect(links(way) == ["/", "/srv", "/srv/data"])
    #expect(way.end.directory == "/srv/data" && way.end.next == Array("spill".utf8))
  }

  @Test(
    "Links are followed, and each is an entry that matters",
    arguments: [
      // One, relative; one, absolute; one after the other; one that goes up; one in another's text.
      (["/srv/current": "v1"], "/srv/v1/spill", ["/", "/srv: current", "/srv/v1"]),
      (["/srv/current": "/vol/v1"], "/vol/v1/spill", ["/", "/srv: current", "/vol", "/vol/v1"]),
      (
        ["/srv/current": "next", "/srv/next": "v1"], "/srv/v1/spill",
        ["/", "/srv: current next", "/srv/v1"]
      ),
      (
        ["/srv/current": "../vol//./v1/"], "/vol/v1/spill",
        ["/", "/srv: current", "/vol", "/vol/v1"]
      ),
      (
        ["/srv/current": "/vol/x/v1", "/vol/x": "y"], "/vol/y/v1/spill",
        ["/", "/srv: current", "/vol: x", "/vol/y", "/vol/y/v1"]
      ),
      (["/srv": "../../..//vol"], "/vol/current/spill", ["/: srv", "/vol", "/vol/current"]),
    ])
  func followed(_ texts: [String: String], _ target: String, _ places: [String]) {
    var odd: [FilePath: PathWay.Found] = [:]
    for (path, text) in texts { odd[FilePath(path)] = link(text) }
    let way = way("/srv/current/spill", odd)
    #expect(way.target == FilePath(target))
    #expect(links(way) == places)
  }

  @Test("The last name is not followed: a link in a root's place is no root")
  func lastName() {
    let way = way("/srv/spill", ["/srv/spill": link("/etc")])
    #expect(way.target == "/srv/spill")
    #expect(links(way) == ["/", "/srv"])
  }

  @Test("Where it breaks off, the rest of the path is where the root would be")
  func broken() {
    let gone = way("/srv/data/spill", ["/srv": .nothing])
    #expect(gone.target == "/srv/data/spill" && links(gone) == ["/"])
    #expect(gone.end.directory == "/" && gone.end.next == Array("srv".utf8))

    let dangling = way(
      "/srv/current/a/spill", ["/srv/current": link("v2"), "/srv/v2": .nothing])
    #expect(dangling.target == "/srv/v2/a/spill")
    #expect(links(dangling) == ["/", "/srv: current"])
    #expect(dangling.end.next == Array("v2".utf8))
  }

  @Test("Links that lead in a circle end it")
  func circle() {
    let way = way("/srv/a/spill", ["/srv/a": link("b"), "/srv/b": link("a")])
    #expect(links(way) == ["/", "/srv: a b"])
    #expect(way.target.lastComponent == Array("spill".utf8))
  }

  @Test("Only what decides where it leads is worth a look")
  func names() {
    let way = way("/srv/current/spill", ["/srv/current": link("v1")])
    func takes(_ name: String, _ isWaiting: Bool) -> Bool {
      way.takes(Array(name.utf8), isWaiting: isWaiting)
    }
    for name in ["current", "spill"] { #expect(takes(name, false) && takes(name, true)) }
    for name in ["other", "srv", "spill_1"] { #expect(!takes(name, false) && !takes(name, true)) }
    // The directory that nothing can be seen in may be one whose mode forbids it.
    #expect(takes("v1", true) && !takes("v1", false))
  }
}
