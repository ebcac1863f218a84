// The inotify stream for other Swift programs: a loss is a value in it, never silence.

import OwnedDirectories
import Synchronization

/// What happens to directories and files, from the process's one inotify thread.
///
///     for await event in try WatchEvents(directories: ["/srv/spool"]) {
///       switch event {
///       case .rescan: list the directories: what they hold is not known
///       case .entry(let directory, let name, _, .created): …
///       default: break
///       }
///     }
///
/// The first event is `.rescan`, once every watch that can be put is: whoever lists then, and
/// follows the events after it, misses nothing. A queue of the kernel's or of this stream that
/// overflows shows as another `.rescan` in the place of what was lost.
public struct WatchEvents: AsyncSequence, Sendable {
  /// What the sequence yields.
  public typealias Element = Event
  /// It ends, and does not fail.
  public typealias Failure = Never

  /// How an entry of a directory came or went.
  public enum Change: Sendable, Equatable {
    case created, movedIn, movedOut, removed
  }

  /// One thing that happened; paths are spelled as they were given.
  public enum Event: Sendable, Equatable {
    /// Events may be missing before this one: look at everything.
    case rescan
    /// An entry of a watched directory; names are bytes.
    case entry(directory: String, name: [UInt8], isDirectory: Bool, Change)
    /// A watched file was written to, cut, moved or removed.
    case changed(file: String)
    /// Somebody who had a watched file open for writing closed it.
    case closed(file: String)
    /// Nothing more comes of this path: it is gone, was moved, or could not be watched (with the
    /// system's words for why).
    case ended(path: String, reason: String)
  }

  /// Events that wait for a consumer; more turn into `.rescan`. As many as four full queues of the
  /// kernel's (fs.inotify.max_queued_events is 16,384).
  public static let bufferLimit = 65_536

  private let directories: [String]
  private let files: [String]
  private let hub: WatchHub

  /// - Parameters:
  ///   - directories: absolute paths; their entries are told, not those of directories in them.
  ///   - files: absolute paths, links followed.
  /// - Throws: `WatchEventsError` where there is no inotify instance or thread to be had. Make the
  ///   first one before many descriptors are open: the instance needs one below 1024.
  public init(directories: [String], files: [String] = []) throws(WatchEventsError) {
    self.directories = directories
    self.files = files
    do { hub = try WatchHub.shared() } catch { throw WatchEventsError(description: "\(error)") }
  }

  /// Puts the watches; each iterator has its own.
  public func makeAsyncIterator() -> Iterator {
    let queue = EventQueue(directories, files)
    queue.open(hub)
    return Iterator(queue)
  }

  /// Ends its watches when it is dropped.
  public struct Iterator: AsyncIteratorProtocol {
    private final class Owner: Sendable {
      let queue: EventQueue
      init(_ queue: EventQueue) { self.queue = queue }
      deinit { queue.close() }
    }

    private let owner: Owner

    init(_ queue: EventQueue) { owner = Owner(queue) }

    /// The next event, waited for; nil once the task was cancelled.
    public mutating func next(isolation actor: isolated (any Actor)?) async -> Event? {
      await owner.queue.next()
    }

    /// The next event, waited for; nil once the task was cancelled.
    public mutating func next() async -> Event? { await owner.queue.next() }
  }
}

/// Why there is no event stream, with what to do about it.
public struct WatchEventsError: Error, Sendable, CustomStringConvertible {
  /// In words.
  public let description: String
}
