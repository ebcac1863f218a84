// `reapd compact` on every odd input: no line is lost, and on an error nothing has changed.

import Foundation
import Glibc
import Testing

private func compress(_ text: String, with tool: String, in scratch: Scratch) -> Data {
  let path = "\(scratch.path)/\(UUID().uuidString)"
  _ = FileManager.default.createFile(atPath: path, contents: Data(text.utf8))
  #expect(shell("\(tool) -c < \(path) > \(path).out").status == 0)
  return FileManager.default.contents(atPath: path + ".out") ?? Data()
}

private func compact(
  _ partition: TestPartition, _ arguments: [String] = []
) -> (status: Int32, said: [String: JSON], error: String) {
  let environment = ["HOME": partition.path + "/nowhere", "PATH": "/usr/bin:/bin"]
  let result = run(
    reapdBinary, ["compact", "--json", partition.path] + arguments, environment: environment)
  return (result.status, result.output.isEmpty ? [:] : decode(result.output) ?? [:], result.error)
}

extension TestPartition {
  /// Plain bytes of the live generation's files, in order.
  fileprivate var content: String {
    let data = "\(path)/\(live ?? "?")/data"
    return shell(
      "for f in $(find \(data) -type f | LC_ALL=C sort); do case $f in *.gz) gzip -dc $f;; "
        + "*.zst) zstd -dqc $f;; *) cat $f;; esac; done"
    ).output
  }

  fileprivate var files: [String] {
    shell("cd \(path)/\(live ?? "?") && find data -type f | LC_ALL=C sort").output
      .split(separator: "\n").map(String.init)
  }
}

@Suite(.live) struct CompactionTests {
  @Test("Every odd line is kept and counted", arguments: ["none", "gzip", "zstd", "same"])
  func oddInputs(_ compression: String) throws {
    let scratch = Scratch()
    let partition = TestPartition(in: scratch)
    unlink(partition.path + "/table/data/rows.jsonl")
    let big = "{\"big\":\"\(String(repeating: "x\\\"]}", count: 60_000))\"}\n"
    let pieces: [(name: String, content: String)] = [
      ("00.jsonl", "{\"a\":1}\r\n[1,{\"b\":\"}\"}]\n"), ("01.json", "{\"no\":\"newline\"}"),
      ("02.ndjson", "{\"c\":1}\n\n  \n{\"d\":\"to"), ("03.jsonl", ""),
      ("04.jsonl", big + "{\"after\":\"big\"}\n"),
      ("05.jsonl", "{\"e\":\"torn{\"f\":1}\n{\"g\":1}\n"),
      ("06.jsonl", "{\"half"), ("07.jsonl", "{\"bytes\":\"\u{FF}é\"}\n"),
    ]
    for (name, content) in pieces { partition.put("table/data/" + name, content) }
    partition.put(
      "table/data/08.jsonl",
      compress("{\"h\":1}\n", with: "gzip", in: scratch)
        + compress("{\"i\":1}\n{\"j\"", with: "gzip", in: scratch))
    partition.put(
      "table/data/09",
      compress("{\"k\":1}\n", with: "zstd -q", in: scratch)
        + compress(big, with: "zstd -q", in: scratch))
    partition.put("table/data/10.jsonl.tmp.77.1747000000000.abc123", "{\"being\":\"written")
    let expected =
      pieces.map {
        $0.content.isEmpty || $0.content.hasSuffix("\n") ? $0.content : $0.content + "\n"
      }
      .joined() + "{\"h\":1}\n{\"i\":1}\n{\"j\"\n{\"k\":1}\n" + big

    let result = compact(
      partition,
      ["--compression", compression, "--batch-bytes", "64KiB", "--batch-rows", "3"]
        + ["--allow-growth"])
    #expect(result.status == 0, "\(result.error)")
    #expect(partition.live == result.said["to"]?.text)
    #expect(partition.content == expected)
    let wanted = [
      "rows": 12, "blank_lines": 2, "malformed_lines": 1, "torn_lines": 3, "newlines_added": 4,
      "empty_files": 1, "temporaries": 1, "files_before": 10, "files_after": 1,
    ]
    for (key, value) in wanted { #expect(result.said[key] == .int(value), "\(key)") }
    let suffix = ["none": "", "gzip": ".gz", "zstd": ".zst", "same": ""][compression] ?? "?"
    #expect(partition.files == ["data/part-00001.jsonl" + suffix])
    #expect(exists(partition.path + "/table/.retired"))
    #expect(partition.text("cursor.json").contains("\"dataFilesBefore\": 10,"))
  }

  @Test("On an error nothing has changed, and nothing is left over")
  func errors() throws {
    let scratch = Scratch()
    let whole = compress(TestPartition.rows, with: "gzip", in: scratch)
    let frame = compress(TestPartition.rows, with: "zstd -q", in: scratch)
    let cases: [(String, String, Data, String)] = [
      (
        "binary", "table/data/x.parquet", Data("PAR1\u{0}\u{1}\n\u{2}".utf8),
        "not newline-delimited"
      ),
      ("pretty", "table/data/x.json", Data("{\n  \"a\": 1\n}\n".utf8), "not newline-delimited"),
      ("scalar", "table/data/x.json", Data("12".utf8), "not newline-delimited"),
      ("cut-gzip", "table/data/x.gz", whole.dropLast(5), "truncated"),
      (
        "bad-gzip", "table/data/x.gz", whole.prefix(40) + Data([9, 9]) + whole.dropFirst(42), "x.gz"
      ),
      ("tail", "table/data/x.gz", whole + Data("tail".utf8), "damaged gzip"),
      ("cut-zstd", "table/data/x.zst", frame.dropLast(5), "truncated"),
      (
        "url", "table/metadata/v3.metadata.json", Data("{\"f\":[\"file:///x/y\"]}".utf8),
        "another program's metadata is not reapd's; if hypaware made it: hyp query maintain"
      ),
      (
        "named", "table/metadata/v3.metadata.json", Data("{\"f\":\"data/rows.jsonl\"}".utf8),
        "another program"
      ),
      ("avro", "table/metadata/snap-1.avro", Data("x".utf8), "hyp query maintain"),
      ("index", "table/index/a", Data("x".utf8), "carry this over"),
      ("torn", "cursor.json", Data(TestPartition.tableCursor.utf8.dropLast(3)), "no cursor"),
      ("outside", "cursor.json", Data("{\"epoch\":0,\"tableDir\":\"../x\"}".utf8), "no cursor"),
    ]
    for (name, file, content, wanted) in cases {
      let partition = TestPartition(name, in: scratch)
      partition.put("table/data/0.jsonl", "{}\n")
      partition.put(file, content)
      let before = (names(in: partition.path), partition.text("cursor.json"))
      let result = compact(partition, ["--compression", "gzip"])
      #expect(result.status == 65, "\(name): \(result)")
      #expect(result.error.contains(wanted), "\(name): \(result.error)")
      #expect(names(in: partition.path) == before.0, "\(name)")
      #expect(partition.text("cursor.json") == before.1, "\(name)")
    }
  }

  @Test("Files are closed at the target size, rows stay in their directory, metadata is kept")
  func targetSize() throws {
    let scratch = Scratch()
    let partition = TestPartition(in: scratch)
    partition.put("table/metadata/v2.metadata.json", "{\"schema\":{\"id\":7}}")
    for day in 1...2 {
      for number in 0..<5 {
        partition.put("table/data/date=\(day)/\(number).jsonl", TestPartition.rows)
      }
    }
    let before = partition.content
    let result = compact(
      partition, ["--compression", "none", "--batch-rows", "100", "--target-bytes", "5KB"])
    #expect(result.status == 0, "\(result.error)")
    #expect(partition.content == before)
    // 100 rows are about 3,300 bytes: two batches of 100 make a file.
    #expect(partition.files.filter { $0.hasPrefix("data/date=1/") }.count == 3)
    let metadata = partition.text("\(try #require(partition.live))/metadata/v1.metadata.json")
    #expect(metadata.contains("\"id\": 7") && metadata.contains("\"rows\": 1100"))
    // What was made can be compacted again: the metadata's own member names files, but is ours.
    #expect(compact(partition, ["--compression", "zstd"]).status == 0)
    #expect(partition.content == before)
  }

  @Test("Same is what most bytes are in; what grows is refused unless asked for, in the plan too")
  func growth() throws {
    let scratch = Scratch()
    let partition = TestPartition(in: scratch)
    let long = "{\"zeros\":\"\(String(repeating: "0", count: 4 << 20))\"}\n"
    partition.put("table/data/zeros.jsonl.gz", compress(long, with: "gzip", in: scratch))
    for number in 0..<5 { partition.put("table/data/\(number).jsonl", "{\"n\":\(number)}\n") }
    unlink(partition.path + "/table/data/rows.jsonl")
    let before = portrait(partition.path)
    let content = partition.content

    let plan = compact(partition, ["--dry-run"])
    #expect(plan.status == 0 && plan.said["refused"] == .bool(false), "\(plan)")
    #expect(plan.said["compression"] == .text("gzip"))
    let growing = compact(partition, ["--dry-run", "--compression", "none"])
    #expect(growing.status == 0 && growing.said["refused"] == .bool(true), "\(growing)")
    #expect(growing.said["bytes_after"]?.int ?? 0 > 4 << 20)
    let refused = compact(partition, ["--compression", "none"])
    #expect(refused.status == 1)
    #expect(refused.error.contains("1.2 times") && refused.error.contains("--allow-growth"))
    #expect(portrait(partition.path).dropFirst() == before.dropFirst(), "something is left over")
    #expect(partition.live == "table")

    let done = compact(partition)
    #expect(done.status == 0, "\(done.error)")
    let sizes = ["bytes_before", "bytes_after"].compactMap { done.said[$0]?.int }
    #expect(sizes.count == 2 && sizes[1] <= sizes[0] * 6 / 5 + 4096, "\(sizes)")
    #expect(done.said["bytes_after"] == plan.said["bytes_after"])
    #expect(partition.content == content)
    let asked = compact(partition, ["--compression", "none", "--allow-growth"])
    #expect(asked.status == 0, "\(asked.error)")
    #expect(partition.content == content)
  }

  @Test("What root makes for another user is that user's, and no directory swapped in becomes it")
  func swapped() throws {
    guard isRoot else { return skip("chown needs root") }
    let scratch = Scratch()
    chmod(scratch.path, 0o755)
    let partition = TestPartition(in: scratch)
    partition.put("table/data/more.jsonl", TestPartition.rows)
    #expect(shell("chown -R 65534:65534 \(partition.path)").status == 0)
    #expect(compact(partition).status == 0)
    let live = try #require(partition.live)
    let owners = shell("find \(partition.path)/\(live) -printf '%U:%G\\n' | sort -u").output
    #expect(owners == "65534:65534\n")

    // Between the making of the next generation and its opening, for half a second: its owner puts
    // in its place what only root could have written into.
    for mode in ["0700", "0755"] {
      let secret = partition.path + "/roots-\(mode)"
      partition.put("roots-\(mode)/secret", "s")
      #expect(shell("chmod \(mode) \(secret)").status == 0)
      let known = partition.generations
      let work = try Background(
        "/usr/bin/strace",
        ["-f", "-qq", "-o", "/dev/null", "-e", "trace=mkdirat"]
          + ["-e", "inject=mkdirat:delay_exit=500000:when=1", reapdBinary, "compact"]
          + [partition.path, "--compression", "zstd"], in: scratch)
      #expect(wait { partition.generations.count > known.count })
      let made = try #require(partition.generations.first { !known.contains($0) })
      #expect(rename("\(partition.path)/\(made)", "\(partition.path)/aside-\(mode)") == 0)
      #expect(rename(secret, "\(partition.path)/\(made)") == 0)
      #expect(work.exitStatus(within: 60) != 0)
      #expect(shell("stat -c %u \(partition.path)/\(made)").output == "0\n")
      #expect(names(in: "\(partition.path)/\(made)") == ["secret"])
      #expect(partition.live == live)
      #expect(rename("\(partition.path)/\(made)", secret) == 0)
    }
  }

  @Test("The rule that holds the partition gives the settings, options win, a dry run only looks")
  func settings() throws {
    let scratch = Scratch()
    let partition = TestPartition(in: scratch)
    partition.put("table/data/more.jsonl", TestPartition.rows)
    let config = scratch.path + "/reapd.yaml"
    let text = """
      rules:
        - kind: generations
          root: \(scratch.path)/cache
          compaction: {batch_bytes: 1MiB, batch_rows: 7, target_bytes: 2MiB, compression: zstd}
      """
    _ = FileManager.default.createFile(atPath: config, contents: Data(text.utf8))
    let before = portrait(partition.path)
    let plan = compact(partition, ["--config", config, "--dry-run", "--batch-rows", "8"])
    #expect(plan.status == 0, "\(plan.error)")
    #expect(plan.said["batch_bytes"] == .int(1 << 20))
    #expect(plan.said["batch_rows"] == .int(8))
    #expect(plan.said["target_bytes"] == .int(2 << 20))
    #expect(plan.said["compression"] == .text("zstd"))
    #expect(portrait(partition.path) == before)
    #expect(compact(partition, ["--config", config]).status == 0)
    #expect(partition.files == ["data/part-00001.jsonl.zst"])
    #expect(compact(partition, ["--compression", "brotli"]).status == 64)
    // One file of the wanted kind: nothing to merge.
    #expect(compact(partition, ["--compression", "same"]).said["idle"] == .bool(true))
  }

  @Test("Killed or overtaken in the middle, the live generation stays")
  func interrupted() throws {
    let scratch = Scratch()
    for kind in ["killed", "overtaken"] {
      let partition = TestPartition(kind, in: scratch)
      let block = String(repeating: TestPartition.rows, count: 4000)
      for number in 0..<8 { partition.put("table/data/\(number).jsonl", block) }
      let work = try Background(
        reapdBinary, ["compact", partition.path, "--compression", "gzip"], in: scratch)
      #expect(wait { partition.generations.count == 2 })
      work.signal(SIGSTOP)
      #expect(wait { isStopped(work.pid) })
      #expect(partition.live == "table", "it was over before it could be stopped")
      if kind == "killed" {
        work.killHard()
        #expect(partition.isWhole && partition.live == "table")
        #expect(compact(partition).status == 0)
      } else {
        partition.put("table/data/late.jsonl", "{\"late\":1}\n")
        work.signal(SIGCONT)
        #expect(work.exitStatus(within: 60) == 75)
        #expect(work.error.contains("changed"), "\(work.error)")
        #expect(partition.generations == ["table"])
      }
    }
  }

  @Test("With the disk full it says so, and what it wrote is gone again")
  func fullDisk() throws {
    guard isRoot else { return skip("mounting needs root") }
    let scratch = Scratch()
    let disk = try #require(MountedImage("tmpfs", megabytes: 8, in: scratch))
    let full = Scratch(in: disk.path)
    let partition = TestPartition(in: full)
    for number in 0..<5 {
      let block = String(repeating: TestPartition.rows, count: 400)
      partition.put("table/data/\(number).jsonl", block)
    }
    let before = names(in: partition.path)
    let result = compact(partition)
    #expect(result.status == 1)
    #expect(result.error.contains("No space left on device; make room"), "\(result.error)")
    #expect(names(in: partition.path) == before)
    #expect(partition.isWhole && partition.live == "table")
    #expect(compact(partition, ["--compression", "gzip"]).status == 0)
  }

  @Test("Memory stays below four batches, whatever a row's size")
  func memory() throws {
    let scratch = Scratch()
    let partition = TestPartition(in: scratch)
    let make = """
      import sys
      for n in range(4):
          with open(f"{sys.argv[1]}/{n}.jsonl", "w") as f:
              f.write('{"huge":"' + "abc{}\\\\\\\\" * 6_000_000 + '"}\\n' + '{"small":1}\\n' * 1000)
      """
    #expect(run("/usr/bin/python3", ["-c", make, partition.path + "/table/data"]).status == 0)
    let hash = "cat \(partition.path)/table/data/* | sha256sum"
    let before = shell(hash).output
    let measure = """
      import os, subprocess, sys
      p = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
      _, code, usage = os.wait4(p.pid, 0)
      print(code, usage.ru_maxrss)
      """
    for kind in ["gzip", "zstd", "gzip"] {
      let result = run(
        "/usr/bin/python3",
        [
          "-c", measure, reapdBinary, "compact", partition.path, "--batch-bytes", "8MiB",
          "--compression", kind, "--allow-growth",
        ])
      let numbers = result.output.split(separator: "\n").joined().split(separator: " ")
      #expect(numbers.first == "0", "\(result)")
      let kilobytes = try #require(numbers.last.flatMap { Int($0) })
      print("compacting rows of 48 MB to \(kind): \(kilobytes / 1024) MiB resident")
      #expect(kilobytes < 4 * 8 * 1024)
      let live = partition.path + "/" + (try #require(partition.live))
      let unpack = kind == "gzip" ? "gzip -dc" : "zstd -dqc"
      #expect(shell("cat \(live)/data/* | \(unpack) | sha256sum").output == before)
    }
  }
}
