import ArgumentParser
import Glibc
import Logging
import OwnedDirectories
import ReapConfiguration
import ReapEngine
import ReapRules
import ServiceLifecycle
import UnixSignals

struct WatchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch",
    abstract: "Watch roots and remove orphans as they appear, until stopped.",
    discussion: """
      Runs in the foreground. SIGTERM and SIGINT finish the removal in hand; SIGHUP \
      rereads the configuration and reopens the audit log.
      """)

  @Argument(help: "Directories to watch (default: those of the configuration).")
  var roots: [String] = []

  @OptionGroup var rules: RuleOptions
  @OptionGroup var reaping: ReapOptions

  func run() async throws {
    let (configuration, fromFile) = try rules.configuration(roots: roots)
    let logger = try rules.logger(configuration)
    guard configuration.enabled else {
      logger.notice("enabled is false: nothing is watched")
      return
    }
    guard configuration.rules.contains(where: \.enabled) else {
      logger.notice("every rule is disabled: nothing is watched")
      return
    }
    let reporter = Reporter(audit: try reaping.audit(configuration, logger), logger: logger)
    let reaper: ReaperControl
    do {
      reaper = try ReaperControl.start(
        options(configuration), reporter: reporter, descriptorLimit: raiseDescriptorLimit())
    } catch let failure as RootFailure {
      throw fail(failure, fromFile: fromFile)
    } catch {
      throw fail(.someFailed, "\(error)")
    }
    let daemon = Daemon(reaper: reaper) {
      reporter.audit?.reopen()
      guard let (configuration, _) = try? rules.configuration(roots: roots) else {
        logger.error("the configuration is left as it was")
        return
      }
      reaper.reload(options(configuration))
    }
    let group = ServiceGroup(
      services: [daemon], gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet(logger))
    try await group.run()
    reporter.audit?.close()
    if rules.json { printLine(reporter.summary.json.text) }
  }

  private func options(_ configuration: Configuration) -> Reaper.Options {
    Reaper.Options(
      rules: configuration.enabled ? configuration.rules : [], backstop: configuration.backstop,
      dryRun: reaping.dryRun)
  }

  /// The lifecycle's own messages are of no use to an operator.
  private func quiet(_ logger: Logger) -> Logger {
    var logger = logger
    logger.logLevel = max(logger.logLevel, .warning)
    return logger
  }
}

/// The reaper as a service that signals end and reload.
private struct Daemon: Service {
  let reaper: ReaperControl
  let reload: @Sendable () -> Void

  func run() async throws {
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        for await _ in await UnixSignalsSequence(trapping: .sighup) { reload() }
      }
      await withGracefulShutdownHandler {
        await reaper.waitUntilDone()
      } onGracefulShutdown: {
        reaper.stop()
      }
      group.cancelAll()
    }
  }
}
