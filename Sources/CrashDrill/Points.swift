// Waiting on conditions, and the points at which a program lets itself be stepped.

import Glibc
import OwnedDirectories

/// Set by ``DoomedProcess`` for a program that it steps.
let steppingVariable = "CRASHDRILL_STEP"

/// For the program that is to be killed: says that it has come to a point. Where a drill steps the
/// program, it waits there until it is sent on, or killed.
///
/// Any program can do the same in its own language: it prints a line that begins with the point's
/// name and, with `CRASHDRILL_STEP=1` in the environment, reads a line from standard input. The end of
/// standard input means that nobody is there any more to step the program.
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

/// Waits until a condition holds; the condition is looked at every 1.5 ms.
///
/// - Parameters:
///   - seconds: how long to wait at most.
///   - condition: what is waited for.
/// - Returns: false when `seconds` have passed first.
@discardableResult
public func waitUntil(within seconds: Double = 20, _ condition: () -> Bool) -> Bool {
  let deadline = readMonotonic() + Int64(seconds * 1e9)
  while !condition() {
    if readMonotonic() > deadline { return condition() }
    pause(nanoseconds: 1_500_000)
  }
  return true
}
