/// How a log is trimmed.
package enum TrimWay: String, Sendable {
  /// Its head is taken out of the file, which stays.
  case inPlace = "in-place"
  /// The tail goes into a new file that takes its name; the old one is drained into that.
  case newFile = "new-file"
}

/// Who has a log open, as far as that can be seen.
package struct LogHolders: Sendable, Equatable {
  /// Whoever holds it for more than reading.
  package enum Use: Sendable, Equatable {
    /// Each write goes to the end (O_APPEND), wherever that is.
    case appends
    /// Reads at an offset of its own.
    case reads
    /// Writes at an offset of its own, or has it mapped.
    case writesAtOffset
  }

  package struct Holder: Sendable, Equatable {
    package let pid: Int32
    package let use: Use

    package init(pid: Int32, use: Use) {
      self.pid = pid
      self.use = use
    }
  }

  package var found: [Holder]
  /// Nobody can have it open but those.
  package var isWhole: Bool

  package init(found: [Holder], isWhole: Bool) {
    self.found = found
    self.isWhole = isWhole
  }

  /// By a lease: the kernel knows.
  package static let nobody = LogHolders(found: [], isWhole: true)

  package func has(_ use: Use) -> Bool { found.contains { $0.use == use } }

  /// Whether nobody stands at an offset, who would skip or repeat lines, or write over some.
  package var onlyAppend: Bool { isWhole && found.allSatisfy { $0.use == .appends } }
}

extension TrimWay {
  /// The way for a log of which that much is known; nil where it may be cut in place only, and cannot.
  package init?(for log: LogEvidence, by settings: LogSettings) {
    let isPossible = log.mayCollapse && log.head > 0 && log.links == 1
    switch settings.inPlace {
    case .never: self = .newFile
    case .auto: self = isPossible && log.holders?.onlyAppend == true ? .inPlace : .newFile
    case .always:
      // What its readers make of it is whoever wrote `always`'s to know; nobody may destroy it.
      guard isPossible, log.holders?.has(.writesAtOffset) == false else { return nil }
      self = .inPlace
    }
  }
}
