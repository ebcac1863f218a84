// A log that is cut while it waits for its turn, or in the middle of its first reading: what was not read of
// it lies beside it, and nothing else tells of that.

import Foundation
import Glibc
import Testing

@Suite("A log that is cut before it was read", .live)
struct TailWaitingTests {
  private let program = buildDirectory + "/LogFollower"
  private let scratch = Scratch()

  /// Appends a hundred lines, the next ones each time; with an argument after what logrotate's
  /// copytruncate does.
  private func script(packing: Bool) -> String {
    """
    cd \(scratch.path)
    if [ -n "$1" ]; then
      for n in 5 4 3 2 1; do for s in '' .gz; do
        [ ! -e app.log.$n$s ] || mv app.log.$n$s app.log.$((n + 1))$s
      done; done
      cp -p app.log app.log.1
      : >app.log
      \(packing ? "gzip app.log.1" : ":")
    fi
    from=$(cat next 2>/dev/null || echo 0)
    seq -f '%08.0f and what else a line has to say' $from $((from + 99)) >>app.log
    echo $((from + 100)) >next
    """
  }

  private func next(_ script: String, cut: Bool = true) {
    #expect(run("/bin/sh", ["-ec", script, "sh"] + (cut ? ["cut"] : [])).status == 0)
  }

  /// The lines that are given out, up to the last; the script is run before some of them.
  private func follow(to last: Int, _ script: String, at steps: [Int] = []) throws -> [Int] {
    let file = scratch.path + "/script"
    try script.write(toFile: file, atomically: true, encoding: .utf8)
    let output = run(
      "/usr/bin/timeout",
      [
        "20", program, "steps", scratch.path + "/app.log", scratch.path + "/checkpoint", "\(last)",
        "/bin/sh -e \(file) cut",
      ] + steps.map { "\($0)" }
    ).output
    return output.split(separator: "\n").compactMap { Int($0) }
  }

  @Test("after a restart: what is cut off it goes before it", arguments: [false, true])
  func restart(packing: Bool) throws {
    let script = script(packing: packing)
    next(script, cut: false)
    #expect(try follow(to: 99, script) == Array(0..<100))
    next(script, cut: false)
    next(script)
    next(script)
    #expect(try follow(to: 599, script, at: [150, 250]) == Array(100..<600))
  }

  @Test(
    "after a stop right behind a cut: what was cut off it since goes before it",
    arguments: [false, true])
  func stoppedBehindCut(packing: Bool) throws {
    let script = script(packing: packing)
    next(script, cut: false)
    // Cut before its last line is taken, and nothing is written to it before the stop.
    let onlyCut = script.replacingOccurrences(of: "from=$(", with: "exit 0; from=$(")
    #expect(try follow(to: 99, onlyCut, at: [99]) == Array(0..<100))
    next(script, cut: false)
    next(script)
    next(script)
    #expect(try follow(to: 399, script) == Array(100..<400))
  }

  @Test("while it runs, in its first reading and after that", arguments: [false, true])
  func running(packing: Bool) throws {
    let script = script(packing: packing)
    next(script, cut: false)
    #expect(try follow(to: 399, script, at: [50, 150, 250]) == Array(0..<400))
  }
}
