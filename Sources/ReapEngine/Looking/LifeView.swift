import OwnedDirectories
import ReapRules
import Synchronization

/// What processes hold, shared by all candidates that are looked at about the same time: one walk
/// through /proc takes milliseconds, and there may be ten thousand candidates.
final class LifeView: Sendable {
  static let shared = LifeView()

  /// How old a walk may be for a look that begins now. A process that comes to use a directory later
  /// than its look is seen by nobody in any case.
  private static let tolerance: Nanoseconds = 100_000_000

  private let latest = Mutex<ProcessView?>(nil)
  private let latestOfReapds = Mutex<ReapdFiles?>(nil)

  func reapdFiles() -> ReapdFiles {
    let earliest = readMonotonic() - Self.tolerance
    return latestOfReapds.withLock { latest in
      if let latest, latest.begun >= earliest { return latest }
      let files = ReapdFiles()
      latest = files
      return files
    }
  }

  /// Whoever asks while another thread walks waits, and takes what that has found.
  ///
  /// - Parameter instant: monotonic; nothing that was seen before it counts.
  func current(since instant: Nanoseconds? = nil) -> ProcessView {
    let earliest = instant ?? readMonotonic() - Self.tolerance
    return latest.withLock { latest in
      if let latest, latest.begun >= earliest { return latest }
      let view = ProcessView()
      latest = view
      return view
    }
  }
}

/// The directories, FIFOs and sockets of one candidate, as far as its walk came by them.
struct TreePlaces {
  /// More are not kept: the tree is walked once more where it matters.
  private static let limit = 256

  private(set) var isWhole = true
  private(set) var directories: [FileIdentity] = []
  private(set) var sockets: [(name: EntryName, identity: FileIdentity)] = []

  mutating func note(_ name: EntryName?, _ facts: FileStatus) {
    guard facts.type != .regular, facts.type != .symbolicLink, isWhole else { return }
    guard directories.count + sockets.count < Self.limit else {
      isWhole = false
      return
    }
    if facts.type == .socket, let name { sockets.append((name, facts.identity)) }
    directories.append(facts.identity)
  }

  func holder(in view: ProcessView) -> ProcessHold? {
    for directory in directories {
      if let hold = view.holder(of: directory) { return hold }
    }
    for socket in sockets {
      if let hold = view.binder(of: socket.name, identity: socket.identity) { return hold }
    }
    return nil
  }
}
