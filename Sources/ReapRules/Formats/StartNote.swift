// When a process began, as a pid file notes it. Programs write Unix seconds, milliseconds, clock ticks
// since the machine's start, or RFC 3339, and none says which.

/// One way to read a noted start.
package enum StartReading: Sendable, Equatable {
  /// Wall clock; `unit` is the smallest step that it was noted in.
  case instant(Nanoseconds, unit: Nanoseconds)
  /// Clock ticks since the machine's start, as /proc/PID/stat counts them.
  case ticks(Int64)
}

/// What is known of the living process that a noted start may be of, and of this instant.
package struct StartedProcess: Sendable {
  package var ticks: Int64
  /// Wall clock, nanoseconds.
  package var wall: Nanoseconds
  package var now: Nanoseconds
  /// The ticks that have passed since the machine's start.
  package var ticksNow: Int64

  package init(ticks: Int64, wall: Nanoseconds, now: Nanoseconds, ticksNow: Int64) {
    self.ticks = ticks
    self.wall = wall
    self.now = now
    self.ticksNow = ticksNow
  }

  /// How long after its start a process may have noted that: programs do so once they are up. An
  /// older process that has the pid in another PID namespace does not pass for the owner.
  package static let noteDelay: Nanoseconds = 60 * nanosecondsPerSecond
  /// btime counts whole seconds.
  private static let clockError: Nanoseconds = 2 * nanosecondsPerSecond

  /// The plausible ways to read it.
  ///
  /// Below 10^9 (in seconds: the year 2001) a number can be nothing but ticks; from there on to 10^11,
  /// seconds that are not in the future or, on a machine that has been up for so long (10^9 ticks are
  /// 116 days), ticks; from 10^12 (2001) to 10^14 (5138), milliseconds. In between, nothing.
  package func readings(of noted: JSONValue) -> [StartReading] {
    switch noted {
    case .integer(let number): return readings(of: number)
    case .number(let number):
      // A fraction of a tick is none.
      guard (1e9..<1e14).contains(number) else { return [] }
      let isSeconds = number < 1e11
      guard isSeconds || number >= 1e12 else { return [] }
      // Past 2262, nanoseconds are more than 64 bits hold.
      guard let instant = Nanoseconds(exactly: (number * (isSeconds ? 1e9 : 1e6)).rounded()) else {
        return []
      }
      return isSeconds && !isPast(instant) ? [] : [.instant(instant, unit: 0)]
    case .string(let text):
      if let number = Int64(text) { return readings(of: number) }
      return parseTimestamp(text).map { [.instant($0, unit: 0)] } ?? []
    default: return []
    }
  }

  private func readings(of number: Int64) -> [StartReading] {
    switch number {
    case 0..<1_000_000_000: return [.ticks(number)]
    case 1_000_000_000..<100_000_000_000:
      var readings: [StartReading] = []
      let (instant, overflow) = number.multipliedReportingOverflow(by: nanosecondsPerSecond)
      if !overflow, isPast(instant) {
        readings.append(.instant(instant, unit: nanosecondsPerSecond))
      }
      if number <= ticksNow { readings.append(.ticks(number)) }
      return readings
    case 1_000_000_000_000..<100_000_000_000_000:
      let (instant, overflow) = number.multipliedReportingOverflow(by: 1_000_000)
      return overflow ? [] : [.instant(instant, unit: 1_000_000)]
    default: return []
    }
  }

  private func isPast(_ instant: Nanoseconds) -> Bool { instant <= now + Self.noteDelay }

  /// Whether it is the process that noted that start; nil where that cannot be told: a process lives
  /// under the pid, so only what is exact and can be read in one way denies that it is the one.
  ///
  /// - Parameter isTrusted: whether pids of files are those of this PID namespace.
  package func began(as noted: JSONValue, isTrusted: Bool) -> Bool? {
    let readings = readings(of: noted)
    guard readings.count != 1 else {
      return fits(readings[0], isTrusted: isTrusted)
    }
    // Read in one of several ways it must fit closely, whoever is trusted.
    return readings.contains { fits($0, isTrusted: false) == true } ? true : nil
  }

  /// Whether the process began after a noted start that can be read in one way only: then it is
  /// another one, unless the clock was set in between.
  package func began(after noted: JSONValue) -> Bool {
    let readings = readings(of: noted)
    guard readings.count == 1 else { return false }
    return switch readings[0] {
    case .ticks(let number): number < ticks
    case .instant(let instant, let unit):
      saturatingDifference(wall, instant) > Self.clockError + unit
    }
  }

  /// Whether it can be no other process: a start that can be read in one way only is its own, to the
  /// tick or within the error of the clock.
  package func isSurely(_ noted: JSONValue) -> Bool {
    let readings = readings(of: noted)
    guard readings.count == 1 else { return false }
    return switch readings[0] {
    case .ticks(let number): number == ticks
    case .instant(let instant, let unit):
      abs(saturatingDifference(instant, wall)) <= Self.clockError + unit
    }
  }

  /// Whether a noted start counts ticks, which no clock that is set moves.
  package func isOfTicks(_ noted: JSONValue) -> Bool {
    readings(of: noted).allSatisfy { if case .ticks = $0 { true } else { false } }
  }

  /// Whether the process began before the file was written, which is all that is known of it.
  package func began(before written: Nanoseconds) -> Bool? {
    fits(.instant(written, unit: 0), isTrusted: true)
  }

  private func fits(_ reading: StartReading, isTrusted: Bool) -> Bool? {
    switch reading {
    case .ticks(let number): return number == ticks
    case .instant(let instant, let unit):
      let delay = saturatingDifference(instant, wall)
      // It had the pid before that was noted, and has it still: nobody else had it in between. A
      // clock that was set in between looks the same as another process.
      guard delay >= -Self.clockError - unit else { return nil }
      return isTrusted || delay <= Self.noteDelay ? true : nil
    }
  }
}
