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
  private func slim(_ change: (String) -> Void) throws -> (SlimOutcome, node: String) {
    var template = Array("/var/tmp/reapd-test.XXXXXX".utf8CString)
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
      ArchiveSlimming(path, below: base, for: .slim).run { count in
        read += count
        guard read > size, !hasChanged else { return }
        hasChanged = true
        change(node)
      }
    }
    #expect(hasChanged)
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
}
