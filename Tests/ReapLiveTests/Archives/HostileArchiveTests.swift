// Archives that are damaged, or made to do harm: each is kept whole, and the reason told.

import Foundation
import Glibc
import Testing

@Suite(.live) struct HostileArchiveTests {
  /// What is done to a visit whose archive is in order, in its directory; and the reason that it is kept for.
  enum Blow: String, CaseIterable {
    case truncated, badSum, badLength, secondArchive, secondMember, bytesBehind, bytesBehindGzip,
      empty
    case noEnd, notTar, notGzip, leadsOut, absolute, bomb, tooDeep, linkOnDisk, linkOnTheWay,
      fifoOnDisk
    case badHeader

    static let python = """
      import tarfile, io, gzip, sys
      def tar(*members):
          out = io.BytesIO(); t = tarfile.open(fileobj=out, mode='w')
          for name, data in members:
              i = tarfile.TarInfo(name); i.size = len(data); t.addfile(i, io.BytesIO(data))
          t.close(); return out.getvalue()
      def put(data): open('stage.tgz', 'wb').write(data)
      plain = gzip.open('stage.tgz').read(); packed = open('stage.tgz', 'rb').read()
      """

    var script: String {
      switch self {
      case .truncated: "put(packed[:len(packed) // 2])"
      case .badSum: "put(packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:])"
      case .badLength: "put(packed[:-1] + b'\\x7f')"
      case .secondArchive: "put(gzip.compress(plain + tar(('more', b'x'))))"
      case .secondMember: "put(packed + gzip.compress(tar(('more', b'x'))))"
      case .bytesBehind: "put(gzip.compress(plain + b'hello'))"
      case .bytesBehindGzip: "put(packed + bytes(20))"
      case .empty: "put(b'')"
      case .noEnd:
        "put(gzip.compress(plain.rstrip(b'\\0') + bytes(-len(plain.rstrip(b'\\0')) % 512)))"
      case .notTar: "put(gzip.compress(b'hello' * 1000))"
      case .notGzip: "put(plain)"
      case .leadsOut: "put(gzip.compress(tar(('same', b'same\\n'), ('a/../../x', b'x'))))"
      case .absolute: "put(gzip.compress(tar(('same', b'same\\n'), ('/x', b'x'))))"
      case .bomb: "put(gzip.compress(tar(('same', b'same\\n'), ('zeros', bytes(64 << 20)))))"
      case .tooDeep:
        "inner = tar(('same', b'same\\n'))\nfor n in range(22): inner = tar(('in.tgz', gzip.compress(inner)))\n"
          + "put(gzip.compress(inner))"
      case .linkOnDisk: "import os; os.rename('same', 'there'); os.symlink('there', 'same')"
      case .linkOnTheWay: "import os; os.rename('below', 'there'); os.symlink('there', 'below')"
      case .fifoOnDisk: "import os; os.unlink('same'); os.mkfifo('same')"
      case .badHeader:
        "at = plain.index(b'ustar', 3000); put(gzip.compress(plain[:at - 100] + b'XXXXXXXX' + plain[at - 92:]))"
      }
    }

    var reason: String {
      switch self {
      case .truncated, .badSum, .badLength, .noEnd, .badHeader: "damaged"
      case .secondArchive, .secondMember, .bytesBehind, .bytesBehindGzip: "bytes-behind-the-end"
      case .empty, .notTar, .notGzip, .linkOnDisk, .linkOnTheWay, .fifoOnDisk:
        "unexpected-form"
      case .leadsOut, .absolute: "unsafe-path"
      case .bomb, .tooDeep: "limit-reached"
      }
    }
  }

  @Test("It is kept whole, and the reason told", arguments: Blow.allCases, [false, true])
  func kept(_ blow: Blow, drop: Bool) throws {
    let scratch = Scratch()
    let visit = scratch.directory("node/visit_1")
    let made = shell(
      "set -e; cd \(visit); mkdir below; echo same > same; echo below > below/x; echo other > other; "
        + "tar -czf ../t . && mv ../t stage.tgz")
    #expect(made.status == 0)
    let struck = run(
      "/usr/bin/env",
      [
        "bash", "-c", "cd \(visit) && python3 -c \"$0\"", Blow.python + "\n" + blow.script,
      ])
    #expect(struck.status == 0, "\(struck.error)")
    let before = portrait(visit)
    let result = slim(visit + "/stage.tgz", drop ? ["--drop"] : [])
    #expect(result.lines.first?["action"]?.text == "kept", "\(result.lines)")
    #expect(result.lines.first?["reason"]?.text == blow.reason, "\(result.lines)")
    #expect(result.status == (blow.reason == "limit-reached" ? 1 : 65))
    #expect(portrait(visit) == before)
  }

  @Test("Several gzip members in a row are one archive") func severalMembers() throws {
    let scratch = Scratch()
    let visit = scratch.directory("node/visit_1")
    let made = shell(
      "set -e; cd \(visit); head -c 100000 /dev/urandom > a; tar -cf ../t .; "
        + "head -c 50000 ../t | gzip > stage.tgz; tail -c +50001 ../t | gzip >> stage.tgz; rm ../t")
    #expect(made.status == 0)
    #expect(slim(visit + "/stage.tgz").lines.first?["action"]?.text == "slimmed")
    #expect(shell("tar -tzf \(visit)/stage.tgz").output == "./\n")
  }

  @Test("Limits that are set are kept, and name themselves") func bytesLimit() throws {
    let scratch = Scratch()
    let node = makeNode(scratch.path + "/node", visits: 2, bytes: 300_000)
    let before = archives(in: node)
    let result = slim(node + "/visit_1/stage.tgz", ["--max-bytes", "100KiB"])
    #expect(result.status == 1)
    #expect(result.lines.first?["error"]?.text == "more than 100KiB to read")
    #expect(archives(in: node) == before)
    #expect(slim(node, ["--max-bytes", "much"]).status == 64)
    #expect(slim(node + "/nothing").status == 65)
    #expect(slim(scratch.directory("nothing")).status == 65)
  }

  @Test("Whatever a byte of an archive is changed to, nothing that is nowhere else is lost")
  func fuzzing() throws {
    let scratch = Scratch()
    let visit = scratch.directory("node/visit_1")
    let seed = Int.random(in: 0..<1_000_000)
    let script = """
      import gzip, random, os, subprocess, sys, json, io, tarfile
      random.seed(\(seed)); os.chdir('\(visit)')
      contents = {'a': b'a' * 100, 'b': b'b' * 2000, 'c': b''}
      for name, data in contents.items(): open(name, 'wb').write(data)
      out = io.BytesIO(); t = tarfile.open(fileobj=out, mode='w', format=tarfile.PAX_FORMAT,
          pax_headers={'comment': 'whole'})
      for name in ['a', 'b', 'c', 'd' * 150]:
          i = tarfile.TarInfo(name); data = contents.get(name, b'only here'); i.size = len(data); i.mtime = 1.5
          t.addfile(i, io.BytesIO(data))
      t.close(); good = out.getvalue()
      kept = 0
      for round in range(120):
          data = bytearray(good)
          for n in range(random.choice([1, 1, 2, 8])):
              at = random.randrange(len(good)); data[at] = random.choice([0, 255, 0x2f, 0x2e, random.randrange(256)])
              if random.random() < .7:  # a header that is believed
                  at -= at % 512; head = data[at:at+512]
                  if head[257:262] == b'ustar':
                      head[148:156] = b' ' * 8; data[at+148:at+156] = b'%06o\\0 ' % sum(head)
          open('stage.tgz', 'wb').write(gzip.compress(bytes(data)))
          said = subprocess.run(['\(reapdBinary)', 'slim', 'stage.tgz', '--json', '--audit-log', 'none'],
              stdout=subprocess.PIPE, env={'HOME': '/nowhere', 'PATH': '/bin'})
          assert said.returncode in (0, 65, 1), (\(seed), round, said)
          line = json.loads(said.stdout.splitlines()[0])
          now = gzip.open('stage.tgz').read()
          if line['action'] == 'kept': assert now == bytes(data), (\(seed), round); kept += 1; continue
          for only in [b'only here', b'comment=whole']:
              if only in data: assert only in now, (\(seed), round, only)
          # A block of data that the file on the disk has not got is still there.
          for at in range(0, len(good), 512):
              size = len(good[at:at+512].rstrip(b'\\0'))
              if good[at:at+4] not in (b'aaaa', b'bbbb'): continue
              if data[at:at+size] != good[at:at+size]: assert bytes(data[at:at+size]) in now, (\(seed), round, at)
      print(kept)
      """
    let result = run("/usr/bin/env", ["python3", "-c", script])
    #expect(result.status == 0, "\(result.error)")
  }
}
