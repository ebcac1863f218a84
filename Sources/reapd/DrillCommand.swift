// `reapd drill`: options in, a table or JSON out.

import ArgumentParser
import CrashDrill
import OwnedDirectories
import ReapRules

struct DrillCommand: ParsableCommand, NeedsProc {
  static let configuration = CommandConfiguration(
    commandName: "drill",
    abstract: "Kill writers for real and check that reapd keeps its promises here.",
    usage: "reapd drill [OPTIONS] [-- COMMAND ...]",
    discussion: """
      Makes a directory of its own, watches it with a reapd of its own, kills writers in it \
      at random points, and judges what is left: nothing dead may stay, nothing living may \
      be touched. Exits 1 when a promise is broken, and then keeps the directory.

      With a COMMAND that is the writer. It makes its directories (spill_<number>_…, with a \
      locked .lock) in $REAPD_DRILL_ROOT, and is started again each time it was killed.

      A reapd under test is told nothing of the drill but a configuration: the table's \
      latencies are from an owner's last word, or its kill, to reapd's audit line.
      """)

  @Option(help: ArgumentHelp("Writers at any time.", valueName: "n"))
  var writers = 8

  @Option(help: ArgumentHelp("How many to kill.", valueName: "n"))
  var kills = 200

  @Option(help: ArgumentHelp("Draws lots as an earlier drill did.", valueName: "n"))
  var seed: UInt32?

  @Option(help: ArgumentHelp("On the file system to be tested.", valueName: "dir"))
  var root: FilePath = "/var/tmp"

  @Option(help: ArgumentHelp("The grace that reapd is given.", valueName: "duration"))
  var grace = "200ms"

  @Option(help: ArgumentHelp("Ends within this time.", valueName: "duration"))
  var duration = "60s"

  @Flag(name: .customLong("kill-reapd"), help: "Kill and restart reapd too.")
  var killReapd = false

  @Option(help: "sigkill, or oom: by the kernel, in a memory cgroup.")
  var kill = "sigkill"

  @Flag(help: "Machine-readable output.")
  var json = false

  @Argument(parsing: .postTerminator, help: "Your own writer.")
  var command: [String] = []

  func run() throws {
    let report: DrillReport
    let options = try options()
    blockSignals(Drill.signals)
    _ = raiseDescriptorLimit()
    do {
      var drill = Drill(options) { complain($0) }
      report = try drill.run()
    } catch {
      throw fail(.someFailed, "drill: \(error)")
    }
    if json { printLine(report.json.text) } else { printText(report.table) }
    if !report.passed { throw ExitCode(ExitStatus.someFailed.rawValue) }
  }

  private func options() throws -> DrillOptions {
    // The link itself: still right when the file was replaced by a new version meanwhile.
    let executable = "/proc/self/exe"
    var options = DrillOptions(
      seed: seed ?? .random(in: 0 ... .max),
      watcher: processEnvironment()["REAPD_DRILL_WATCHER"] ?? executable, executable: executable)
    guard (1...1000).contains(writers) else { throw fail(.usage, "--writers: 1 to 1000") }
    guard kills > 0 else { throw fail(.usage, "--kills: at least 1") }
    guard let grace = parseDuration(grace), grace >= 10_000_000 else {
      throw fail(.usage, "--grace \(grace): a duration such as 200ms, at least 10ms")
    }
    guard let duration = parseDuration(duration), duration > 5 * grace else {
      throw fail(.usage, "--duration \(duration): a duration such as 60s, over five graces")
    }
    guard let kill = DrillOptions.Kill(rawValue: kill) else {
      throw fail(.usage, "--kill \(kill): sigkill or oom")
    }
    guard kill == .sigkill || command.isEmpty else {
      throw fail(.usage, "--kill oom works with reapd's own writers only")
    }
    options.writers = writers
    options.kills = kills
    guard let place = absolute(root).text else { throw fail(.usage, "--root \(root): not UTF-8") }
    options.place = place
    options.grace = grace
    options.duration = duration
    options.killsWatcher = killReapd
    options.kill = kill
    options.command = command
    return options
  }
}
