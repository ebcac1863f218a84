// Logs whose holders are not seen, cut them off, forge marks or rotate them at the worst instant: no line
// is lost, and nothing is written over.

import Foundation
import Glibc
import Testing

@Suite("Trimming under an attack", .live)
struct TrimAttackTests {
  private let scratch = Scratch()

  /// A file system, and a log on it.
  private func log(_ type: String = "ext4") -> String? {
    guard isRoot, let image = MountedImage(type, megabytes: 64, in: scratch) else {
      skip("\(type) could not be mounted")
      return nil
    }
    let path = image.path + "/data/events.jsonl"
    try? FileManager.default.createDirectory(
      atPath: image.path + "/data", withIntermediateDirectories: true)
    writeLog(path, lines: 0..<20_000)
    return path
  }

  private func directory(of path: String) -> String { (path as NSString).deletingLastPathComponent }

  private func python(_ script: String) throws -> Background {
    let background = try Background("/usr/bin/python3", ["-c", script], in: scratch)
    #expect(wait { background.output.hasSuffix("ready\n") }, "\(background.error)")
    return background
  }

  @Test("A writer at an offset that root may not look at is not cut under")
  func unseen() throws {
    guard let path = log() else { return }
    chmod(directory(of: path), 0o755)
    let writer = try python(
      """
      import os, time
      file = os.open('\(path)', os.O_RDWR); os.lseek(file, 0, 2); os.setuid(65534)
      print('ready', flush=True); time.sleep(1000)
      """)
    defer { writer.killHard() }
    let inode = fileNumber(path)
    let done = run(
      "/usr/bin/setpriv",
      [
        "--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace", reapdBinary, "trim", path,
        "--keep-lines", "100", "--audit-log", "none", "--wait", "0s", "--json",
      ])
    #expect(done.status == 1 && done.output.contains("new-file"), "\(done)")
    #expect(fileNumber(path) != inode)
  }

  @Test("A descriptor that is under way in a socket is somebody's")
  func underWay() throws {
    guard let path = log() else { return }
    let writer = try python(
      """
      import array, os, socket, sys
      a, b = socket.socketpair()
      file = os.open('\(path)', os.O_RDWR); os.lseek(file, 0, 2)
      a.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [file]))])
      os.close(file)
      print('ready', flush=True)
      import time
      while not os.path.exists('\(path).go'): time.sleep(.01)
      file = array.array('i', b.recvmsg(1, 100)[1][0][2])[0]
      os.write(file, b'{"n":20000}\\n')
      """)
    let done = Trimmed(path, ["--keep-lines", "100", "--wait", "0s"], in: scratch)
    #expect(done.line?.way == "new-file", "\(done)")
    #expect(FileManager.default.createFile(atPath: path + ".go", contents: nil))
    #expect(writer.exitStatus() == 0)
    #expect(Trimmed(path, ["--max-bytes", "1GiB"], in: scratch).status == 0)
    #expect(numbers(inLog: path) == Array(19_900...20_000))
  }

  @Test("What is written to an old file after its holder has cut it off comes into the log")
  func cutOff() throws {
    guard let path = log("tmpfs") else { return }
    let file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
    let words = ["--in-place", "never", "--wait", "0s"]
    #expect(Trimmed(path, ["--keep-lines", "10"] + words, in: scratch).status == 1)
    #expect(ftruncate(file, 0) == 0)
    let late = Array("{\"n\":20000}\n{\"n\":20001}\n".utf8)
    #expect(write(file, late, late.count) == late.count)
    #expect(Trimmed(path, ["--max-bytes", "1GiB"] + words, in: scratch).status == 1)
    close(file)
    #expect(Trimmed(path, ["--max-bytes", "1GiB"] + words, in: scratch).status == 0)
    #expect(numbers(inLog: path) == Array(19_990...20_001))
  }

  @Test("NULs in an old file wait for what their writer puts there", arguments: [1 << 12, 9 << 20])
  func preallocated(length: Int) throws {
    guard let path = log("tmpfs") else { return }
    let size = fileSize(path)
    let file = open(path, O_RDWR | O_CLOEXEC)
    #expect(ftruncate(file, size + length) == 0)
    let words = ["--in-place", "never", "--wait", "0s"]
    #expect(Trimmed(path, ["--keep-lines", "10"] + words, in: scratch).status == 1)
    #expect(Trimmed(path, ["--max-bytes", "1GiB"] + words, in: scratch).status == 1)
    let late = Array("{\"n\":20000}\n{\"n\":20001}\n".utf8)
    #expect(pwrite(file, late, late.count, size) == late.count)
    #expect(Trimmed(path, ["--max-bytes", "1GiB"] + words, in: scratch).status == 1)
    #expect(numbers(inLog: path).suffix(2) == [20_000, 20_001])
    // Half a line, and NULs behind it that nobody will fill in.
    #expect(pwrite(file, "{\"n\":20002}", 11, size + late.count) == 11)
    close(file)
    #expect(Trimmed(path, ["--max-bytes", "1GiB"] + words, in: scratch).status == 0)
    #expect(numbers(inLog: path).suffix(3) == [20_000, 20_001, 20_002])
  }

  @Test("Forged marks bring no trim down", arguments: ["auto", "never"])
  func forged(inPlace: String) throws {
    guard let path = log() else { return }
    let script =
      "import os; os.setxattr('\(path)', 'user.reapd.trimmed', b'1 1 1 \(Int64.max) \(Int64.max)')"
    #expect(run("/usr/bin/python3", ["-c", script]).status == 0)
    let words = ["--keep-lines", "100", "--in-place", inPlace]
    let done = Trimmed(path, words, in: scratch)
    #expect(done.status == 0 && numbers(inLog: path).last == 19_999, "\(done)")
  }

  /// Rotates the log while a trim, which strace holds up at each exchange, is about to take its name.
  private func rotateMeanwhile(_ path: String, _ body: (Background) throws -> Void) throws -> Bool {
    guard exists("/usr/bin/strace") else { return false }
    let trace = scratch.path + "/trace"
    let trim = try Background(
      "/usr/bin/strace",
      [
        "-f", "-o", trace, "-e", "trace=renameat2", "-e",
        "inject=renameat2:delay_enter=1000000:delay_exit=1000000", reapdBinary, "trim", path,
        "--keep-lines", "100", "--in-place", "never", "--audit-log", "none", "--wait", "5s",
      ], in: scratch)
    #expect(wait { fileSize(trace) > 0 }, "\(trim.error)")
    #expect(rename(path, path + ".1") == 0)
    writeLog(path, lines: 30_000..<30_001, padding: 1)
    let inode = fileNumber(path)
    // Until the copy has the new log's name for an instant.
    #expect(wait { fileNumber(path) != inode })
    try body(trim)
    return true
  }

  @Test("A line that is written to the copy while that has another log's name is not lost")
  func rotated() throws {
    guard let path = log() else { return }
    let isTraced = try rotateMeanwhile(path) { trim in
      #expect(shell("echo '{\"n\":30001}' >>\(path)").status == 0)
      _ = trim.exitStatus()
    }
    guard isTraced else { return skip("strace is not there") }
    #expect(Trimmed(path, ["--max-bytes", "1GiB"], in: scratch).status == 0)
    #expect(numbers(inLog: path) == [30_000, 30_001])
    #expect(numbers(inLog: path + ".1").count == 20_000)
    #expect(oldFiles(in: directory(of: path)).isEmpty)
  }

  @Test("Killed at that instant it leaves what the next one puts right")
  func rotatedAndKilled() throws {
    guard let path = log() else { return }
    let isTraced = try rotateMeanwhile(path) { trim in
      #expect(shell("echo '{\"n\":30001}' >>\(path)").status == 0)
      _ = shell("pkill -KILL -P \(trim.pid)")
      _ = trim.exitStatus()
    }
    guard isTraced else { return skip("strace is not there") }
    #expect(Trimmed(path, ["--keep-lines", "3"], in: scratch).line?.reason == "draining")
    #expect(Trimmed(path, ["--max-bytes", "1GiB"], in: scratch).status == 0)
    #expect(numbers(inLog: path) == [30_000, 30_001])
    #expect(oldFiles(in: directory(of: path)).isEmpty)
  }

  @Test("Never in place means that no block of it is given back either")
  func fullDisk() throws {
    guard let path = log("tmpfs") else { return }
    _ = shell("cat /dev/zero >\(directory(of: path))/ballast")
    let words = ["--keep-lines", "10000", "--in-place", "never"]
    #expect(Trimmed(path, words, in: scratch).status == 1)
    #expect(numbers(inLog: path).count == 20_000 && oldFiles(in: directory(of: path)).isEmpty)
  }

  @Test("A tail that starts while somebody has a lease waits for its end")
  func leased() throws {
    guard let path = log() else { return }
    let holder = try python(
      """
      import fcntl, os, signal, time
      signal.signal(signal.SIGIO, signal.SIG_IGN)
      file = os.open('\(path)', os.O_RDWR); fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
      print('ready', flush=True)
      while not os.path.exists('\(path).go'): time.sleep(.01)
      """)
    let tail = try Background(reapdBinary, ["tail", path, "--from", "start"], in: scratch)
    letPass(0.3, "it may not be told that the log is not there")
    #expect(tail.lines.isEmpty && tail.error.isEmpty, "\(tail.error)")
    #expect(FileManager.default.createFile(atPath: path + ".go", contents: nil))
    #expect(wait { tail.lines.count == 20_000 }, "\(tail.error)")
    #expect(holder.exitStatus() == 0)
    tail.killHard()
  }

  @Test("A tail does not wait for a cut that a forged mark has put out of reach")
  func forgedSuccessor() throws {
    let path = scratch.path + "/app.log"
    writeLog(path, lines: 0..<100)
    let tail = try Background(reapdBinary, ["tail", path, "--from", "start"], in: scratch)
    #expect(wait { tail.lines.count == 100 }, "\(tail.error)")
    let script = """
      import os, subprocess
      p = '\(path)'; s, ns = subprocess.check_output(['stat', '-c', '%.9W', p], text=True).strip().split('.')
      open(p + '.n', 'w').write('1\\n')
      mark = '1 %d %d %d %d' % (os.stat(p).st_ino, int(s) * 10**9 + int(ns), 1 << 60, 1 << 60)
      os.setxattr(p + '.n', 'user.reapd.trimmed', mark.encode()); os.rename(p + '.n', p)
      """
    #expect(run("/usr/bin/python3", ["-c", script]).status == 0)
    #expect(wait { tail.lines.last == "1" }, "\(tail.error)")
    tail.killHard()
  }
}
