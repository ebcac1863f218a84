// What the live tests stand on: real processes, scratch directories, waiting on conditions.

import CrashDrill
import Foundation
import Glibc
import Testing

/// A directory of its own for one test, removed at the end.
final class Scratch {
  let path: String

  /// - Parameter base: must be on the file system under test.
  init(in base: String = "/var/tmp") {
    var template = Array("\(base)/reapd-test.XXXXXX".utf8CString)
    path = String(cString: mkdtemp(&template))
  }

  /// A subdirectory, made with its parents.
  func directory(_ name: String) -> String {
    let full = path + "/" + name
    try? FileManager.default.createDirectory(atPath: full, withIntermediateDirectories: true)
    return full
  }

  deinit { _ = run("/bin/rm", ["-rf", path]) }
}

/// Waits until a condition holds; false when the deadline passes first.
@discardableResult
func wait(seconds: Double = 20, until condition: () -> Bool) -> Bool {
  waitUntil(within: seconds, condition)
}

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
  private let errorPath: String

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

/// `reapd watch --json` on roots, with an audit file of its own; a wrapper, such as prlimit, runs it.
final class Watcher {
  let background: Background
  let auditPath: String

  init(
    _ roots: [String], grace: String? = "200ms", in scratch: Scratch, arguments: [String] = [],
    environment: [String: String] = [:], waitForStart: Bool = true, wrapper: [String] = []
  ) throws {
    auditPath = scratch.path + "/audit.jsonl"
    var words = ["watch", "--json", "--audit-log", auditPath]
    if let grace { words += ["--grace", grace] }
    let command = wrapper + [reapdBinary] + words + arguments + roots
    background = try Background(
      command[0], Array(command[1...]), in: scratch, environment: environment)
    if waitForStart {
      let background = background
      #expect(
        wait { background.error.components(separatedBy: "watching ").count > roots.count },
        "no start line: \(background.error)")
    }
  }

  /// Audit lines so far, parsed; a torn last one is left out.
  var audit: [[String: Any]] {
    let data = FileManager.default.contents(atPath: auditPath) ?? Data()
    return data.split(separator: 10).compactMap {
      (try? JSONSerialization.jsonObject(with: Data($0))) as? [String: Any]
    }
  }

  func audit(of path: String, action: String? = nil) -> [[String: Any]] {
    audit.filter {
      $0["path"] as? String == path && (action == nil || $0["action"] as? String == action)
    }
  }

  /// SIGTERM; returns the exit status and the summary.
  func stop(within seconds: Double = 30) -> (status: Int32?, summary: [String: Any]) {
    background.signal(SIGTERM)
    let status = background.exitStatus(within: seconds)
    let last = background.lines.last ?? ""
    let summary = (try? JSONSerialization.jsonObject(with: Data(last.utf8))) as? [String: Any]
    return (status, summary ?? [:])
  }
}

/// A writer of its own process.
func startWriter(_ root: String, _ arguments: [String] = [], in scratch: Scratch) throws
  -> Background
{
  try Background(buildDirectory + "/DoomedWriter", [root] + arguments, in: scratch)
}

func exists(_ path: String) -> Bool {
  var status = stat()
  return lstat(path, &status) == 0
}

/// Names in a directory, sorted; hidden ones too.
func names(in path: String) -> [String] {
  ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
}

/// A file system in a file (or a tmpfs), mounted for one test. Needs root.
final class MountedImage {
  let path: String
  private let image: String

  /// - Parameters:
  ///   - type: ext4, xfs, btrfs or tmpfs.
  ///   - options: of mkfs, or of mount for tmpfs.
  init?(_ type: String, megabytes: Int, in scratch: Scratch, options: [String] = []) {
    path = scratch.directory("mnt-\(UUID().uuidString)")
    image = scratch.path + "/\(UUID().uuidString).img"
    if type == "tmpfs" {
      let all = (["size=\(megabytes)m"] + options).joined(separator: ",")
      guard run("/bin/mount", ["-t", "tmpfs", "-o", all, "tmpfs", path]).status == 0 else {
        return nil
      }
      return
    }
    guard run("/usr/bin/truncate", ["-s", "\(megabytes)M", image]).status == 0,
      run("/sbin/mkfs.\(type)", ["-q"] + options + [image]).status == 0,
      run("/bin/mount", ["-o", "loop", image, path]).status == 0
    else { return nil }
  }

  deinit { run("/bin/umount", ["-l", path]) }
}

/// Notes visibly that something was not tested; `scripts/test` counts these lines.
func skip(_ reason: String) { print("SKIPPED: \(reason)") }

let isRoot = geteuid() == 0

/// A directory as it looks: inode and change time of itself and of each entry. Nobody who
/// renames, adds, removes or writes leaves it the same.
func portrait(_ directory: String) -> [String] {
  (["."] + names(in: directory)).map { directory + "/" + $0 }.map {
    var status = stat()
    guard lstat($0, &status) == 0 else { return "\($0) gone" }
    return "\($0) \(status.st_ino) \(status.st_ctim.tv_sec).\(status.st_ctim.tv_nsec)"
  }
}

/// A directory that nobody owns, with an empty lock file.
@discardableResult
func makeOrphan(_ path: String, files: Int = 0) -> String {
  mkdir(path, 0o777)
  for name in [".lock"] + (0..<files).map({ "file-\($0)" }) {
    close(open("\(path)/\(name)", O_WRONLY | O_CREAT, 0o666))
  }
  return path
}

/// `reapd explain --json` of a path.
func explain(_ path: String, grace: String = "200ms") -> [String: Any] {
  let result = run(reapdBinary, ["explain", "--json", "--grace", grace, path])
  let parsed = try? JSONSerialization.jsonObject(with: Data(result.output.utf8))
  return parsed as? [String: Any] ?? [:]
}

extension Watcher {
  /// Whether it keeps the lock file of a directory open, so that it sees it being closed.
  func holds(_ directory: String) -> Bool {
    openFiles(of: background.pid).contains(directory + "/.lock")
  }

  /// Waits until it has removed an orphan made only now: whatever was due before, it has done.
  func catchUp(in root: String) {
    let later = makeOrphan("\(root)/spill_1_\(UInt32.random(in: 0 ... .max))")
    #expect(wait(seconds: 60) { !exists(later) }, "reapd does not work: \(background.error)")
  }

  /// From the close event's arrival to the name being gone: printed, never judged.
  func printLatencies(_ title: String) {
    let micros = audit.compactMap { $0["latency_us"] as? Int }.sorted()
    guard let last = micros.last else { return print("\(title): no latencies") }
    func percentile(_ share: Double) -> Int { micros[Int(Double(micros.count - 1) * share)] }
    print(
      "\(title): latency_us of \(micros.count): p50 \(percentile(0.5)),",
      "p99 \(percentile(0.99)), max \(last)")
  }
}
