import ArgumentParser
import Glibc
import Logging
import OwnedDirectories
import ReapConfiguration
import ReapEngine
import ReapRules

struct PreflightCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "preflight",
    abstract: "Say whether there is room for what is about to be made.",
    usage: "reapd preflight --root ROOT [OPTIONS]",
    discussion: """
      Needed is what instances that are there occupy, times replicas, times the share; it must fit \
      above what has to stay free. Ends with 0 where there is room, and with 1 where there is none. \
      For a spawner, before it spawns.
      """)

  @Option(help: "Where instances are made (default: the root of the rule).")
  var root: FilePath?

  @Option(
    help: ArgumentHelp(
      "A rule of the configuration (default: that of the root, else the preset spica).",
      valueName: "name"))
  var rule: String?

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "How many, each like the mean of the newest; or those that are copied, by name or number.",
      valueName: "n|id"))
  var instances: [String] = []

  @Option(help: ArgumentHelp("Copies of each instance.", valueName: "n"))
  var replicas: Int64 = 1

  @Option(help: ArgumentHelp("What a copy takes of its instance.", valueName: "share"))
  var share = "0.2"

  @Option(help: ArgumentHelp("At least so much is needed.", valueName: "size"))
  var need: String?

  @Option(
    name: .customLong("min-free"),
    help: ArgumentHelp(
      "So much has to stay free: a size or a share (default: the rule's).", valueName: "size"))
  var minFree: String?

  @Flag(help: "First make room as the rule says: as 'sweep' does.")
  var prune = false

  @Option(help: "Configuration file (default: ~/.config/reapd/reapd.yaml, then /etc/reapd/).")
  var config: FilePath?

  @Flag(help: "Machine-readable output.")
  var json = false

  @OptionGroup var audit: AuditOptions

  func run() throws {
    let plan = try plan()
    let chosen = try ChosenRule(root: root, rule: rule, config: config)
    let place = resolveRoot(chosen.rule.root)
    let pruned = prune ? try Pruning(chosen, place, audit).run() : nil
    var bounds = chosen.rule.kind.part.room
    if let minFree { bounds.minFree = try parseFree(minFree) }
    let report: PreflightReport
    do throws(SystemError) {
      let (directory, isThere) = try openNearest(place)
      defer { directory.close() }
      let samples = try isThere ? self.samples(chosen, in: directory) : []
      report = PreflightReport(
        root: place, chosen: chosen, plan: plan,
        preflight: Preflight(SpawnEstimate(plan, from: samples), within: bounds),
        room: try freeRoom(at: directory), pruned: pruned)
    } catch {
      throw fail(error.isAbsence ? .badData : .someFailed, "\(place): \(error)")
    }
    json ? printLine(report.json.text) : report.print()
    if !report.hasRoom { throw ExitCode(ExitStatus.someFailed.rawValue) }
  }

  // MARK: - What is planned

  /// More digits than this are a name: `12345678` may be one of hexadecimal digits.
  private static let longestNumber = 6

  /// How many instances; nil where they are named.
  private var count: Int64? {
    guard instances.count < 2 else { return nil }
    guard let word = instances.first else { return 1 }
    let isNumber = word.utf8.count <= Self.longestNumber && word.utf8.allSatisfy { isDigit($0) }
    return isNumber ? Int64(word) : nil
  }

  private func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

  private func plan() throws -> SpawnPlan {
    var plan = SpawnPlan()
    plan.count = count
    guard replicas >= 0 else { throw fail(.usage, "--replicas \(replicas): use a number from 0") }
    plan.replicas = replicas
    guard let share = SpawnPlan.parseShare(share) else {
      throw fail(.usage, "--share \(share): use a number such as 0.2, or a share such as 20%")
    }
    plan.share = share
    if let need {
      guard let size = parseSize(need) else {
        throw fail(.usage, "--need \(need): use a size such as 500MiB or 2GB")
      }
      plan.least = size
    }
    return plan
  }

  private func parseFree(_ text: String) throws -> FreeSpace {
    if let size = parseSize(text) { return .amount(size) }
    guard let share = FreeSpace.parseShare(text) else {
      throw fail(.usage, "--min-free \(text): use a size such as 20GB, or a share such as 5%")
    }
    return share
  }

  // MARK: - What is there

  /// Opens a root or, where it is still to be made, what holds it.
  private func openNearest(
    _ path: FilePath
  ) throws(SystemError) -> (directory: Descriptor, isThere: Bool) {
    var path = path
    var isThere = true
    while true {
      do {
        return (try OwnedDirectories.openRoot(path), isThere)
      } catch {
        guard error.code == ENOENT, let parent = path.parent else { throw error }
        (path, isThere) = (parent, false)
      }
    }
  }

  private func samples(
    _ chosen: ChosenRule, in root: Descriptor
  ) throws(SystemError) -> [SampledInstance] {
    let sampling = InstanceSampling(root)
    let isWanted = { (name: EntryName) in
      chosen.rule.role(of: name, isDirectory: true) == .candidate && ClaimName(name) == nil
    }
    var samples: [SampledInstance] = []
    if count != nil {
      let limit = InstanceSampling.limit
      for candidate in try sampling.newest(where: isWanted) where samples.count < limit {
        guard chosen.isComplete(candidate.name, sampling) else { continue }
        // One that goes meanwhile is none.
        if let sample = try? sampling.measure(candidate.name) { samples.append(sample) }
      }
      return samples
    }
    for word in instances {
      samples.append(try sampling.measure(try name(of: word, in: root)))
    }
    return samples
  }

  /// The entry that is named, or whose name ends in what is named: `spica-3480f633`, `3480f633`.
  private func name(of word: String, in root: Descriptor) throws(SystemError) -> EntryName {
    let given = ArgumentText.decode(word)
    for bytes in [given, Array("spica-".utf8) + given] {
      if let name = EntryName(bytes), (try? status(of: name, at: root)) != nil { return name }
    }
    throw SystemError("look for instance", displayText(given), ENOENT)
  }
}
