/// What a drill is to do.
package struct DrillOptions: Sendable {
  package enum Kill: String, Sendable, CaseIterable {
    case sigkill
    /// The kernel, for want of memory in a cgroup.
    case oom
  }

  /// How many writers live at any time.
  package var writers = 8
  package var kills = 200
  package var seed: UInt32
  /// A directory on the file system to be tested; the drill makes one of its own in it.
  package var place = "/var/tmp"
  /// Nanoseconds.
  package var grace: Int64 = 200_000_000
  /// Nanoseconds; the drill has ended by then.
  package var duration: Int64 = 60_000_000_000
  package var killsWatcher = false
  package var kill = Kill.sigkill
  /// The user's own writer; empty: ours.
  package var command: [String] = []
  /// The program that is drilled.
  package var watcher: String
  /// The program that has the hidden command `drill-writer`: this one.
  package var executable: String

  package init(seed: UInt32, watcher: String, executable: String) {
    self.seed = seed
    self.watcher = watcher
    self.executable = executable
  }
}
