// What a bare number in a pid file says of when its process started.

/// A number read as a start.
package enum StartStamp: Sendable, Equatable {
  /// Clock ticks after the machine's start (proc_pid_stat(5), field 22): exact, so it either is that of
  /// the process or denies it.
  case ticks(isSame: Bool)
  /// Wall clock, nanoseconds since 1970.
  case instant(Nanoseconds)
  /// It may be more than one thing.
  case unclear
}

/// Tells seconds and milliseconds since 1970 from clock ticks by what is plausible: seconds have ten
/// digits from 2001 to 2286, milliseconds thirteen. A machine has ten digits of ticks after 115 days
/// (at 100 a second), so what could be seconds denies nothing as ticks.
///
/// - Parameter ticks: of the process that has the pid now.
package func readStart(_ number: Int64, ticks: Int64) -> StartStamp {
  if number == ticks { return .ticks(isSame: true) }
  switch number {
  case ..<1_000_000_000: return .ticks(isSame: false)
  case ..<10_000_000_000: return .instant(number * nanosecondsPerSecond)
  case ..<1_000_000_000_000: return .ticks(isSame: false)
  case ..<10_000_000_000_000: return .instant(number * 1_000_000)
  default: return .unclear
  }
}
