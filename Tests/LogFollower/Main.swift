// A user of the library: follows logs and directories through its public interface; and one that
// stands where the reaper stands, beside it on the same thread.

import Glibc
import OwnedDirectories
import Watching

@main
struct LogFollower {
  static func main() async throws {
    let arguments = CommandLine.arguments.dropFirst()
    let paths = Array(arguments.dropFirst())
    switch arguments.first {
    case "lines":  // PATH CHECKPOINT COUNT: so many lines, then ends at once
      var lines = LogTail(path: paths[0], from: .start, checkpoint: paths[1]).makeAsyncIterator()
      for _ in 0..<Int(paths[2])! {
        guard let line = try await lines.next() else { break }
        say(String(decoding: line.bytes, as: UTF8.self))
      }
      await lines.finish()
      guard try await lines.next() == nil else { exit(1) }
    case "cancelled":  // the same, but the task that asks for the lines is cancelled
      try await Task {
        var left = Int(paths[2])!
        for try await line in LogTail(path: paths[0], from: .start, checkpoint: paths[1]) {
          say(String(decoding: line.bytes, as: UTF8.self))
          left -= 1
          if left == 0 { withUnsafeCurrentTask { unsafe $0?.cancel() } }
        }
      }.value
    case "steps":  // PATH CHECKPOINT LAST SCRIPT NUMBER…: runs it before such a line
      try follow(paths)
    case "simulate":  // DIRECTORY FIRST COUNT: so many seeds
      for seed in UInt64(paths[1])!..<(UInt64(paths[1])! + UInt64(paths[2])!) {
        let simulation = Simulation("\(paths[0])/\(seed)", seed: seed)
        if let problem = simulation.run() { say("seed \(seed): \(problem)") }
      }
    case "again":  // PATH COUNT: follows it so often to its first line, and then stays
      for _ in 0..<Int(paths[1])! {
        var lines = LogTail(path: paths[0], from: .start).makeAsyncIterator()
        say(String(decoding: try await lines.next()!.bytes, as: UTF8.self))
        await lines.finish()
      }
      say("done")
      _ = readLine()
    case "dropped":  // PATH COUNT: follows what is beside it so often, each time only to drop it
      let directory = String(paths[0][..<paths[0].lastIndex(of: "/")!])
      for _ in 0..<Int(paths[1])! {
        _ = try WatchEvents(directories: [directory], files: [paths[0]]).makeAsyncIterator()
        say("dropped")
      }
      say("done")
      _ = readLine()
    case "many":  // PATH…: each line with its path, until killed
      try await withThrowingTaskGroup(of: Void.self) { group in
        for path in paths {
          group.addTask {
            for try await line in LogTail(path: path, from: .start) {
              say(path, String(decoding: line.bytes, as: UTF8.self))
            }
          }
        }
        try await group.waitForAll()
      }
    case "events": try await events(paths)
    case "tenant": try await tenant(paths)
    default: exit(64)
    }
  }

  /// DIRECTORY: waits for a line on standard input before it consumes the rest.
  private static func events(_ paths: [String]) async throws {
    var count = 0
    var iterator = try WatchEvents(directories: paths).makeAsyncIterator()
    say(String(describing: await iterator.next()!))
    _ = readLine()
    while let event = await iterator.next() {
      count += 1
      if event == .rescan { say("rescan after \(count - 1)") }
      if case .entry(_, let name, _, _) = event, name == Array("last".utf8) {
        say("last after \(count - 1)")
        return
      }
    }
  }

  /// DIRECTORY LOG: names that come in the one, lines of the other, until killed.
  private static func tenant(_ paths: [String]) async throws {
    let hub = try WatchHub.shared()
    hub.setTenant { messages, _ in
      for case .entry(token: 5, let name, _, .created) in messages {
        say("name", String(decoding: name, as: UTF8.self))
      }
      for case .armed(token: 5, .success) in messages { say("armed") }
    }
    hub.thread.watch(path: paths[0] + "/", token: 5, .directory)
    for try await line in LogTail(path: paths[1], from: .start) {
      say("line", String(decoding: line.bytes, as: UTF8.self))
    }
  }

  /// At once, also into a file.
  private static func say(_ words: String...) {
    print(words.joined(separator: " "))
    fflush(nil)
  }

  /// What is done in a script is done while nothing is read: between two lines of a part.
  private static func follow(_ words: [String]) throws {
    let (last, script, steps) = (Int(words[2])!, words[3], words[4...].map { Int($0)! })
    let loop = try TailLoop(
      [Array(words[0].utf8)], TailSettings(from: .start, checkpoint: Array(words[1].utf8))
    ) { say($0) }
    let stop = loop.stopper
    _ = loop.run { piece in
      let text = String(decoding: piece.buffer.bytes(piece.range), as: UTF8.self)
      for line in text.split(separator: "\n") {
        let number = Int(line.prefix(8)) ?? -1
        if steps.contains(number) { _ = unsafe system(script) }
        say("\(number)")
        if number == last { stop() }
      }
      return piece.range.count
    }
  }
}
