// What came of an archive, for the audit and for `--json`.

package import ReapRules
import OwnedDirectories

extension SlimOutcome {
  /// What left, and what proves it; or why nothing did.
  package var evidence: [(String, JSONValue)] {
    guard let problem else {
      let named = proofs.map { JSONValue.string(displayText($0)) }
      return [
        ("members", .integer(Int64(members))), ("left_out", .integer(Int64(leftOut))),
        ("left_out_bytes", .integer(leftOutBytes)), ("stayed", .integer(Int64(stayed))),
        ("proved_by", .string("byte-equal files")),
        ("proving_files", .integer(Int64(proofCount))), ("proofs", .array(named)),
      ] + (isBegunMeanwhile ? [("begun_meanwhile", .bool(true))] : [])
    }
    var fields: [(String, JSONValue)] = [
      ("reason", .string(problem.reason.rawValue)), ("error", .string(problem.what)),
    ]
    if let member = problem.member {
      fields.append(JSONValue.pathMember(member, named: "member"))
    }
    if let needed = problem.bytesNeeded { fields.append(("bytes_needed", .integer(needed))) }
    return fields
  }
}
