// Promises broken on purpose, in debug builds only.

#if DEBUG
  import OwnedDirectories

  /// Promises broken on purpose, so that a drill can be seen to notice. Debug builds only: what is
  /// installed has no such switch.
  enum Fault: String {
    /// What is young is looked at all the same.
    case grace
    /// What is locked, or open, counts as free.
    case lock
    /// No event is heard.
    case deaf

    static let injected = processEnvironment()["REAPD_FAULT"].flatMap(Fault.init)
  }
#endif
