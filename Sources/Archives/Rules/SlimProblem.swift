/// Why an archive is kept as it is.
package enum SlimReason: String, Sendable, CaseIterable {
  case nothingProved = "nothing-to-leave-out"
  /// It is to be dropped, and not all of it is on the disk.
  case notProved = "not-proved"
  case damaged
  /// Something follows the end of the archive, or of its compressed data.
  case behindTheEnd = "bytes-behind-the-end"
  /// No archive of the form that the program writes, or the disk has something else than a file.
  case unexpectedForm = "unexpected-form"
  case unsafePath = "unsafe-path"
  case limit = "limit-reached"
  case changed = "changed-meanwhile"
  case inUse = "in-use"
  case live = "run-alive"
  case pinned = "kept-by-hand"
  case otherNames = "other-names"
  case noRoom = "no-room"
  case noGain = "no-gain"
  case system

  /// Whether something went wrong, as against: there was nothing to do, or a reason to wait.
  package var isFailure: Bool {
    switch self {
    case .nothingProved, .notProved, .inUse, .live, .pinned, .otherNames, .noGain: false
    case .damaged, .behindTheEnd, .unexpectedForm, .unsafePath, .limit, .changed, .noRoom, .system:
      true
    }
  }
}

/// What keeps an archive whole; it was not touched.
package struct SlimProblem: Error, Sendable, CustomStringConvertible {
  package let reason: SlimReason
  package let what: String
  /// The member at hand, as it is named in the archive (`outer.tgz: inner`); nil before the first.
  package var member: [UInt8]?
  /// What slimming would need on the disk, where that has not got it.
  package var bytesNeeded: Int64?

  package init(_ reason: SlimReason, _ what: String, member: [UInt8]? = nil) {
    self.reason = reason
    self.what = what
    self.member = member
  }

  func at(_ name: [UInt8]) -> SlimProblem {
    var copy = self
    copy.member = member.map { name + Array(": ".utf8) + $0 } ?? name
    return copy
  }

  package var description: String { what }
}
