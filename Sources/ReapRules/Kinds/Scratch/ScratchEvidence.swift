// What was observed of scratch besides what is observed of every candidate.

package struct ScratchEvidence: Sendable, Equatable {
  /// Since it was judged dead without a proof of death; nil where it is not condemned.
  package var condemned: Evidence.Condemnation?

  /// What the process that its name or a link in it names tells; nil where that was not asked.
  package var process: Process?

  /// When the machine was booted; nil where that was not asked.
  package var boot: Boot?

  /// What a pid tells.
  package enum Process: Sendable, Equatable {
    case alive(Int32)
    /// Its exit was seen, or there is none of that number and pids are trusted.
    case dead(Int32)
    /// A number without a process says nothing: it may be another PID namespace's.
    case nothing
    case unknown(String)

    package var text: String {
      switch self {
      case .alive(let pid): "\(pid) lives"
      case .dead(let pid): "\(pid) has ended"
      case .nothing: "says nothing"
      case .unknown(let why): "unknown: \(why)"
      }
    }
  }

  /// What is known where nothing names a process.
  package enum NoProcess: Error {
    case nothing
    case unknown(String)
  }

  package init() {}

  var members: [(String, JSONValue)] {
    var members: [(String, JSONValue)] = []
    if let condemned { members.append(("condemned_time", .string(formatTime(condemned.id)))) }
    if let boot { members.append(("booted", .string(boot.text))) }
    if let process { members.append(("owner_process", .string(process.text))) }
    return members
  }
}
