// Files that prove something must still be what they were when the new archive takes its place.

import Foundation
import Glibc
import OwnedDirectories
import ReapRules
import Testing

@testable import Archives

private func shell(_ command: String) -> Int32 {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/bin/bash")
  process.arguments = ["-c", command]
  guard (try? process.run()) != nil else { return -1 }
  process.waitUntilExit()
  return process.terminationStatus
}

@Suite struct ProvingFileTests {
  /// A visit with two files and their archive; what `change` does comes when the second reading has begun.
  private func slim(
    in directory: String = "/var/tmp", limits: SlimLimits = SlimLimits(), _ change: (String) -> Void
  ) throws -> (SlimOutcome, node: String) {
    var template = Array("\(directory)/reapd-test.XXXXXX".utf8CString)
    let node = String(cString: mkdtemp(&template))
    #expect(
      shell(
        "cd \(node) && mkdir visit_1 && cd visit_1 && head -c 100000 /dev/urandom > a && echo b > b "
          + "&& tar -czf ../t . && mv ../t stage.tgz"
      ) == 0)
    let base = try openRoot(FilePath(node))
    defer { base.close() }
    let path = try MemberName(parsing: Array("visit_1/stage.tgz".utf8))
    let size = (try? status(ofPath: FilePath(node + "/visit_1/stage.tgz")))?.size ?? 0
    var (read, hasChanged) = (Int64(0), false)
    let outcome = withoutActuallyEscaping(change) { change in
      ArchiveSlimming(path, below: base, for: .slim, limits: limits).run { count in
        read += count
        guard read > size, !hasChanged else { return }
        hasChanged = true
        change(node)
      }
    }
    #expect(hasChanged || outcome.problem?.reason == .limit)
    return (outcome, node)
  }

  @Test(
    "A file that changes meanwhile keeps the archive, and nothing is left of the new one",
    arguments: [
      "printf x >> visit_1/a", "touch visit_1/b", "rm visit_1/b", "mv visit_1/b visit_1/c",
      "chmod 600 visit_1/a", "cp visit_1/a x && mv x visit_1/a", "ln -sf a visit_1/b",
    ])
  func changed(_ change: String) throws {
    let (outcome, node) = try slim { node in _ = shell("cd \(node) && \(change)") }
    defer { _ = shell("rm -rf \(node)") }
    #expect(outcome.action == .kept)
    #expect(outcome.problem?.reason == .changed)
    #expect(shell("tar -tzf \(node)/visit_1/stage.tgz ./a ./b > /dev/null") == 0)
    #expect(shell("ls -A \(node)/visit_1 | grep -q reapd") == 1)
  }

  @Test(
    "A link that changes behind the comparison keeps an archive that was to be dropped",
    arguments: ["ln -sfn other l", "rm l", "cp b x && mv x two", "true"])
  func changedLinks(_ change: String) throws {
    var template = Array("/var/tmp/reapd-test.XXXXXX".utf8CString)
    let node = String(cString: mkdtemp(&template))
    defer { _ = shell("rm -rf \(node)") }
    #expect(
      shell(
        "cd \(node) && echo b > b && ln b two && ln -s b l && head -c 2M /dev/urandom > a "
          + "&& tar -czf ../t.$$ l b two a && mv ../t.$$ stage.tgz") == 0)
    let base = try openRoot(FilePath(node))
    defer { base.close() }
    let path = try MemberName(parsing: Array("stage.tgz".utf8))
    var (read, hasChanged) = (Int64(0), false)
    let outcome = ArchiveSlimming(path, below: base, for: .drop).run { count in
      read += count
      // By then what comes before the large file has been compared.
      guard read > 1_500_000, !hasChanged else { return }
      hasChanged = true
      _ = shell("cd \(node) && \(change)")
    }
    #expect(hasChanged)
    #expect(outcome.action == (change == "true" ? .dropped : .kept))
    if change != "true" { #expect(outcome.problem?.reason == .changed) }
  }

  @Test func moreEntriesThanTheLimitKeepAnArchive() throws {
    #expect(SlimLimits().entries == 1_000_000)
    var limits = SlimLimits()
    for (entries, error) in [(3, nil), (2, "more than 2 entries")] as [(Int64, String?)] {
      limits.entries = entries
      let (outcome, node) = try slim(limits: limits) { _ in }
      defer { _ = shell("rm -rf \(node)") }
      #expect(outcome.problem?.what == error)
      #expect(outcome.action == (error == nil ? .slimmed : .kept))
    }
  }

  @Test func anArchiveThatIsReplacedMeanwhileStaysAsItIs() throws {
    let (outcome, node) = try slim { node in
      _ = shell("cd \(node)/visit_1 && cp stage.tgz x && echo >> x && mv x stage.tgz")
    }
    defer { _ = shell("rm -rf \(node)") }
    #expect(outcome.problem?.reason == .changed)
    let (plain, other) = try slim { _ in }
    defer { _ = shell("rm -rf \(other)") }
    #expect(plain.action == .slimmed)
  }

  @Test(
    "A change within the second in which a file was made keeps the archive, where no file knows less"
  )
  func coarseTimes() throws {
    guard geteuid() == 0 else { return }
    var template = Array("/var/tmp/reapd-test.XXXXXX".utf8CString)
    let place = String(cString: mkdtemp(&template))
    defer { _ = shell("umount -l \(place)/mnt; rm -rf \(place)") }
    #expect(
      shell(
        "cd \(place) && mkdir mnt && truncate -s 8M image && mkfs.ext4 -q -I 128 image && mount -o loop image mnt"
      ) == 0)
    let (outcome, node) = try slim(in: place + "/mnt") { node in
      _ = shell("cd \(node)/visit_1 && printf x | dd of=b conv=notrunc bs=1 2> /dev/null")
    }
    #expect(outcome.action == .kept)
    #expect(outcome.problem?.reason == .changed)
    #expect(shell("tar -xOzf \(node)/visit_1/stage.tgz ./b | grep -qx b") == 0)
  }

  /// A program that another test starts has the lock of the last one until its exec.
  private func openPatiently(_ name: String, below base: Descriptor) throws -> OpenArchive {
    let end = Date() + 20
    while true {
      do {
        return try OpenArchive(MemberName(parsing: Array(name.utf8)), below: base)
      } catch let problem as SlimProblem where problem.reason == .inUse && Date() < end {
        usleep(10_000)
      }
    }
  }

  @Test func whatTakesTheArchivesNameInTheLastMomentKeepsIt() throws {
    var template = Array("/var/tmp/reapd-test.XXXXXX".utf8CString)
    let place = String(cString: mkdtemp(&template))
    defer { _ = shell("rm -rf \(place)") }
    #expect(shell("cd \(place) && echo old > stage.tgz") == 0)
    let base = try openRoot(FilePath(place))
    defer { base.close() }
    for (blow, left) in [
      ("echo new > x && mv x stage.tgz", "new"), ("echo more >> stage.tgz", "new\nmore"),
      ("true", "small"),
    ] {
      let archive = try openPatiently("stage.tgz", below: base)
      defer { archive.close() }
      let successor = try archive.makeSuccessor()
      defer { successor.close(discarding: false) }
      try writeAll(Array("small\n".utf8).span, to: successor.file, "x")
      #expect(shell("cd \(place) && \(blow)") == 0)
      if left == "small" {
        try archive.giveWay(to: successor)
      } else {
        #expect(throws: SlimProblem.self) { try archive.giveWay(to: successor) }
      }
      #expect(shell("cd \(place) && [ \"$(cat stage.tgz)\" = \"$(printf '\(left)')\" ]") == 0)
      #expect(shell("cd \(place) && [ \"$(ls -A)\" = stage.tgz ]") == 0)
    }
  }
}
