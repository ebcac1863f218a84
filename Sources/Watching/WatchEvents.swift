// The inotify stream for other Swift programs: a loss is a value in it, never silence.

import OwnedDirectories
import Synchronization

/// What happens to directories and files, from the process's one inotify thread.
///
///     for await event in try WatchEvents(directories: ["/srv/spool"]) {
///       switch event {
///       case .rescan: …                  // list the directories: what they hold is not known
///       case .entry(let directory, let name, _, .created): …
///       default: break
///       }
///     }
///
/// The first event is ``Event/rescan``. It comes when every watch that can be set is set: a program
/// that lists the directories then, and follows the events after it, misses nothing. If the kernel's
/// queue or the queue of this stream overflows, another ``Event/rescan`` stands in the place of what
/// was lost.
public struct WatchEvents: AsyncSequence, Sendable {
  /// What the sequence gives.
  public typealias Element = Event
  /// The sequence never fails; it ends when its task is cancelled.
  public typealias Failure = Never

  /// How an entry of a directory came or went.
  public enum Change: Sendable, Equatable {
    /// The entry was made in the directory.
    case created
    /// The entry was renamed into the directory, or to this name.
    case movedIn
    /// The entry was renamed out of the directory, or to another name.
    case movedOut
    /// The entry was removed.
    case removed
  }

  /// One thing that happened. Paths are spelled as they were given to
  /// ``WatchEvents/init(directories:files:)``.
  public enum Event: Sendable, Equatable {
    /// Events may be missing before this one: look at everything.
    case rescan
    /// An entry of a watched directory; names are bytes.
    case entry(directory: String, name: [UInt8], isDirectory: Bool, Change)
    /// A watched file was written to, cut, moved or removed.
    case changed(file: String)
    /// A process that had a watched file open for writing closed it.
    case closed(file: String)
    /// No more events come for this path: it is gone, was moved, or could not be watched. The
    /// reason is in words, the system's where there are any.
    case ended(path: String, reason: String)
  }

  /// The number of events that wait for a consumer at most; more turn into one ``Event/rescan``. It
  /// is four times the default length of the kernel's queue (fs.inotify.max_queued_events, 16,384).
  public static let bufferLimit = 65_536

  private let directories: [String]
  private let files: [String]
  private let hub: WatchHub

  /// Prepares a stream; the watches are set by each iterator.
  ///
  /// Make the first stream of a process before many descriptors are open: the inotify instance needs
  /// a descriptor below 1024 (libinotifytools uses select(2)).
  ///
  /// - Parameters:
  ///   - directories: absolute paths of directories whose entries are told; entries of directories in
  ///     them are not.
  ///   - files: absolute paths of files; links are followed.
  /// - Throws: ``WatchEventsError`` where no inotify instance or no thread can be had.
  public init(directories: [String], files: [String] = []) throws(WatchEventsError) {
    self.directories = directories
    self.files = files
    do { hub = try WatchHub.shared() } catch { throw WatchEventsError(description: "\(error)") }
  }

  /// Sets the watches. Each iterator has its own.
  public func makeAsyncIterator() -> Iterator {
    let queue = EventQueue(directories, files)
    queue.open(hub)
    return Iterator(queue)
  }

  /// The events of one set of watches. The watches end when the iterator is dropped.
  public struct Iterator: AsyncIteratorProtocol {
    private final class Owner: Sendable {
      let queue: EventQueue
      init(_ queue: EventQueue) { self.queue = queue }
      deinit { queue.close() }
    }

    private let owner: Owner

    init(_ queue: EventQueue) { owner = Owner(queue) }

    /// Waits for the next event.
    ///
    /// - Returns: nil when the task was cancelled.
    public mutating func next(isolation actor: isolated (any Actor)?) async -> Event? {
      await owner.queue.next()
    }

    /// Waits for the next event.
    ///
    /// - Returns: nil when the task was cancelled.
    public mutating func next() async -> Event? { await owner.queue.next() }
  }
}

/// Why no event stream can be had, and what to do about it.
public struct WatchEventsError: Error, Sendable, CustomStringConvertible {
  /// The reason and the advice, in words.
  public let description: String
}
