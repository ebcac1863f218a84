import ArgumentParser
import OwnedDirectories
import ReapConfiguration
import ReapEngine
import ReapRules

struct UsageCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "usage",
    abstract: "Show what occupies a disk, how it grows, and when that will be full.",
    usage: "reapd usage [PATH ...] [OPTIONS]",
    discussion: """
      Allocated bytes; a file with several names counts once, mounts are not crossed and links not \
      followed. Growth is that since the last run for the same path, which is kept in the state \
      directory. Ends with 1 where something could not be read.
      """)

  @Argument(
    help: "Directories or files (default: the roots of the configuration, else this directory).")
  var paths: [FilePath] = []

  @Option(help: "Configuration file (default: ~/.config/reapd/reapd.yaml, then /etc/reapd/).")
  var config: FilePath?

  @Option(
    help: ArgumentHelp(
      "Levels of directories that are told of one by one; each costs memory.", valueName: "n"))
  var depth = 1

  @Option(
    help: ArgumentHelp(
      "Directories that are listed, the largest first; --json: all.",
      valueName: "n"))
  var rows = 20

  @Flag(help: "Machine-readable output.")
  var json = false

  func validate() throws {
    guard (0...1000).contains(depth) else { throw ValidationError("--depth: use 0 to 1000") }
    guard rows >= 0 else { throw ValidationError("--rows: use a number from 0") }
  }

  func run() throws {
    let (places, isGiven) = try places()
    var settings = UsageWalk.Settings()
    settings.depth = depth
    settings.openLimit = min(settings.openLimit, max(16, raiseDescriptorLimit() / 4))
    let output = UsageOutput(rows: rows)
    var summary = UsageSummary()
    for (index, place) in places.enumerated() {
      let tree: MeasuredTree
      do throws(SystemError) {
        tree = try measure(place, settings)
      } catch {
        // A root that is not there yet is waited for by `watch`.
        guard isGiven || !error.isAbsence else {
          complain("\(place) does not exist: nothing to add up there")
          continue
        }
        complain("\(error)")
        summary.failed += 1
        continue
      }
      summary.add(tree, isInside: places[..<index].contains { place.isWithin($0) })
      json ? output.writeLines(of: tree) : output.write(tree)
    }
    for rule in try rules() where places.contains(where: resolveRoot(rule.root).isWithin) {
      for warning in growthWarnings(of: rule) { output.write(warning, json: json) }
    }
    if json { output.write(summary) }
    output.flush()
    if summary.isIncomplete { throw ExitCode(ExitStatus.someFailed.rawValue) }
  }

  /// Where to look, links resolved, each once and what holds others first; and whether somebody has named it.
  private func places() throws -> (places: [FilePath], isGiven: Bool) {
    var places = paths.map { resolveRoot(absolute($0)) }
    let isGiven = !places.isEmpty || config == nil
    if places.isEmpty { places = try roots().map(resolveRoot) }
    if places.isEmpty { places = [resolveRoot(UserContext.current.workingDirectory)] }
    var seen: Set<FilePath> = []
    places = places.filter { seen.insert($0).inserted }
    return (places, isGiven && !paths.isEmpty)
  }

  private func roots() throws -> [FilePath] { try rules().map(\.root) }

  private func rules() throws -> [Rule] {
    do {
      return try Configuration.load(path: config, environment: .current, user: .current)?.rules
        ?? []
    } catch {
      throw fail(error)
    }
  }

  private func measure(
    _ place: FilePath, _ settings: UsageWalk.Settings
  ) throws(SystemError) -> MeasuredTree {
    let progress = ProgressBar(total: 0, isSilent: json)
    defer { progress.end() }
    guard progress.isShown else { return try MeasuredTree(place, settings, noting: nil) }
    return try MeasuredTree(place, settings) { done in
      progress.show("\(done.files) files, \(roughSize(done.bytes)) in \(displayText(place.bytes))")
    }
  }
}
