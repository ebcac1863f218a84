package import OwnedDirectories
package import ReapRules

/// Everything about one candidate, for `explain`: the verdict of the same examination that watch
/// and sweep make, and what can be seen of who uses it.
package struct Explanation: Sendable {
  package let path: [UInt8]
  package let rule: Rule
  /// By a running reapd.
  package let condemned: CondemnedRecord?
  package let verdict: Verdict
  package let evidence: Evidence
  package let failure: SystemError?
  /// Who holds the lock, where that can be seen.
  package let holders: [LockHolders.Process]
  /// Who has files in it open, where that can be seen.
  package let openers: [LockHolders.Process]
  /// What came of each way in which its owner may show itself, where the rule names them.
  package let signs: [OwnersSign]
  /// Each clock's age, in nanoseconds; nil where that clock is lacking.
  package let ages: [(clock: String, age: Nanoseconds?)]

  /// Of a candidate; nil where nothing stands at the path.
  ///
  /// - Parameters:
  ///   - condemned: what a running reapd has condemned.
  package static func of(
    _ candidate: CandidatePath, rule: Rule, root: OpenRoot, roots: [FilePath], mounts: MountView,
    condemned: [CondemnedRecord] = []
  ) -> Explanation? {
    of(
      candidate, rule: rule, kind: kindEdge(of: rule), root: root, roots: roots, mounts: mounts,
      open: OpenFiles(below: root.path(of: candidate)), condemned: condemned)
  }

  /// Explains one of several candidates, whose open files were looked up together.
  static func of(
    _ candidate: CandidatePath, rule: Rule, kind: any KindEdge, root: OpenRoot, roots: [FilePath],
    mounts: MountView, open: OpenFiles, condemned: [CondemnedRecord]
  ) -> Explanation? {
    let clocks = readClocks()
    let examination = Examination(
      rule: SharedRule(rule), kind: kind, root: root,
      surroundings: SurroundingsView(mounts: mounts, roots: roots),
      claims: OwnClaims(condemned, below: root))
    let examined = examination.run(
      LookRequest(candidate, firstSeen: clocks.monotonic, mayTakeTime: true),
      KnownBefore(
        demand: Sweep.demand(on: candidate, by: rule, root: root, roots: roots, mounts: mounts)))
    guard let evidence = examined.evidence else { return nil }
    var holders: [LockHolders.Process] = []
    if let held = examined.held {
      if evidence.lock == .held { holders = lockHolders(of: held.identity).processes }
      held.descriptor.close()
    }
    var verdict = examined.verdict ?? .dispose(.staleTemporary)
    if examined.outcome == .failed { verdict = .unsure(.unreadable) }
    let path = root.path(of: candidate)
    func age(_ stamp: Nanoseconds?) -> Nanoseconds? { stamp.map { clocks.wall - $0 } }
    return Explanation(
      path: path, rule: rule, condemned: condemned.first { $0.path == path }, verdict: verdict,
      evidence: evidence, failure: examined.failure,
      holders: holders,
      openers: open.processes(below: path, isFile: evidence.entry.type == .regularFile),
      signs: rule.kind.part.account(evidence),
      ages: [
        ("name", age(evidence.clocks.name)), ("birth", age(evidence.clocks.birth)),
        ("newest change", age(evidence.inside?.newestChange)),
      ])
  }

  package var json: JSONValue {
    func processes(_ list: [LockHolders.Process]) -> JSONValue {
      .array(
        list.map { .object([("pid", .integer(Int64($0.pid))), ("command", .string($0.command))]) })
    }
    var members: [(String, JSONValue)] = [
      JSONValue.pathMember(path), ("rule", .string(rule.name)), ("kind", .string(rule.kind.name)),
      ("verdict", .string(verdict.word)), ("reason", .string(verdict.reason.rawValue)),
      ("explanation", .string(verdict.reason.explanation)),
    ]
    if case .keep(_, let after?) = verdict {
      members.append(("recheck_after_ms", .integer(after / 1_000_000)))
    }
    if let condemned {
      members.append(("id", .string("\(condemned.id)")))
      members.append(("deadline", condemned.deadline.map { .string(formatTime($0)) } ?? .null))
    }
    if let failure { members.append(("error", .string("\(failure)"))) }
    members.append(
      (
        "age_ms",
        .object(
          ages.map {
            (
              String($0.clock.map { $0 == " " ? "_" : $0 }),
              $0.age.map { .integer($0 / 1_000_000) } ?? .null
            )
          })
      ))
    if !signs.isEmpty {
      members.append(
        (
          "owned_by",
          .array(
            signs.map { .object([("way", .string($0.way)), ("found", .string($0.found))]) })
        ))
    }
    members.append(("evidence", evidence.json))
    members.append(("lock_holders", processes(holders)))
    members.append(("open_by", processes(openers)))
    return .object(members)
  }

  package var text: String {
    var lines = ["\(displayText(path))"]
    func line(_ label: String, _ value: String) {
      lines.append(
        "  " + label + String(repeating: " ", count: max(1, 15 - label.count))
          + displayText(value))
    }
    line("verdict", "\(verdict.word) (\(verdict.reason.rawValue))")
    line("because", verdict.reason.explanation)
    if case .keep(_, let after?) = verdict { line("again in", roughDuration(after)) }
    if case .condemn(_, let span) = verdict { line("quarantine", roughDuration(span)) }
    if let condemned {
      line("condemned", "\(formatTime(condemned.id)) (\(condemned.reason), id \(condemned.id))")
      line("until", condemned.deadline.map(formatTime) ?? "for ever")
      line("to keep it", "reapd keep \(displayText(path))")
    }
    if let failure { line("error", "\(failure)") }
    line("rule", "\(rule.name) (kind \(rule.kind.name), grace \(formatDuration(rule.grace)))")
    for (clock, age) in ages {
      if let age {
        // The column has room for one word.
        line(
          "age by \(clock == "newest change" ? "change" : clock)",
          age < 0 ? "\(roughDuration(-age)) in the future" : roughDuration(age))
      }
    }
    line("owner", "uid \(evidence.entry.owner)")
    if let partition = evidence.generations?.partition {
      line("cursor", partition.cursor.text)
      line("live one", partition.live.text)
      if let conflict = partition.conflict { line("conflict", "\(conflict) is there claimed, too") }
    }
    if let owner = evidence.generations?.owner { line("owning process", owner.text) }
    for sign in signs { line("owned by", "\(sign.way): \(sign.found)") }
    if signs.isEmpty { line("lock", evidence.lock?.text ?? "not looked at") }
    for holder in holders { line("held by", "pid \(holder.pid) (\(holder.command))") }
    if evidence.lock == .held, holders.isEmpty {
      line("held by", "a process not visible from here")
    }
    if let surroundings = evidence.surroundings { line("mounts", surroundings.text) }
    if let inside = evidence.inside { line("open files", inside.openness.text) }
    if let life = evidence.life { line("processes", life.text) }
    for opener in openers { line("open in", "pid \(opener.pid) (\(opener.command))") }
    if let foreign = evidence.inside?.foreignEntry { line("foreign entry", foreign) }
    if let foreign = evidence.inside?.foreignDirectory { line("not its own", foreign) }
    return lines.joined(separator: "\n")
  }
}
