/// What a drill is to do.
package struct DrillOptions: Sendable {
  /// What kills the writers.
  package enum Kill: String, Sendable, CaseIterable {
    case sigkill
    /// The kernel, because the memory of a cgroup is used up.
    case oom
  }

  /// How many writers live at any time.
  package var writers = 8
  package var kills = 200
  package var seed: UInt32
  /// A directory on the file system to be tested; the drill makes its own directory in it.
  package var place = "/var/tmp"
  /// The grace of the reapd that is drilled, in nanoseconds.
  package var grace: Int64 = 200_000_000
  /// How long the drill may take at most, in nanoseconds.
  package var duration: Int64 = 60_000_000_000
  package var killsWatcher = false
  package var kill = Kill.sigkill
  /// The user's own writer, with its arguments; empty: the drill's writers.
  package var command: [String] = []
  /// The path of the reapd that is drilled.
  package var watcher: String
  /// The path of the program that has the hidden command `drill-writer`: this program.
  package var executable: String

  package init(seed: UInt32, watcher: String, executable: String) {
    self.seed = seed
    self.watcher = watcher
    self.executable = executable
  }
}
