// Programs that a test runs to their end or in the background, and waiting for what they do.

import CrashDrill
import Foundation
import Glibc

/// Waits until a condition holds; false when the deadline passes first.
@discardableResult
func wait(seconds: Double = 20, until condition: () -> Bool) -> Bool {
  waitUntil(within: seconds, condition)
}

/// Lets time pass. Only where nothing could be waited for: that something does not happen, that a
/// stamp grows old, or the pace of a writer and the moment of a blow.
func letPass(_ seconds: Double, _ why: String) {
  usleep(useconds_t(seconds * 1_000_000))
}

/// Notes visibly that something was not tested; `scripts/test` counts these lines.
func skip(_ reason: String) { print("SKIPPED: \(reason)") }

let isRoot = geteuid() == 0

/// For a program that must not be woken: what other tests mount is an event, too.
let withoutOthersMounts =
  isRoot
  ? [
    "/usr/bin/unshare", "-m", "--propagation", "private", "/bin/sh", "-c",
    // What another test has mounted by now would go from here as well once it removes the directory that
    // it was mounted on: the kernel detaches that in every namespace.
    #"""
    sed -n 's/^[^ ]* \([^ ]*reapd-test[^ ]*\) .*/\1/p' /proc/self/mounts |
      while read -r mounted; do umount -l "$mounted"; done
    exec "$0" "$@"
    """#,
  ] : []

/// Runs a program to its end.
@discardableResult
func run(
  _ program: String, _ arguments: [String], environment: [String: String]? = nil
) -> (status: Int32, output: String, error: String) {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: program)
  process.arguments = arguments
  if let environment { process.environment = environment }
  let scratch = NSTemporaryDirectory() + UUID().uuidString
  _ = FileManager.default.createFile(atPath: scratch + ".out", contents: nil)
  _ = FileManager.default.createFile(atPath: scratch + ".err", contents: nil)
  defer {
    unlink(scratch + ".out")
    unlink(scratch + ".err")
  }
  process.standardOutput = FileHandle(forWritingAtPath: scratch + ".out")
  process.standardError = FileHandle(forWritingAtPath: scratch + ".err")
  process.standardInput = FileHandle.nullDevice
  do { try process.run() } catch { return (-1, "", "\(error)") }
  process.waitUntilExit()
  func text(_ path: String) -> String {
    String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
  }
  let status =
    process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
  return (status, text(scratch + ".out"), text(scratch + ".err"))
}

func shell(_ command: String) -> (status: Int32, output: String, error: String) {
  run("/bin/bash", ["-c", command])
}

/// A program in the background whose output goes to files; killed when nobody looks at it any more.
final class Background {
  private let process: DoomedProcess
  let outputPath: String
  let errorPath: String

  init(
    _ program: String, _ arguments: [String], in scratch: Scratch,
    environment: [String: String] = [:]
  ) throws {
    let base = scratch.path + "/" + UUID().uuidString
    outputPath = base + ".out"
    errorPath = base + ".err"
    process = try DoomedProcess(
      program, arguments,
      // Its standard input is a socket, by which bash takes itself for a remote one and reads ~/.bashrc,
      // unless it is no outermost shell.
      environment: ProcessInfo.processInfo.environment.merging(["SHLVL": "2"]) { $1 }
        .merging(environment) { $1 },
      output: .file(outputPath), errors: errorPath)
  }

  var pid: pid_t { process.pid }
  var isRunning: Bool { process.isRunning }
  var output: String { text(outputPath) }
  var error: String { text(errorPath) }
  var lines: [String] { output.split(separator: "\n").map(String.init) }

  private func text(_ path: String) -> String {
    String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
  }

  func signal(_ number: Int32) { process.signal(number) }

  /// SIGKILL to it alone, and waits until it is dead.
  func killHard() {
    process.signal(SIGKILL)
    _ = process.end(within: 60)
  }

  /// Waits for its end; nil when it does not come. What a signal ended has a negative status.
  func exitStatus(within seconds: Double = 20) -> Int32? {
    switch process.end(within: seconds) {
    case .exited(let status): status
    case .killed(let signal): -signal
    case nil: nil
    }
  }

  deinit {
    process.kill()
    process.close()
  }
}

/// Where the package lies that this was built from.
let repository = #filePath.components(separatedBy: "/Tests/ReapLiveTests/")[0]

/// The release binary that `scripts/test` built.
let reapdBinary: String =
  ProcessInfo.processInfo.environment["REAPD_BINARY"] ?? buildDirectory + "/reapd"

/// Where this test's own products lie: DoomedWriter is beside the test bundle.
let buildDirectory: String = {
  let executable =
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
  for argument in [executable] + CommandLine.arguments {
    var directory = URL(fileURLWithPath: argument).deletingLastPathComponent()
    while directory.path != "/" {
      if FileManager.default.isExecutableFile(atPath: directory.path + "/DoomedWriter") {
        return directory.path
      }
      directory.deleteLastPathComponent()
    }
  }
  return ".build/debug"
}()

/// A writer of its own process.
func startWriter(_ root: String, _ arguments: [String] = [], in scratch: Scratch) throws
  -> Background
{
  try Background(buildDirectory + "/DoomedWriter", [root] + arguments, in: scratch)
}
