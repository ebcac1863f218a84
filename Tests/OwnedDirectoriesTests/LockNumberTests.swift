import Testing

import OwnedDirectories

@Suite("The numbers that a lock file holds")
struct LockNumberTests {
  @Test(
    "are those of processes, not of dates and times",
    arguments: [
      ("4711\n", [4711]),
      ("{\"pid\": 4711, \"host\": \"node7\"}", [4711, 7]),
      ("PID: 4711\nStarted at: 2026-11-28 05:28:59\nRevision: 54515\n", [4711, 54515]),
      ("2026-11-28T05:28:59.123456Z 4711", [4711]),
      ("node-4711", [4711]), ("user@host.4711:1795845000", [4711, 1_795_845_000]),
      ("12026-11-28", [12026, 11, 28]), ("05:28:590", [5, 28, 590]), ("2026-11-2", [2026, 11, 2]),
      ("05:28", [5, 28]), ("2026-11-28", []), ("", []), ("99999999999 3", [3]),
      ("1 2 3 4 5 6 7 8 9", [1, 2, 3, 4, 5, 6, 7, 8]),
    ] as [(String, [Int32])])
  func found(text: String, expected: [Int32]) {
    #expect(numbers(in: Array(text.utf8)[...]) == expected)
  }

  @Test("Threads of the kernel are known from processes")
  func kernelThreads() throws {
    #expect(try #require(processStart(of: 1)).isKernel == false)
    // Only the machine's own PID namespace shows them.
    guard (try? readWhole("/proc/2/comm")) == Array("kthreadd\n".utf8) else { return }
    #expect(try #require(processStart(of: 2)).isKernel)
  }
}
