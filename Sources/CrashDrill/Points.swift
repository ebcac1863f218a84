// Waiting on conditions, and the points at which a program lets itself be stepped.

import Glibc
import OwnedDirectories

/// Set by ``DoomedProcess`` for a program that it steps.
let steppingVariable = "CRASHDRILL_STEP"

/// For the program that is to be killed: says that it has come to a point, and under a drill that
/// steps it waits there until it is sent on, or killed.
///
/// Any program can do the same in its own language: print a line that begins with the point's
/// name; with `CRASHDRILL_STEP=1` in the environment, read a line from standard input. The end of
/// standard input means that nobody is there to step it any more.
///
/// - Parameters:
///   - point: one word.
///   - detail: what else the line says.
public func reachedPoint(_ point: String, _ detail: String = "") {
  let line = detail.isEmpty ? point : point + " " + detail
  var rest = Array((line + "\n").utf8)[...]
  while !rest.isEmpty {
    let size = writeOnce(rest, to: Descriptor(number: STDOUT_FILENO))
    guard size > 0 else { return }
    rest = rest.dropFirst(size)
  }
  guard processEnvironment()[steppingVariable] == "1" else { return }
  while let byte = readByte(Descriptor(number: STDIN_FILENO)), byte != 10 {}
}

/// Waits until a condition holds, looked at every millisecond or two.
///
/// - Returns: false when the time has passed first.
@discardableResult
public func waitUntil(within seconds: Double = 20, _ condition: () -> Bool) -> Bool {
  let deadline = readMonotonic() + Int64(seconds * 1e9)
  while !condition() {
    if readMonotonic() > deadline { return condition() }
    pause(nanoseconds: 1_500_000)
  }
  return true
}
