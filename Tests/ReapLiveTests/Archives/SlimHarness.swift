// Nodes as the program leaves them, archives by every tool that is at hand, and what is right for them,
// told by a reader that is not reapd's.

import Foundation
import Glibc
import Testing

func reapd(_ arguments: [String]) -> (status: Int32, lines: [[String: JSON]], error: String) {
  let environment = ["HOME": "/nowhere", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
  let result = run(reapdBinary, arguments, environment: environment)
  return (result.status, decodeLines(result.output), result.error)
}

/// `reapd slim --json`: a line for each archive, and the last one for all.
func slim(
  _ path: String, _ options: [String] = []
) -> (status: Int32, lines: [[String: JSON]], error: String) {
  reapd(["slim", path, "--json", "--audit-log", "none"] + options)
}

/// Who makes archives, and the command for it: of all that is in the working directory, into $OUT.
enum ArchiveMaker: String, CaseIterable {
  case gnu, gnuPax, incremental, sparse, ustar, bsdtar, python, pythonGNU, git, go

  var command: String {
    switch self {
    case .gnu: "tar --format=gnu -czf $OUT ."
    case .gnuPax: "tar --format=pax -czf $OUT ."
    case .incremental: "tar --listed-incremental=$OUT.snar -czf $OUT ."
    case .sparse: "tar --format=pax --sparse -czf $OUT ."
    // It refuses what it has no room for, and writes the rest.
    case .ustar: "tar --format=ustar -czf $OUT . 2>/dev/null || true"
    case .bsdtar: "bsdtar -czf $OUT ."
    case .python: Self.python("PAX_FORMAT")
    case .pythonGNU: Self.python("GNU_FORMAT")
    case .git:
      "git init -q . && git add -A && git -c user.name=x -c user.email=x commit -qm x && "
        + "git archive --format=tar.gz HEAD > $OUT && rm -rf .git"
    case .go: "\(goArchiver) . $OUT"
    }
  }

  private static func python(_ format: String) -> String {
    "python3 -c 'import tarfile,sys; t=tarfile.open(sys.argv[1],\"w:gz\",format=tarfile.\(format)); "
      + "t.add(\".\"); t.close()' $OUT"
  }

  /// Whether there is a Go to make its maker with.
  var isThere: Bool { self != .go || !goArchiver.isEmpty }
}

/// A program that walks a directory and packs it with Go's archive/tar as programs in Go do; empty where
/// there is no Go.
let goArchiver: String = {
  let source = """
    package main
    import ("archive/tar"; "compress/gzip"; "io"; "os"; "path/filepath")
    func main() {
      out, err := os.Create(os.Args[2]); must(err)
      zip := gzip.NewWriter(out); w := tar.NewWriter(zip)
      must(filepath.Walk(os.Args[1], func(path string, info os.FileInfo, err error) error {
        if err != nil { return err }
        name, _ := filepath.Rel(os.Args[1], path)
        if name == "." || filepath.Base(path) == filepath.Base(os.Args[2]) { return nil }
        link := ""
        if info.Mode()&os.ModeSymlink != 0 { link, _ = os.Readlink(path) }
        header, err := tar.FileInfoHeader(info, link); if err != nil { return err }
        header.Name = name
        if header.ModTime.Nanosecond() != 0 { header.Format = tar.FormatPAX }
        if err := w.WriteHeader(header); err != nil { return err }
        if !info.Mode().IsRegular() { return nil }
        file, err := os.Open(path); if err != nil { return err }
        defer file.Close()
        _, err = io.Copy(w, file); return err
      }))
      must(w.Close()); must(zip.Close()); must(out.Close())
    }
    func must(err error) { if err != nil { println(err.Error()); os.Exit(1) } }
    """
  let directory = NSTemporaryDirectory() + "reapd-go-archiver-\(getpid())"
  mkdir(directory, 0o777)
  let file = directory + "/main.go"
  _ = FileManager.default.createFile(atPath: file, contents: Data(source.utf8))
  let built = shell(
    "cd \(directory) && HOME=\(directory) GO111MODULE=off go build -o archiver main.go")
  return built.status == 0 ? directory + "/archiver" : ""
}()

/// A node that has been entered often, by renaming and archiving as the program does it.
///
/// - Parameters:
///   - visits: how often it was entered.
///   - bytes: of new content that hardly packs, each time.
///   - logsOn: whether its log goes on when the archive is made.
@discardableResult
func makeNode(
  _ path: String, visits: Int, bytes: Int = 30_000, by maker: ArchiveMaker = .gnu,
  logsOn: Bool = true
) -> String {
  let script = """
    set -e; mkdir -p \(path); cd \(path)
    for visit in $(seq 1 \(visits)); do
      if [ $visit -gt 1 ]; then
        next=visit_$(( $(ls -d visit_* 2>/dev/null | wc -l) + 1 )); mkdir .next
        for entry in *; do case $entry in visit_*) ;; *) mv $entry .next/;; esac; done
        mv .next $next
      fi
      mkdir attempt_1; echo "prompt $visit" > prompt.md; echo '{"ok":true}' > status.json
      head -c \(bytes) /dev/urandom > events.json; echo $visit > attempt_1/out
      echo begun > stdout.log
      OUT=\(path).tmp; \(maker.command); rm -f \(path).tmp.snar
      mv \(path).tmp stage.tgz; \(logsOn ? "echo ended >> stdout.log" : "")
    done
    """
  let made = shell(script)
  #expect(made.status == 0, "\(made.error)")
  return path
}

/// Each archive of a node with a digest of its bytes.
func archives(in node: String) -> [String: String] {
  let output = shell("cd \(node) && find . -name '*.tgz' ! -name '.*' -exec sha256sum {} +").output
  return Dictionary(
    output.split(separator: "\n").map { line in
      let parts = line.split(separator: " ", maxSplits: 1)
      return (String(parts[1]).trimmingCharacters(in: .whitespaces), String(parts[0]))
    }, uniquingKeysWith: { $1 })
}

/// Everything else of it: names, bytes, and what a status shows of each file but for inode and change time.
func allButArchives(in node: String) -> String {
  shell(
    "cd \(node) && find . -type d | sort; "
      + "find . ! -type d ! -name '*.tgz' -printf '%p %y %m %u %g %T@ %s\\n' | sort; "
      + "find . -type f ! -name '*.tgz' -exec sha256sum {} + | sort"
  ).output
}

/// Compares a slimmed archive with what it was, by a reader of its own: what stays is there byte for byte and
/// in order; what went is a plain file, byte for byte on the disk.
func checkSlimmed(_ old: String, _ new: String, files: String) -> (status: Int32, said: String) {
  let script = #"""
    import gzip, os, sys
    def units(data):
        at, out = 0, []
        while data[at:at+512].strip(b'\0'):
            start, glob, name, link = at, 0, None, None
            while True:
                head = data[at:at+512]; kind = head[156:157]
                size = head[124:136]
                size = int.from_bytes(size[1:], 'big') if size[0] == 0x80 else int(size.strip(b' \0') or b'0', 8)
                body = data[at+512:at+512+size]
                if kind not in b'gxLK' or kind == b'\0': break
                at += 512 + (size + 511) // 512 * 512
                if kind == b'g': glob = at - start
                if kind == b'L': name = body.rstrip(b'\0')
                if kind == b'x':
                    rest, sparse = body, b'GNU.sparse' in body
                    while rest:
                        length = int(rest.split(b' ')[0]); record = rest[:length]; rest = rest[length:]
                        key, value = record.split(b' ', 1)[1][:-1].split(b'=', 1)
                        if key == b'path': name = value
                        if key == b'size': realsize = int(value)
                    if sparse: kind = b'S'
            if name is None:
                name = head[:100].split(b'\0')[0]
                if head[257:263] == b'ustar\0' and head[345:500].strip(b'\0'):
                    name = head[345:500].split(b'\0')[0] + b'/' + name
            was_sparse = b'GNU.sparse' in data[start:at]
            kind = head[156:157]
            at += 512
            if kind == b'S':
                more = head[482:483]
                while more == b'\1':
                    more = data[at+504:at+505]; at += 512
            at += (size + 511) // 512 * 512 if kind not in b'125346' else 0
            plain = kind in (b'0', b'\0', b'7') and not was_sparse
            out.append(dict(glob=data[start:start+glob], rest=data[start+glob:at], name=name, kind=kind,
                            plain=plain, body=body, link=head[157:257].split(b'\0')[0]))
        assert not data[at:].strip(b'\0'), 'behind the end'
        return out
    old, new, files = sys.argv[1:4]
    before = units(gzip.open(old).read()); after = gzip.open(new).read()
    clean = lambda name: b'/'.join(p for p in name.split(b'/') if p not in (b'', b'.'))
    names = [clean(u['name']) for u in before]
    linked = {clean(u['link']) for u in before if u['kind'] == b'1'}
    expected, left = b'', 0
    for unit, name in zip(before, names):
        path = os.path.join(os.fsencode(files), name)
        on_disk = (unit['plain'] and names.count(name) == 1 and name not in linked
                   and os.path.isfile(path) and open(path, 'rb').read() == unit['body'])
        if on_disk: expected += unit['glob']; left += 1
        else: expected += unit['glob'] + unit['rest']
    assert left > 0, 'nothing could have gone'
    assert after == expected + bytes(1024), (len(after), len(expected) + 1024)
    print(left, len(before) - left)
    """#
  let result = run("/usr/bin/env", ["python3", "-c", script, old, new, files])
  return (result.status, result.output + result.error)
}
