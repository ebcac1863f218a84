import OwnedDirectories
import ReapConfiguration
import ReapEngine
import ReapRules

/// What `preflight` found, and its verdict.
struct PreflightReport {
  let root: FilePath
  let chosen: ChosenRule
  let plan: SpawnPlan
  let preflight: Preflight
  let room: FreeRoom
  /// Nil where nobody asked for it.
  let pruned: Pruning.Outcome?

  private var lacking: RoomShortage { preflight.shortage(in: room) }
  private var estimate: SpawnEstimate { preflight.estimate }
  private var variables: [String] { chosen.configuration.overrides }
  var hasRoom: Bool { lacking.isNone }

  func print() {
    printLine(
      "\(hasRoom ? "room" : "no room") at \(displayText(root.bytes)) (rule \(chosen.rule.name))")
    var needed = "  needed: \(roughSize(estimate.bytes))"
    if estimate.sampled > 0 {
      needed += " (\(counted(estimate.sampled, "instance")) sampled, "
      needed += "\(roughSize(estimate.smallest)) to \(roughSize(estimate.largest)); "
      needed += words + ")"
    } else {
      needed += " (no instance to sample)"
    }
    printLine(needed)
    let stays = preflight.bounds.minFree.map { ", of which \(words(of: $0)) stay" } ?? ""
    printLine("  free: \(roughSize(room.freeBytes))\(stays)")
    if lacking.bytes > 0 { printLine("  lacking: \(roughSize(lacking.bytes))") }
    if lacking.inodes > 0 { printLine("  lacking: \(lacking.inodes) inodes") }
    switch pruned {
    case .swept(let summary)?:
      printLine(
        "  pruned: \(summary.reaped) (\(roughSize(summary.bytes))), \(counted(summary.failed, "failure"))"
      )
    case .left(let to)?: printLine("  not pruned: \(displayText(to)); it prunes by its own rule")
    case .nothingThere?, nil: break
    }
    if !variables.isEmpty {
      printLine("  set by the environment: \(variables.joined(separator: ", "))")
    }
  }

  private var words: String {
    let count = plan.count.map { "× \($0) of \(estimate.sampled) " } ?? ""
    return count + "× \(counted(plan.replicas, "replica")) × \(SpawnPlan.formatShare(plan.share))"
  }

  private func words(of free: FreeSpace) -> String {
    switch free {
    case .amount(let bytes): roughSize(bytes)
    case .share(let share): FreeSpace.formatShare(share)
    }
  }

  var json: JSONValue {
    .object([
      ("room", .bool(hasRoom)), JSONValue.pathMember(root.bytes, named: "root"),
      ("rule", .string(chosen.rule.name)), ("need_bytes", .integer(estimate.bytes)),
      ("need_inodes", .integer(estimate.inodes)), ("free_bytes", .integer(room.freeBytes)),
      ("free_inodes", .integer(room.freeInodes)),
      ("min_free", preflight.bounds.minFree.map(value) ?? .null),
      ("min_free_inodes", preflight.bounds.minFreeInodes.map(value) ?? .null),
      ("lacking_bytes", .integer(lacking.bytes)), ("lacking_inodes", .integer(lacking.inodes)),
      (
        "estimate",
        .object([
          ("sampled", .integer(Int64(estimate.sampled))),
          ("sampled_bytes", .integer(estimate.sampledBytes)),
          ("smallest_bytes", .integer(estimate.smallest)),
          ("largest_bytes", .integer(estimate.largest)),
          ("instances", .integer(plan.count ?? Int64(estimate.sampled))),
          ("replicas", .integer(plan.replicas)),
          ("share", .number(Double(plan.share) / Double(SpawnPlan.wholeShare))),
        ])
      ),
      ("pruned", prunedValue), ("variables", .array(variables.map(JSONValue.string))),
    ])
  }

  /// A number of bytes or inodes, or the text of a share.
  private func value(_ free: FreeSpace) -> JSONValue {
    switch free {
    case .amount(let amount): .integer(amount)
    case .share(let share): .string(FreeSpace.formatShare(share))
    }
  }

  private var prunedValue: JSONValue {
    switch pruned {
    case .swept(let summary)?: summary.json
    case .left(let to)?: .object([("left_to", .string(to))])
    case .nothingThere?: Summary().json
    case nil: .null
    }
  }
}
