// The mount table, from lines as the kernel writes them, and which directories may be a root.

import Testing

@testable import ReapRules

private let layers = "rw,lowerdir=/lower1:/lower2,upperdir=/data/up/per,workdir=/data/work"

private let machine = #"""
  22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
  23 22 0:21 / /proc rw,nosuid - proc proc rw
  30 22 0:26 / /data rw,relatime shared:2 master:1 - xfs /dev/sda1 rw
  31 22 0:26 /up /bind\040a\134b rw - xfs /dev/sda1 rw
  32 22 0:40 / /merged rw - overlay overlay \#(layers)
  33 22 0:41 / /net rw - nfs4 server:/x rw
  34 22 0:42 / /fuse rw - fuse.sshfs host: rw
  35 22 0:43 / /cover rw - tmpfs tmpfs rw
  36 22 0:44 / /cover rw - ext4 /dev/sdb1 rw
  """#

private func table(_ text: String = machine) -> MountTable? { MountTable(parsing: bytes(text)) }

@Suite("The mount table")
struct MountTableTests {
  @Test("Lines are read with any number of optional fields and with octal escapes")
  func parsing() throws {
    let mounts = try #require(table()).mounts
    #expect(mounts.count == 9)
    #expect(mounts[3].point == bytes(#"/bind a\b"#) && mounts[3].rootInFileSystem == bytes("/up"))
    #expect(mounts.map(\.type).prefix(4) == ["ext4", "proc", "xfs", "xfs"])
    #expect(mounts[2].device == "0:26" && mounts[2].id == 30)
  }

  @Test(
    "A malformed table is no table",
    arguments: [
      "", "\n", "garbage", "22 1 254:1 / / rw", "22 1 254:1 / / rw - ext4 /dev/vda1",
      "x 1 254:1 / / rw - ext4 /dev/vda1 rw", "22 1 254:1 / / - ext4 /dev/vda1 rw",
    ])
  func malformed(text: String) { #expect(table(text) == nil) }

  @Test("One malformed line among good ones makes the whole table unknown")
  func oneBadLine() { #expect(table(machine + "\nbad line") == nil) }

  @Test("A mount inside is found at the path and below it, bind mounts included")
  func mountInside() throws {
    let mounts = try #require(table())
    #expect(mounts.mountInside(bytes("/data")) == bytes("/data"))
    #expect(mounts.mountInside(bytes(#"/bind a"#)) == nil)
    #expect(mounts.mountInside(bytes("/data/up")) == nil)
    #expect(mounts.mountInside(bytes("/dat")) == nil)
    #expect(mounts.mountInside(bytes("/")) == bytes("/"))
  }

  @Test("A path lies in the mount with the longest point, and in the later of two")
  func mountOf() throws {
    let mounts = try #require(table())
    #expect(mounts.mount(of: bytes("/data/x"))?.id == 30)
    #expect(mounts.mount(of: bytes("/database"))?.id == 22)
    #expect(mounts.mount(of: bytes("/cover/x"))?.id == 36)
    #expect(mounts.mount(of: bytes("/"))?.id == 22)
  }

  @Test(
    "A directory in a layer of an overlay is found, also through another mount of the same data",
    arguments: [
      ("/data/up/per", "/data/up/per"), ("/data/up/per/x", "/data/up/per"),
      (#"/bind a\b/per/x"#, "/data/up/per"), ("/data/work/work", "/data/work"),
      ("/lower1/a", "/lower1"), ("/lower2", "/lower2"), ("/data/up", nil), ("/data/up/person", nil),
      ("/merged/x", nil), (#"/bind a\b/x"#, nil), ("/lower", nil),
    ] as [(String, String?)])
  func overlays(path: String, layer: String?) throws {
    let found = try #require(table()).overlayDirectory(containing: bytes(path))
    #expect(found == layer.map(bytes))
  }

  @Test(
    "So is one that lies in a directory, which must not go while the overlay is mounted",
    arguments: [
      ("/data/up", "/data/up/per"), ("/data/up/per", "/data/up/per"),
      (#"/bind a\b"#, "/data/up/per"), ("/lower1", "/lower1"), ("/data/up/per/x", nil),
      ("/data/up/person", nil), ("/merged", nil),
    ] as [(String, String?)])
  func overlaysInside(path: String, layer: String?) throws {
    let found = try #require(table()).overlayDirectory(inside: bytes(path))
    #expect(found == layer.map(bytes))
  }

  @Test("Below means strictly, and by whole components")
  func below() {
    #expect(isBelow(bytes("/a/b"), bytes("/a")) && isBelow(bytes("/a"), bytes("/")))
    #expect(!isBelow(bytes("/a"), bytes("/a")) && !isBelow(bytes("/ab"), bytes("/a")))
    #expect(!isBelow(bytes("/"), bytes("/")))
  }
}

@Suite("The root policy")
struct RootPolicyTests {
  static let cases: [(String, RootRefusal?)] = [
    ("/", .systemDirectory), ("/home", .systemDirectory), ("/usr", .systemDirectory),
    ("/var/tmp", .systemDirectory), ("/dev/shm", .systemDirectory), ("/proc/1", .systemDirectory),
    ("/sys/fs/cgroup/x", .systemDirectory), ("/home/ann", .homeDirectory),
    ("/home/ann/spill", nil), ("/spill", .tooShallow), ("/srv/spill", nil), ("/data/spill", nil),
    ("/data/up/per/spill", .insideOverlay(layer: "/data/up/per")), ("/merged/spill", nil),
    ("/net/spill", .remote(type: "nfs4")), ("/fuse/spill", .remote(type: "fuse.sshfs")),
  ]

  @Test("A root is refused for what it is, or may be watched", arguments: cases)
  func roots(path: String, expected: RootRefusal?) throws {
    let mounts = try #require(table())
    func decide(shallow: Bool, remote: Bool) -> RootRefusal? {
      refusal(
        root: FilePath(path), homes: ["/home/ann"], mounts: mounts, allowShallow: shallow,
        allowRemote: remote)
    }
    #expect(decide(shallow: false, remote: false) == expected)
    switch expected {
    case .tooShallow:
      #expect(decide(shallow: true, remote: false) == nil)
      #expect(decide(shallow: false, remote: true) == expected)
    case .remote:
      #expect(decide(shallow: false, remote: true) == nil)
      #expect(decide(shallow: true, remote: false) == expected)
    default: #expect(decide(shallow: true, remote: true) == expected)
    }
  }

  @Test("Every refusal says what to do about it")
  func explanations() {
    for case (_, let refusal?) in Self.cases { #expect(refusal.explanation.count > 20) }
  }
}
