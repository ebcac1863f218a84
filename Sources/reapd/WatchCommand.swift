import ArgumentParser
import Glibc
import Logging
import OwnedDirectories
import ReapConfiguration
import ReapEngine
import ReapRules

struct WatchCommand: ParsableCommand, NeedsProc {
  static let configuration = CommandConfiguration(
    commandName: "watch",
    abstract: "Watch roots and remove orphans as they appear, until stopped.",
    usage: "reapd watch [ROOT ...] [OPTIONS]",
    discussion: """
      Runs in the foreground. SIGTERM and SIGINT finish the removal in hand; SIGHUP \
      rereads the configuration and reopens the audit log.
      """)

  /// Room for descriptors that a start makes at once: for 16,000 live directories, 128 KiB.
  private static let usualDescriptors = 16_384

  @Argument(help: "Directories to watch (default: those of the configuration).")
  var roots: [FilePath] = []

  @OptionGroup var rules: RuleOptions
  @OptionGroup var reaping: ReapOptions
  @OptionGroup var loudness: Loudness

  func run() throws {
    let setup = try rules.configuration(roots: roots)
    let configuration = setup.configuration
    let logger = try rules.logger(configuration, loudness)
    tellSwitches(configuration, logger)
    let usable = try withoutUnusable(setup, logger)
    let signals = [SIGTERM, SIGINT, SIGHUP]
    blockSignals(signals)
    let reporter = Reporter(
      audit: try reaping.audit.open(configuration, logger, isRequired: !reaping.dryRun),
      logger: logger, hearing: loudness.narrates ? .told : .audited)
    let descriptorLimit = raiseDescriptorLimit()
    reserveDescriptors(min(descriptorLimit, Self.usualDescriptors))
    let reaper: ReaperControl
    do {
      reaper = try ReaperControl.start(
        options(usable), reporter: reporter, descriptorLimit: descriptorLimit)
    } catch let failure as RootFailure {
      throw fail(failure, fromFile: setup.fromFile)
    } catch {
      throw fail(.someFailed, "\(error)")
    }
    releaseReadOnlyPages()
    while waitForSignal(signals) == SIGHUP { reload(reaper, reporter) }
    reaper.stop()
    reporter.audit?.close()
    if rules.json { printSummary(reporter.summary, signals) }
  }

  /// What is switched off is no failure: whoever supervises this must not start it again and again.
  private func tellSwitches(_ configuration: Configuration, _ logger: Logger) {
    guard configuration.enabled else {
      return logger.notice("enabled is false: nothing is watched, and nothing is removed")
    }
    for rule in configuration.rules where !rule.enabled {
      logger.notice("rule \(rule.name) is switched off: nothing is removed in \(rule.root)")
    }
    if !configuration.rules.contains(where: \.enabled) {
      logger.notice("every rule is switched off: nothing is watched, and nothing is removed")
    }
  }

  /// Its reader may have stopped reading, and whoever sends a signal wants this to end.
  private func printSummary(_ summary: Summary, _ signals: [Int32]) {
    unblockSignals(signals)
    let output = LineWriter(
      named: "stdout", limit: 1 << 20, notice: { _ in nil },
      write: { writeToStream($0, Descriptor(number: STDOUT_FILENO)) ? .written : .lost })
    output.append(Array((summary.json.text + "\n").utf8))
    if output.finish(within: patience) > 0 { complain("standard output did not take the summary") }
  }

  private func reload(_ reaper: ReaperControl, _ reporter: Reporter) {
    reporter.audit?.reopen()
    do {
      let setup = try withoutUnusable(
        try rules.configuration(roots: roots), reporter.logger)
      try checkAudit(setup.configuration)
      // Roots are checked by the reaper, which alone knows those that it holds itself.
      tellSwitches(setup.configuration, reporter.logger)
      reaper.reload(options(setup))
    } catch {
      reporter.logger.error("the configuration is left as it was")
    }
  }

  /// A start would refuse an audit log that cannot be written. Where it lies is settled at the start.
  private func checkAudit(_ configuration: Configuration) throws {
    guard !reaping.dryRun, reaping.audit.auditLog != "none",
      reaping.audit.auditLog != nil || configuration.hasAudit
    else { return }
    let places =
      reaping.audit.auditLog.map { [absolute($0)] } ?? AuditOptions.places(configuration)
    var failure: SystemError?
    for place in places {
      do throws(SystemError) {
        return try openForAppending(place).close()
      } catch {
        // A full disk is what reapd is there for.
        if error.code == ENOSPC || error.code == EDQUOT { return }
        failure = failure ?? error
      }
    }
    if let failure { throw fail(.noPermission, "the audit log cannot be written: \(failure)") }
  }

  private func options(_ setup: Setup) -> ReaperOptions {
    let configuration = setup.configuration
    var options = ReaperOptions(
      rules: configuration.enabled ? configuration.rules : [], roots: setup.roots,
      backstop: configuration.backstop, dryRun: reaping.dryRun)
    options.sharesPlaces = setup.isCatalogue
    options.tellsUsage = configuration.usageAtStart
    options.warnUsed = configuration.warnUsed
    return options
  }
}
