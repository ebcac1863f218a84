// The table of reasons, walked: what is kept for each of them goes once that is over, with the backstop
// off. A new reason needs a row here, or a word on why it has none.

import Foundation
import Glibc
import ReapRules
import Testing

/// What keeps a directory, and what ends that.
struct KeptFor: Sendable, CustomTestStringConvertible {
  enum End: Sendable {
    /// The process is killed that made it so.
    case kill
    case run(String)
    /// Time alone.
    case time
  }

  let reason: Reason
  var keys = ""
  var needsRoot = false
  /// For bash, with the candidate's path in `$D`, its partition's in `$P` and reapd in `$REAPD`; what it
  /// execs keeps it.
  let script: String
  let end: End

  var testDescription: String { reason.rawValue }
}

@Suite("What is kept for each reason wakes", .live)
struct ReasonWalkTests {
  private let scratch = Scratch()

  private static let sleep = "; echo ready; exec sleep 1000"
  private static let lock = "mkdir $D; : >$D/.lock; "

  static let spillRows: [KeptFor] = [
    KeptFor(reason: .lockHeld, script: lock + "exec 9>$D/.lock; flock 9" + sleep, end: .kill),
    KeptFor(reason: .lockOpen, script: lock + "exec 9<$D/.lock" + sleep, end: .kill),
    KeptFor(reason: .fileOpen, script: "mkdir $D; exec 9>$D/file" + sleep, end: .kill),
    KeptFor(reason: .directoryLocked, script: lock + "exec 9<$D; flock 9" + sleep, end: .kill),
    KeptFor(reason: .workingDirectory, script: "mkdir $D; cd $D" + sleep, end: .kill),
    KeptFor(
      reason: .directoryOpen, script: "mkdir -p $D/inner; exec 9<$D/inner" + sleep, end: .kill),
    KeptFor(reason: .fifoOpen, script: "mkdir $D; mkfifo $D/f; exec 9<>$D/f" + sleep, end: .kill),
    KeptFor(
      reason: .socketBound,
      script: """
        exec python3 -c 'import os, socket, sys, time
        os.mkdir(sys.argv[1]); s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1] + "/s")
        print("ready", flush=True); time.sleep(1000)' $D
        """, end: .kill),
    KeptFor(
      reason: .recentlyChanged, keys: ", grace: 3s",
      script: "mkdir $D; echo ready; while sleep 0.05; do echo x >>$D/file; done", end: .kill),
    KeptFor(
      reason: .lockNamesProcess, script: "mkdir $D; echo $$ >$D/.lock" + sleep, end: .kill),
    KeptFor(
      reason: .young, keys: ", grace: 8s", script: lock + "echo ready; exec sleep 1000", end: .time),
    KeptFor(
      reason: .notADirectory, script: ": >$D" + sleep, end: .run("rm $D; mkdir $D; : >$D/.lock")),
    KeptFor(
      reason: .missingLockKept, keys: ", missing_lock: keep", script: "mkdir $D" + sleep,
      end: .run(": >$D/.lock")),
    KeptFor(
      reason: .foreignContents, keys: ", contents: \"^f\"", script: lock + ": >$D/other" + sleep,
      end: .run("rm $D/other")),
    KeptFor(
      reason: .lockNotAFile, script: "mkdir -p $D/.lock" + sleep,
      end: .run("rmdir $D/.lock; : >$D/.lock")),
    KeptFor(
      reason: .keptByHand, script: lock + "$REAPD keep $D >&2" + sleep,
      end: .run("$REAPD keep --undo $D")),
    KeptFor(
      reason: .foreignOwner, needsRoot: true, script: lock + "chown 12345 $D" + sleep,
      end: .run("chown 0 $D")),
    KeptFor(
      reason: .mountPoint, needsRoot: true,
      script: lock + "mount -t tmpfs tmpfs $D" + sleep, end: .run("umount $D")),
    KeptFor(
      reason: .mountInside, needsRoot: true,
      script: lock + "mkdir $D/in; mount -t tmpfs tmpfs $D/in" + sleep, end: .run("umount $D/in")),
  ]

  /// `$D` is a superseded generation, `$P/table` the live one; `flip` names another.
  static let generationRows: [KeptFor] = [
    KeptFor(
      reason: .live, script: "make $D; flip $P table-1" + sleep,
      end: .run("make $P/table-2; flip $P table-2")),
    KeptFor(
      reason: .recentlySuperseded, keys: ", retired_after: 8s", script: "make $D" + sleep,
      end: .time
    ),
    KeptFor(reason: .quarantined, keys: ", quarantine: 8s", script: "make $D" + sleep, end: .time),
    KeptFor(
      reason: .ownerAlive, keys: ", stale_temporaries: off",
      script: "make $D; : >$D/data/rows.jsonl.tmp.$$.1795216876835.a1b2c3" + sleep, end: .kill),
    KeptFor(
      reason: .cursorUnknown, script: "make $D; echo '{' >$P/cursor.json" + sleep,
      end: .run("flip $P table")),
    KeptFor(
      reason: .liveAbsent, script: "mv $P/table $P/../../aside; make $D" + sleep,
      end: .run("mv $P/../../aside $P/table")),
    KeptFor(
      reason: .liveIncomplete, script: "mv $P/table/metadata $P/../../aside; make $D" + sleep,
      end: .run("mv $P/../../aside $P/table/metadata")),
    KeptFor(
      reason: .liveUnknown, script: "mv $P/table $P/../../aside; : >$P/table; make $D" + sleep,
      end: .run("rm $P/table; mv $P/../../aside $P/table")),
    KeptFor(
      reason: .claimConflict,
      // At once: two halves that are the same are joined.
      script: "make $P/../../aside; echo '{}' >>$P/../../aside/data/rows.jsonl; "
        + "mv $P/../../aside $P/.reapd.1795216876835000000.table; make $D" + sleep,
      end: .run("rm -r $P/.reapd.1795216876835000000.table")),
  ]

  /// What has no row, with the suite that shows it end, or why nothing can.
  static let elsewhere: [Reason: String] = [
    .unreadable: "HostileFileTests", .lockUnreadable: "HostileFileTests",
    .removalFailed: "StubbornTests", .foreignInside: "ForeignInsideTests",
    .lockUnknown: "UnlinkedOwnerTests", .auditUnwritable: "FullDiskTests",
    .claimFound: "HalvesTests", .unproved: "ScratchLockTests",
    .noCopy: "ReceiptTests", .protected: "InstanceTests", .incomplete: "InstanceTests",
    .timeUnknown: "InstanceTests",
    .ownerUnknown: "ScratchPidTests", .bootUnknown: "ScratchBootTests",
    .draining: "LogWatchTests", .nothingToCut: "LogWatchTests",
    .notInPlace: "TrimTests", .archiveBeingMade: "VisitsTests", .slimming: "VisitsTests",
    .slimmingWaits: "VisitsTests", .cannotSlim: "VisitsTests",
    .asSmallAsItGets: "VisitsTests",
  ]
  static let endedByAnotherRule: Set<Reason> = [.notMatched, .rootInside, .cannotClaim]
  /// Of a pass, or of a file: nothing stays that could be woken.
  static let ofAPass: Set<Reason> = [.needsQuarantine, .notAFile]
  /// What it takes cannot be brought about from outside: the edge of each is the back-off or the pause
  /// that others in the table have.
  static let withoutAMeans: Set<Reason> = [
    .useUnknown, .processesUnknown, .surroundingsUnknown, .replaced,
  ]
  static let proofs: Set<Reason> = [
    .lockReleased, .lockMissing, .ownerDead, .beforeBoot, .quiet, .staleTemporary,
    .abandoned, .overAge, .overCount, .overBytes, .roomNeeded, .pressure,
    .overLimit, .drained, .abandonedCopy,
    .copied, .superseded, .supersededWhole, .runOver,
  ]
  /// Ended by what another of its group does: InstanceTests.
  static let ofAGroup: Set<Reason> = [.withinBounds]

  @Test("Each reason that keeps has a row, or a word on where it is shown or why it cannot be")
  func complete() {
    let rows = Self.spillRows.map(\.reason) + Self.generationRows.map(\.reason)
    let words =
      rows + Self.elsewhere.keys + Self.endedByAnotherRule + Self.ofAPass + Self.withoutAMeans
      + Self.proofs + Self.ofAGroup
    #expect(Set(words) == Set(Reason.allCases))
    #expect(words.count == Set(words).count, "one of them has two")
    let suites = FileManager.default.enumerator(atPath: repository + "/Tests/ReapLiveTests")?
      .compactMap { ($0 as? String).map { ($0 as NSString).lastPathComponent } }
    for suite in Self.elsewhere.values {
      #expect(suites?.contains(suite + ".swift") == true, "\(suite)")
    }
    // Only what nothing but a name, another rule or the operator's files may end has no end of its own.
    for reason in rows where reason.traits.ends.isEmpty { #expect(reason == .notADirectory) }
  }

  private func expectWoken(
    _ row: KeptFor, _ candidate: String, _ rule: String, catchUp: (Watcher) -> Void
  ) throws {
    guard !row.needsRoot || isRoot else { return skip("mounts and other owners need root") }
    let configuration = scratch.path + "/rule.yaml"
    #expect(
      (try? Data("rules:\n  - \(rule)\n".utf8).write(to: .init(filePath: configuration))) != nil)
    let watcher = try Watcher(
      [], grace: nil, in: scratch, arguments: ["--config", configuration],
      environment: ["REAPD_BACKSTOP": "off"])
    let functions = """
      make() { mkdir -p $1/data $1/metadata; echo '{}' >$1/data/rows.jsonl
        echo '{}' >$1/metadata/v1.metadata.json; }
      flip() { printf '{"epoch": 0, "rowCount": 1, "compaction": null, "layout": "source-table", \
      "tableDir": "%s"}' $2 >$1/../../new; mv $1/../../new $1/cursor.json; }
      D=\(candidate); P=\((candidate as NSString).deletingLastPathComponent); REAPD=\(reapdBinary)

      """
    let keeper = try Background("/bin/bash", ["-c", functions + row.script], in: scratch)
    #expect(wait { keeper.output == "ready\n" }, "\(keeper.error)")
    func reason() -> String? {
      let command = ["explain", "--json", "--config", configuration, candidate]
      return decodeFinding(run(reapdBinary, command).output)?.reason
    }
    if row.reason == .quarantined {
      // A quarantine is known to who waits for its end.
      #expect(wait(seconds: 60) { !watcher.audit(of: candidate, action: .condemned).isEmpty })
    } else {
      #expect(
        wait(seconds: 30) { reason() == row.reason.rawValue }, "\(String(describing: reason()))")
    }
    // Its own look came before that of what is made only now.
    catchUp(watcher)
    if case .time = row.end {} else { letPass(1, "it is kept for as long as it is like this") }
    #expect(exists(candidate), "\(watcher.audit)")
    switch row.end {
    case .kill: keeper.killHard()
    case .run(let script): #expect(shell(functions + script).status == 0)
    case .time: break
    }
    #expect(
      wait(seconds: 60) { !exists(candidate) }, "\(watcher.audit) \(watcher.background.error)")
    #expect(watcher.stop().summary?.backstopNeeded == 0)
  }

  @Test("A spill directory", arguments: spillRows)
  func spill(row: KeptFor) throws {
    let root = scratch.directory("a/root")
    // Long enough for a script to come to what keeps the directory, on a busy machine.
    let grace = row.keys.contains("grace") ? "" : ", grace: 1s"
    try expectWoken(
      row, root + "/spill_1_1", "{name: s, kind: spill, root: \(root)\(grace)\(row.keys)}"
    ) { watcher in
      if case .time = row.end { return }
      watcher.catchUp(in: root)
    }
  }

  @Test("A generation", arguments: generationRows)
  func generation(row: KeptFor) throws {
    let root = scratch.directory("a/root")
    _ = Partition(root + "/p")
    let keys = ["retired_after": "0s", "quarantine": "0s", "stale_temporaries": "1s"]
      .filter { !row.keys.contains($0.key) }.sorted { $0.key < $1.key }
      .map { ", \($0.key): \($0.value)" }.joined()
    try expectWoken(
      row, root + "/p/table-1",
      "{name: t, kind: generations, root: \(root), grace: 200ms, quiet: 2s\(keys)\(row.keys)}"
    ) { watcher in
      if case .time = row.end { return }
      watcher.catchUp(below: root)
    }
  }
}
