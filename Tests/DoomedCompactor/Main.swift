// A program that makes generations with GenerationWriter and waits to be killed.
//
//   DoomedCompactor PARTITION [--stop-at STEP] [--raise-stop-at STEP] [--count N] [--rows N]
//                   [--plain]
//   DoomedCompactor PARTITION --lively FILE --stop-every N
//
// It prints one line per step reached ("STEP NAME"), and at the step named by --stop-at waits for
// its end; at the one named by --raise-stop-at it stops itself (SIGSTOP). Each of --count times it
// copies the live generation's rows.jsonl into a new one, makes that live and retires the old one;
// a failure is printed as "failed REASON". With --plain it writes as hypaware does, without any lock.
// With --lively it appends, compacts and purges until FILE is there, and stops itself now and then.

import Glibc
import OwnedDirectories

@main
struct DoomedCompactor {
  static func main() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    func value(_ option: String) -> String? {
      guard let index = arguments.firstIndex(of: option), index + 1 < arguments.count else {
        return nil
      }
      return arguments[index + 1]
    }
    func say(_ text: String) {
      let line = Array((text + "\n").utf8)
      _ = write(STDOUT_FILENO, line, line.count)
    }
    if let end = value("--lively") {
      var writer = LivelyWriter(
        partition: arguments[0], end: end,
        stopEvery: value("--stop-every").flatMap(Int.init) ?? 10)
      return say("done \(writer.run(say))")
    }
    for _ in 0..<(value("--count").flatMap(Int.init) ?? 1) {
      var name = ""
      let hook = { (step: GenerationStep) in
        say("\(step.rawValue) \(name)")
        if step.rawValue == value("--raise-stop-at") { raise(SIGSTOP) }
        if step.rawValue == value("--stop-at") { while true { sleep(1000) } }
      }
      if arguments.contains("--plain") {
        let error = PlainWriter(partition: arguments[0]).run { step, made in
          name = made
          say("\(step) \(made)")
          if step == value("--raise-stop-at") { raise(SIGSTOP) }
          if step == value("--stop-at") { while true { sleep(1000) } }
        }
        say(error.map { "failed \($0)" } ?? "done \(name)")
        continue
      }
      do {
        try GenerationWriter.with(partition: arguments[0], at: hook) { writer in
          name = writer.name
          let rows = writer.superseded.map { read("\(arguments[0])/\($0)/data/rows.jsonl") } ?? []
          let file = try writer.makeFile("data/rows.jsonl")
          try file.write(rows)
          try file.close()
          try writer.commit()
          try writer.flip(compaction: .init(filesBefore: 1, filesAfter: 1))
          try writer.retireOld()
        }
        say("done \(name)")
      } catch let error as GenerationError {
        say("failed \(error.reason) \(error)")
      } catch {
        say("failed \(error)")
      }
    }
  }

  static func read(_ path: String) -> [UInt8] {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return [] }
    defer { close(file) }
    var all: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while case let size = Glibc.read(file, &chunk, chunk.count), size > 0 { all += chunk[..<size] }
    return all
  }
}
