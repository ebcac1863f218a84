/// What brought a decision about.
package enum Trigger: String, Sendable {
  case closeEvent = "close-event"
  case graceOver = "grace-over"
  case cursorChange = "cursor-change"
  case ownerExit = "owner-exit"
  /// It has grown beyond a bound.
  case growth
  case copyProved = "copy-proved"
  case created, startup, rescan, backstop, pressure, age, manual
}
