// Archives in archives, and how far they are followed.

import Foundation
import Glibc
import Testing

@Suite(.live) struct NestedArchiveTests {
  /// Makes archives whose bytes a test decides about; stored, so that equal lengths stay equal.
  private static let python = """
    import gzip, io, os, sys, tarfile
    def tar(*members):
        out = io.BytesIO(); t = tarfile.open(fileobj=out, mode='w')
        for name, data in members:
            i = tarfile.TarInfo(name); i.size = len(data); t.addfile(i, io.BytesIO(data))
        t.close(); return gzip.compress(out.getvalue(), 0, mtime=0)
    def put(path, data):
        os.makedirs(os.path.dirname(path), exist_ok=True); open(path, 'wb').write(data)
    """

  private func python(_ script: String, in directory: String) {
    let made = run(
      "/usr/bin/env",
      ["bash", "-c", "cd \(directory) && python3 -c \"$0\"", Self.python + "\n" + script])
    #expect(made.status == 0, "\(made.error)")
  }

  @Test("What an archive holds again and again is unpacked once") func unpackedOnce() throws {
    let scratch = Scratch()
    let node = makeNode(scratch.path + "/node", visits: 10, bytes: 2000, logsOn: false)
    // Of the older ones nothing is left but what is in the last one: visit_1's 256 times.
    #expect(shell("cd \(node) && rm visit_*/stage.tgz").status == 0)
    let size = Int(shell("gzip -dc \(node)/stage.tgz | wc -c").output.trimmed) ?? 0
    let limits = ["--drop", "--max-bytes", "\(size * 3 / 1024)KiB"]
    let result = slim(node, limits)
    #expect(result.lines.first?["action"]?.text == "dropped", "\(result.lines)")
  }

  @Test("Another archive of that name and length proves nothing", arguments: [false, true])
  func samePlaceAndLength(provedFirst: Bool) throws {
    let scratch = Scratch()
    let node = scratch.directory("node")
    python(
      """
      put('visit_1/a', b'there'); put('visit_2/b', b'b'); put('visit_3/c', b'c')
      good, bad = tar(('a', b'there')), tar(('a', b'THERE'))
      assert len(good) == len(bad) and good != bad
      first, second = (good, bad) if \(provedFirst ? "True" : "False") else (bad, good)
      put('visit_3/stage.tgz', tar(('visit_1/stage.tgz', first),
          ('visit_2/stage.tgz', tar(('visit_1/stage.tgz', second), ('b', b'b'))), ('c', b'c')))
      """, in: node)
    let archive = node + "/visit_3/stage.tgz"
    #expect(slim(archive, ["--drop"]).lines.first?["reason"]?.text == "not-proved")
    #expect(slim(archive).lines.first?["action"]?.text == "slimmed")
    // The one that stands in for nothing on the disk is still there, at whatever depth.
    let left = shell("tar -tzf \(archive)").output.split(separator: "\n")
    #expect(
      left == (provedFirst ? ["visit_2/stage.tgz"] : ["visit_1/stage.tgz", "visit_2/stage.tgz"]))
  }

  @Test(
    "Limits name themselves",
    arguments: [
      ("deep", "more than 20 archives in each other"),
      ("bomb", "more than 200 bytes out of each packed one"),
    ])
  func limits(_ what: String, error: String) throws {
    let scratch = Scratch()
    let visit = scratch.directory("node/visit_1")
    python(
      what == "deep"
        ? """
        def nest(depth):
            inner = tar(('same', b'same'))
            for n in range(depth): inner = tar(('in.tgz', inner))
            return inner
        put('./same', b'same'); put('./fits.tgz', nest(20)); put('./stage.tgz', nest(21))
        """
        : """
        put('./same', b'same')
        put('./fits.tgz', gzip.compress(gzip.decompress(tar(('same', b'same'), ('zeros', bytes(1 << 19))))))
        put('./stage.tgz', gzip.compress(gzip.decompress(tar(('same', b'same'), ('zeros', bytes(1 << 21))))))
        """, in: visit)
    let result = slim(visit + "/stage.tgz")
    #expect(result.lines.first?["reason"]?.text == "limit-reached")
    #expect(result.lines.first?["error"]?.text == error)
    #expect(slim(visit + "/fits.tgz").lines.first?["action"]?.text == "slimmed")
  }
}

extension String {
  fileprivate var trimmed: String { trimmingCharacters(in: .whitespacesAndNewlines) }
}
