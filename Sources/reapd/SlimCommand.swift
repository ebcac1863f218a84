import Archives
import ArgumentParser
import Glibc
import Logging
import OwnedDirectories
import ReapConfiguration
import ReapEngine
import ReapRules
import Synchronization

struct SlimCommand: ParsableCommand, NeedsProc {
  static let configuration = CommandConfiguration(
    commandName: "slim",
    abstract: "Take out of stage archives what the disk has anyway.",
    usage: "reapd slim PATH [OPTIONS]",
    discussion: """
      PATH is an archive (stage.tgz, run.tgz), a node or a run. A member goes where a file on the \
      disk has the same bytes; whatever differs stays as it is. The new archive is written beside \
      the old one, read back, and renamed over it: killed at any time, one of both is there, whole, \
      and the command can be run again. What is damaged or unexpected is kept whole, and told. A \
      run that goes on is left alone.
      """)

  @Argument(help: "An archive, a node or a run.")
  var path: FilePath

  @Flag(help: "Remove archives instead, each once all of it is proved to be on the disk.")
  var drop = false

  @Flag(
    name: [.customShort("n"), .customLong("dry-run")],
    help: "Read and compare all of it, print both sizes, change nothing.")
  var dryRun = false

  @Option(help: ArgumentHelp("Nodes at work at the same time (1).", valueName: "number"))
  var jobs = 1

  @Option(help: ArgumentHelp("Keep an archive that unpacks to more.", valueName: "size"))
  var maxBytes: String?

  @Option(help: "Configuration file, which may name the audit log.")
  var config: FilePath?

  @OptionGroup var audit: AuditOptions

  @Flag(help: "Machine-readable output.")
  var json = false

  func run() throws {
    guard (1...64).contains(jobs) else { throw fail(.usage, "--jobs \(jobs): use 1 to 64") }
    var limits = SlimLimits()
    if let maxBytes {
      guard let size = parseSize(maxBytes), size > 0 else {
        throw fail(.usage, "--max-bytes \(maxBytes): use a size such as 100GiB")
      }
      limits.bytes = size
    }
    let layout: RunLayout
    let resolved = resolveRoot(absolute(path))
    do throws(SystemError) {
      layout = try RunLayout(below: resolved)
    } catch {
      throw fail(error.isRefusal ? .noPermission : .badData, "\(error)")
    }
    guard !layout.isEmpty else {
      throw fail(.badData, "\(resolved): neither an archive nor a node or run that holds any")
    }
    let logger = Logger(label: "reapd") { _ in PlainLog() }
    let configuration: Configuration
    do throws(ConfigurationError) {
      configuration =
        try Configuration.load(path: config, environment: Environment.current, user: .current)
        ?? Configuration(rules: [])
    } catch {
      throw fail(error)
    }
    let log = dryRun ? nil : try audit.open(configuration, logger, isRequired: true)
    defer { log?.close() }
    _ = raiseDescriptorLimit()
    let work = SlimWork(
      layout, for: drop ? .drop : .slim, limits: limits, dryRun: dryRun, json: json, audit: log)
    work.run(jobs: jobs)
    let status = work.summarize()
    if let status { throw ExitCode(status.rawValue) }
  }
}

/// All archives of one command, and what came of them.
final class SlimWork: Sendable {
  private struct Sums {
    var (slimmed, dropped, kept, failed) = (0, 0, 0, 0)
    var (before, after) = (Int64(0), Int64(0))
    var worst: SlimReason?
    var isInBar = false
  }

  private let layout: RunLayout
  private let purpose: SlimPurpose
  private let limits: SlimLimits
  private let dryRun: Bool
  private let json: Bool
  private let audit: AuditLog?
  private let sums = Mutex(Sums())
  private let bar: SharedBar

  init(
    _ layout: RunLayout, for purpose: SlimPurpose, limits: SlimLimits, dryRun: Bool, json: Bool,
    audit: AuditLog?
  ) {
    (self.layout, self.purpose, self.limits) = (layout, purpose, limits)
    (self.dryRun, self.json, self.audit) = (dryRun, json, audit)
    let sizes = (layout.first + layout.nodes).flatMap { group in
      group.archives.map { (try? status(ofPath: group.base.appending($0)))?.size ?? 0 }
    }
    bar = SharedBar(total: sizes.reduce(0, +), isSilent: json)
  }

  func run(jobs: Int) {
    for group in layout.first { work(on: group) }
    let queue = BlockingQueue<ArchiveGroup>()
    // The last one that was put in is the first to come out.
    for group in layout.nodes.reversed() { queue.push(group) }
    queue.close()
    let step: @Sendable () -> Void = { [self] in
      while let group = queue.pop() {
        work(on: group)
        queue.finished()
      }
    }
    let others = (1..<min(jobs, max(1, layout.nodes.count))).compactMap { _ in
      Thread.start(named: "reapd-slim") { step() }
    }
    step()
    for thread in others { thread.join() }
    bar.end()
  }

  private func work(on group: ArchiveGroup) {
    let base: Descriptor
    do {
      base = try openRoot(group.base)
    } catch {
      return tell(group, group.archives[0], kept(SlimProblem(.system, "\(error)")))
    }
    defer { base.close() }
    for archive in group.archives {
      let path = group.base.appending(archive)
      let size = (try? status(ofPath: path))?.size ?? 0
      guard let name = try? MemberName(parsing: archive) else { continue }
      let part = bar.begin(path, size)
      var outcome = CarefulSlimming(name, below: base, at: group.base, limits: limits).run(
        for: purpose, dryRun: dryRun, progress: { part.read($0) }, objection: reasonToWait)
      if outcome.bytesBefore == 0 { (outcome.bytesBefore, outcome.bytesAfter) = (size, size) }
      part.finish()
      tell(group, archive, outcome)
    }
  }

  private func kept(_ problem: SlimProblem, _ size: Int64 = 0) -> SlimOutcome {
    var outcome = SlimOutcome()
    (outcome.problem, outcome.bytesBefore, outcome.bytesAfter) = (problem, size, size)
    return outcome
  }

  // MARK: - What is said

  private func tell(_ group: ArchiveGroup, _ archive: [UInt8], _ outcome: SlimOutcome) {
    let path = group.base.appending(archive)
    let isFailure = outcome.problem?.reason.isFailure == true
    sums.withLock { sums in
      switch outcome.action {
      case .slimmed: sums.slimmed += 1
      case .dropped: sums.dropped += 1
      case .kept: if isFailure { sums.failed += 1 } else { sums.kept += 1 }
      }
      sums.before += outcome.bytesBefore
      sums.after += outcome.bytesAfter
      if isFailure { sums.worst = outcome.problem?.reason }
      bar.end()
      printLine(
        json ? outcome.json(path, dryRun: dryRun).text : outcome.words(path, dryRun: dryRun))
    }
    // A dry run changes nothing, and writes nowhere.
    if let record = outcome.record(path, wall: readClocks().wall) { audit?.append(record) }
  }

  /// Says what came of all of it.
  func summarize() -> ExitStatus? {
    sums.withLock { sums in
      let would = dryRun ? "would " : ""
      if json {
        printLine(
          JSONValue.object([
            ("slimmed", .integer(Int64(sums.slimmed))), ("dropped", .integer(Int64(sums.dropped))),
            ("kept", .integer(Int64(sums.kept))), ("failed", .integer(Int64(sums.failed))),
            ("bytes_before", .integer(sums.before)), ("bytes_after", .integer(sums.after)),
            ("dry_run", .bool(dryRun)),
          ]).text)
      } else {
        printLine(
          "\(would.isEmpty ? "" : "would be: ")\(sums.slimmed + sums.dropped) of "
            + "\(counted(sums.slimmed + sums.dropped + sums.kept + sums.failed, "archive")), "
            + "\(roughSize(sums.before)) → \(roughSize(sums.after))")
      }
      guard sums.failed > 0 else { return nil }
      let isAlone = sums.slimmed + sums.dropped + sums.kept == 0 && sums.failed == 1
      switch sums.worst {
      case .damaged, .behindTheEnd, .unexpectedForm, .unsafePath:
        return isAlone ? .badData : .someFailed
      default: return .someFailed
      }
    }
  }
}
