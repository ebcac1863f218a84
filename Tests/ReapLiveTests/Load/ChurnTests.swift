// Directories come and go by the ten thousand while reapd runs: its memory does not grow with them.

import Foundation
import Glibc
import Testing

/// `churn.py ROOT BATCHES`: batches of 250 directories, each locked; then, by turns, their owner
/// removes them itself or is gone. It waits until reapd has come that far before the next batch, and
/// gives up when that takes a minute.
private let churnProgram = """
  import fcntl, os, sys, time
  os.chdir(sys.argv[1])
  number = 0
  for batch in range(int(sys.argv[2])):
      locks = []
      for _ in range(250):
          name = "spill_1_%d" % number
          number += 1
          os.mkdir(name)
          try:
              lock = os.open(name + "/.lock", os.O_WRONLY | os.O_CREAT)
          except FileNotFoundError:
              continue  # slower than the grace: it was an orphan
          fcntl.flock(lock, fcntl.LOCK_EX)
          locks.append((name, lock))
      time.sleep(0.03)  # past the grace: they are watched now
      for index, (name, lock) in enumerate(locks):
          if index % 2 == 0:
              os.unlink(name + "/.lock")
              os.rmdir(name)
          os.close(lock)
      patience = time.monotonic() + 60
      while batch % 4 == 3 and len(os.listdir(".")) > 250:
          if time.monotonic() > patience:
              sys.exit("%d directories are left" % len(os.listdir(".")))
          time.sleep(0.001)
  print("created", number, flush=True)
  """

@Suite("Churn", .serialized, .live)
struct ChurnTests {
  private func churn(_ root: String, batches: Int) -> (status: Int32, error: String) {
    let result = run("/usr/bin/python3", ["-c", churnProgram, root, "\(batches)"])
    return (result.status, result.error)
  }

  @Test("memory is after 60,000 directories what it was after 30,000")
  func memoryIsFlat() throws {
    let scratch = Scratch()
    let root = scratch.directory("a/root")
    let watcher = try Watcher(
      [root], grace: "20ms", in: scratch, environment: ["REAPD_BACKSTOP": "off"])
    let pid = watcher.background.pid
    let openBefore = openFiles(of: pid).count
    var figures = [statusNumber("VmRSS", of: pid)]
    for _ in 0..<4 {
      let result = churn(root, batches: 60)
      #expect(result.status == 0, "\(result.error)")
      #expect(wait(seconds: 60) { names(in: root).isEmpty }, "\(names(in: root).count)")
      figures.append(statusNumber("VmRSS", of: pid))
    }
    print("churn: VmRSS in KiB at the start and after each 15,000 directories: \(figures)")
    // Where each watch that ended left 240 bytes behind, this would be 7 MB.
    #expect(figures[4] <= figures[2] + 4096, "\(figures)")
    #expect(wait { openFiles(of: pid).count == openBefore }, "\(openFiles(of: pid))")
    let (status, summary) = watcher.stop()
    #expect(status == 0)
    #expect(summary?.failed == 0)
    #expect(summary?.backstopNeeded == 0)
  }
}
