// What is told of a process that is gone by the time that it is asked for.

import Glibc
import Testing

@testable import OwnedDirectories

@Suite struct ProcessEndTests {
  @Test func `a process that is gone, or dead and not waited for, is through with exiting`() throws
  {
    #expect(!isExiting(getpid()))
    let pid = try spawn(
      "true", [], environment: ["PATH": "/usr/bin:/bin"], input: nil, output: nil, errors: nil,
      inheritsOthers: false)
    let handle = try ProcessHandle(pid: pid)
    handle.waitForExit()
    handle.close()
    #expect(isExiting(pid))
    _ = collect(pid, waiting: true)
    #expect(isExiting(pid))
  }
}
