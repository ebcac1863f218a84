// A walk that adds up what a tree occupies: several threads, which share the directories among them.
//
// A directory is listed a piece at a time. The rest of a listing waits below the subdirectories of its
// piece, so that those are done first and little waits; a thread that has nothing to do takes it at once.
// Of each directory that waits there is its name; of one that has such, its descriptor. Where many are
// open, which a deep tree brings about, a subtree is followed by one thread with few descriptors.

import Glibc
package import OwnedDirectories
import ReapRules
import Synchronization

package final class UsageWalk: Sendable {
  package struct Settings: Sendable {
    /// Twice the processors: on a cold disk half of them wait. 0: whoever asks does it.
    package var threads = max(2, min(16, 2 * sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    /// Directories of so many levels have rows.
    package var depth = 1
    package var largest = 10
    /// Where there are more rows, only so many stay, the largest; the others' sums are in the total only.
    /// For one thread and a depth of 1: then what was listed before is done when a listing goes on.
    package var rowLimit: Int?
    /// Directories that may be open together, before subtrees are followed by one thread each.
    package var openLimit = 512
    /// Bytes of a listing that are read at once.
    package var pieceSize = 1 << 17

    package init() {}
  }

  /// What a thread may take up.
  enum Work: Sendable {
    /// The listing of a directory, from where its descriptor stands.
    case listing(UsageDirectory)
    case subdirectories(UsageDirectory, Block)
  }

  /// Subdirectories that wait to be opened, at least one.
  struct Block: Sendable {
    /// Each with a NUL at its end.
    var names: ArraySlice<UInt8>
    /// Of the first of them; the others' follow. Nil where they count for the directory's own.
    var firstRow: Int?

    /// Takes the first one off.
    mutating func takeFirst() -> (name: [UInt8], row: Int?) {
      let end = names.firstIndex(of: 0) ?? names.endIndex
      defer {
        names = names[(end + 1)...]
        firstRow? += 1
      }
      return (Array(names[..<end]), firstRow)
    }
  }

  struct State {
    var usage = Usage()
    var largest: LargestFiles
  }

  /// How far a walk is.
  package struct Progress: Sendable {
    package let files: Int
    package let bytes: Int64
  }

  let settings: Settings
  let queue = BlockingQueue<Work>()
  let state: Mutex<State>
  private let links = Mutex(LinkLedger())
  private let open = Atomic<Int>(0)
  private let files = Atomic<Int>(0)
  private let bytes = Atomic<Int64>(0)
  private let isCancelled = Atomic<Bool>(false)

  package init(_ settings: Settings = Settings()) {
    self.settings = settings
    state = Mutex(State(largest: LargestFiles(limit: settings.largest)))
  }

  package var progress: Progress {
    Progress(files: files.load(ordering: .relaxed), bytes: bytes.load(ordering: .relaxed))
  }

  /// Ends it early.
  package func cancel() { isCancelled.store(true, ordering: .relaxed) }

  var isEnding: Bool { isCancelled.load(ordering: .relaxed) }

  /// Whether a subtree is to be followed by one thread.
  var hasManyOpen: Bool { open.load(ordering: .relaxed) >= settings.openLimit }

  /// Adds up the tree of an open directory, which stays the caller's.
  ///
  /// - Parameter noting: is told from time to time how far it is.
  package func run(
    _ root: Descriptor, noting: ((Progress) -> Void)? = nil
  ) throws(SystemError) -> Usage {
    let top = try openFile(
      Array(".".utf8), at: root, O_RDONLY | O_DIRECTORY, follow: .within)
    let first = UsageDirectory([], in: nil, row: 0, top)
    do throws(SystemError) {
      var sum = UsageSum()
      sum.addDirectory(allocated: try occupied(by: top).allocated)
      count(sum, for: 0)
    } catch {
      top.close()
      throw error
    }
    opened()
    queue.push(.listing(first))
    queue.close()
    work(noting)
    return finish()
  }

  private func work(_ noting: ((Progress) -> Void)?) {
    let done = Mailbox<Void>(limit: 1)
    var threads: [Thread] = []
    for _ in 0..<settings.threads {
      let thread = Thread.start(named: "usage") { [self] in
        UsageWorker(self).run()
        done.post((), droppable: true)
      }
      if let thread { threads.append(thread) }
    }
    if threads.isEmpty { UsageWorker(self).run() }
    if let noting {
      while done.take(until: readMonotonic() + nanosecondsPerSecond / 10).messages.isEmpty {
        noting(progress)
      }
    }
    for thread in threads { thread.join() }
  }

  private func finish() -> Usage {
    state.withLock { state in
      var usage = state.usage
      state.usage = Usage()
      usage.rows.addUp()
      usage.isCut = isEnding
      usage.largest = state.largest.files.map {
        LargeFile(
          path: $0.directory.path(of: $0.name), bytes: $0.allocated, apparentBytes: $0.size)
      }
      return usage
    }
  }

  // MARK: - For the workers

  func opened() { open.add(1, ordering: .relaxed) }

  func release(_ directory: UsageDirectory) {
    if directory.release() { open.subtract(1, ordering: .relaxed) }
  }

  func count(_ sum: UsageSum, for row: Int) {
    state.withLock { $0.usage.rows.add(sum, to: row) }
    files.add(Int(sum.files), ordering: .relaxed)
    bytes.add(sum.bytes, ordering: .relaxed)
  }

  /// Whether a file with several names is to be counted for this row.
  func isCounted(_ facts: Occupied, in row: Int) -> Bool {
    links.withLock { links in
      let meaning = links.meet(facts, in: row) { left, right in
        // Rows that may be dropped are not told apart by name.
        settings.rowLimit == nil && state.withLock { $0.usage.rows.precedes(left, right) }
      }
      if case .moved(let old) = meaning {
        var sum = UsageSum()
        sum.addFile(allocated: facts.allocated, size: facts.size)
        state.withLock { $0.usage.rows.move(sum, from: old, to: row) }
      }
      return meaning == .first
    }
  }

  /// The listing at which the walk began goes on.
  func dropRows() {
    guard let limit = settings.rowLimit else { return }
    state.withLock { if $0.usage.rows.count > limit { $0.usage.rows.keepLargest(limit) } }
  }

  func addRows(_ names: [UInt8], in parent: Int) -> Int {
    state.withLock { $0.usage.rows.add(names, in: parent) }
  }

  func noteUnreadable(_ directory: UsageDirectory, _ code: Int32, _ name: [UInt8]? = nil) {
    state.withLock { $0.usage.unreadable.add(directory.path(of: name), code) }
  }

  func noteMount(_ directory: UsageDirectory, _ name: [UInt8]) {
    state.withLock { $0.usage.mounts.add(directory.path(of: name)) }
  }

  func add(_ largest: LargestFiles) {
    state.withLock { state in
      for file in largest.files where file.allocated > state.largest.least {
        state.largest.insert(file)
      }
    }
  }
}
