/// The only thing that decides about a deletion: pure, the same for every command.
package func judge(_ evidence: Evidence, rule: Rule, now: Now) -> Judgement {
  guard !rule.neverTakes(evidence.entry.name) else { return .keep(.keptByHand) }
  let judgement = rule.kind.judge(evidence, rule: rule, now: now)
  switch judgement {
  case .verdict(.dispose), .verdict(.expendable): break
  case .gather, .verdict: return judgement
  }
  // Whatever its kind says of its owner's end:
  guard evidence.inside?.foreignDirectory == nil else { return .keep(.foreignInside) }
  // Without a claimed name it would go under the eyes of an owner that may come back.
  let isTooLong = evidence.entry.name.bytes.count > ClaimName.longestOriginal
  guard !isTooLong || evidence.isProvedByLock else { return .keep(.cannotClaim) }
  guard case .verdict(.expendable(let own)) = judgement, let demand = evidence.demand,
    own.since == demand.since,
    rule.kind.part.retention?.stillDemands(own, demand.cause, now: now.wall) != false
  else { return judgement }
  return .verdict(.dispose(demand.cause.reason))
}

extension Evidence.Life.Use {
  var reason: Reason {
    switch self {
    case .workingDirectory, .rootDirectory: .workingDirectory
    case .openDirectory: .directoryOpen
    case .unlinkedFile: .fileOpen
    case .openFIFO: .fifoOpen
    case .boundSocket: .socketBound
    case .mount: .mountInside
    }
  }
}
