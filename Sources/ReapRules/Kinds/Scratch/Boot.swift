/// When this machine was booted, or why that cannot be told. What is older than that has no owner that
/// lives: no process outlives a boot.
package enum Boot: Sendable, Equatable {
  /// Wall clock, no later than it was.
  case at(Nanoseconds)
  case unknown(String)

  /// btime counts whole seconds (proc_stat(5)), and slewing moves it by some.
  private static let error: Nanoseconds = 2 * nanosecondsPerSecond
  /// More than a clock that nobody set can be wrong by.
  private static let tolerance: Nanoseconds = 60 * nanosecondsPerSecond

  /// Where the clock was set since the boot, what was made before that bears the time of another clock;
  /// where the machine was restored, the boot that counts is another one. Both show in the devices'
  /// file system, which the kernel makes while it boots.
  ///
  /// - Parameters:
  ///   - counted: by the kernel from the clock as it is now; nil where it does not say.
  ///   - devicesBorn: the birth time of `/dev`; nil where that is no devtmpfs, or has none.
  package init(counted: Nanoseconds?, devicesBorn: Nanoseconds?) {
    guard let counted else {
      self = .unknown("/proc/stat does not say when the machine was booted")
      return
    }
    guard let devicesBorn else {
      self = .unknown("/dev is no devtmpfs of the kernel's, which would tell if the clock was set")
      return
    }
    let difference = saturatingDifference(counted, devicesBorn)
    guard (-Self.tolerance...Self.tolerance).contains(difference) else {
      self = .unknown("the clock was set, or the machine restored, since it was booted")
      return
    }
    // Within that, a clock may have been set all the same: the earlier one is right in any case.
    self = .at(min(counted, devicesBorn) - Self.error)
  }

  var text: String {
    switch self {
    case .at(let time): formatTime(time)
    case .unknown(let why): "unknown: \(why)"
    }
  }
}
