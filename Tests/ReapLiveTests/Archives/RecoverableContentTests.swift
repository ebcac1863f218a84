// Archives slimmed and dropped in any order, between files that change and go: whatever was somewhere is somewhere.

import Foundation
import Glibc
import Testing

@Suite(.live) struct RecoverableContentTests {
  /// Takes everything apart by a reader that is not reapd's: each file's content at the place that it had, whether it
  /// is on the disk or in an archive at any depth. None of these may go.
  private static let model = #"""
    import hashlib, io, json, os, random, re, shutil, subprocess, sys, tarfile
    reapd, place, seed, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    dice = random.Random(seed)
    isVisit = lambda name: re.fullmatch(r'visit_[0-9]{1,9}', name)

    def below(path, member):
        where = path.split('/')[:-1]
        if where and isVisit(where[-1]) and isVisit(member.split('/')[0]): where = where[:-1]
        return '/'.join(where + [member])

    def contents(node):
        found, seen = set(), set()
        def add(path, data):
            if not path.endswith('.tgz'): return found.add((path, data))
            if (path, data) in seen: return
            seen.add((path, data))
            for member in (archive := tarfile.open(fileobj=io.BytesIO(data))):
                name = os.path.normpath(member.name)
                if member.isfile(): add(below(path, name), archive.extractfile(member).read())
        for where, _, names in os.walk(node):
            for name in names:
                add(os.path.relpath(os.path.join(where, name), node), open(os.path.join(where, name), 'rb').read())
        return found

    def tell():
        return bytes(dice.choice(b'ab') for n in range(dice.choice([0, 1, 2, 2, 600])))

    def enter(node):
        old = [name for name in os.listdir(node) if not isVisit(name)]
        if old:
            visit = f'{node}/visit_{sum(bool(isVisit(name)) for name in os.listdir(node)) + 1}'
            os.mkdir(visit)
            for name in old: os.rename(f'{node}/{name}', f'{visit}/{name}')
        os.makedirs(node + '/sub')
        for name in dice.sample(['a', 'b', 'sub/c', 'sub/visit_1'], dice.randint(1, 4)):
            open(f'{node}/{name}', 'wb').write(tell())
        packed = node + '.packed'
        with tarfile.open(packed, 'w:gz', compresslevel=dice.choice([0, 6])) as archive:
            archive.add(node, dice.choice(['.', './']))
        os.rename(packed, node + '/stage.tgz')

    def all_files(node, archives):
        return sorted(os.path.join(where, name) for where, _, names in os.walk(node) for name in names
                      if name.endswith('.tgz') == archives)

    done = dict(slimmed=0, dropped=0, kept=0)
    for round in range(rounds):
        node = f'{place}/node'
        os.makedirs(node)
        for visit in range(dice.randint(2, 6)):
            enter(node)
            for blow in range(dice.choice([0, 0, 1, 2, 4])):
                kind = dice.random()
                before = contents(node)
                gone = None
                if kind < .6 and all_files(node, True):
                    target = dice.choice(all_files(node, True) + [node])
                    said = subprocess.run([reapd, 'slim', target, '--json', '--audit-log', 'none'] + dice.choice([[], [], ['--drop']]),
                                          capture_output=True, env={'HOME': '/nowhere'})
                    assert said.returncode == 0, (seed, round, said)
                    for line in said.stdout.splitlines()[:-1]: done[json.loads(line)['action']] += 1
                    lost = before - contents(node)
                    assert not lost, (seed, round, target, sorted(lost)[:3])
                elif all_files(node, False):
                    target = dice.choice(all_files(node, False))
                    if kind < .9: open(target, 'wb').write(tell())
                    else: os.unlink(target)
        shutil.rmtree(node)
    print(json.dumps(done))
    """#

  @Test(
    "Each content that was on the disk or in an archive is there still", .timeLimit(.minutes(2)))
  func nothingIsLost() throws {
    let scratch = Scratch()
    let seed = Int.random(in: 0..<1_000_000)
    let result = run(
      "/usr/bin/env",
      ["python3", "-c", Self.model, reapdBinary, scratch.path, "\(seed)", "25"])
    #expect(result.status == 0, "\(result.error)")
    let lines: [[String: JSON]] = decodeLines(result.output)
    let done = try #require(lines.first)
    for action in ["slimmed", "dropped", "kept"] {
      #expect(done[action] != .int(0), "never \(action), seed \(seed)")
    }
  }
}
