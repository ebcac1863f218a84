// Asking `reapd preflight`, so that library and command are of one mind.

import ReapRules

struct Preflighting {
  /// Of what it prints; more is not read.
  private static let answerLimit = 1 << 20

  let root: String
  let room: InstanceDirectory.Room
  let program: String

  /// - Throws: where there is no room, or no answer.
  func ask() throws(InstanceDirectoryError) {
    let end: ProcessEnd?
    let (answer, complaint): ([UInt8], [UInt8])
    do throws(SystemError) {
      let output = try openTemporary()
      defer { output.close() }
      let errors = try openTemporary()
      defer { errors.close() }
      let pid = try spawn(
        program, arguments, environment: processEnvironment(), input: nil, output: output,
        errors: errors, inheritsOthers: false)
      end = collect(pid, waiting: true)
      answer = try readToEnd(output, "(what reapd printed)", limit: Self.answerLimit)
      complaint = try readToEnd(errors, "(what reapd printed)", limit: Self.answerLimit)
    } catch {
      throw InstanceDirectoryError(error, in: root)
    }
    let report = try? JSONValue(parsing: answer)
    switch (end, report?["room"]?.bool) {
    case (.exited(0), true?): return
    case (.exited(1), false?): throw noRoom(report)
    default:
      throw InstanceDirectoryError(
        .unanswered, root, "\(program) preflight gave no answer: \(words(complaint))",
        "run it by hand: \(program) \(arguments.joined(separator: " "))")
    }
  }

  private var arguments: [String] {
    var words = ["preflight", "--json", "--root", root, "--replicas", "\(room.replicas)"]
    let share = room.share.isFinite ? max(0, min(1000, room.share)) : 1
    words += ["--share", SpawnPlan.formatShare(Int64(share * 1e6 + 0.5))]
    if let rule = room.rule { words += ["--rule", rule] }
    if room.need > 0 { words += ["--need", "\(room.need)B"] }
    if let minFree = room.minFree { words += ["--min-free", "\(max(0, minFree))B"] }
    if room.prunes { words.append("--prune") }
    return room.instances.isEmpty ? words : words + ["--instances"] + room.instances
  }

  private func noRoom(_ report: JSONValue?) -> InstanceDirectoryError {
    func size(_ name: String) -> String { roughSize(report?[name]?.integer ?? 0) }
    let what =
      "no room: \(size("need_bytes")) needed, \(size("free_bytes")) free, "
      + "\(size("lacking_bytes")) and \(counted(report?["lacking_inodes"]?.integer ?? 0, "inode")) lacking"
    return InstanceDirectoryError(
      .noRoom, root, what, "make room, or let the rule keep fewer instances")
  }

  private func words(_ complaint: [UInt8]) -> String {
    let line = complaint.split(separator: UInt8(ascii: "\n")).last.map { displayText(Array($0)) }
    return line ?? "it said nothing"
  }
}
