import OwnedDirectories
import Watching

/// A running reaper, seen from other threads.
package struct ReaperControl: Sendable {
  private let mailbox: LoopMailbox<ReaperMessage>
  private let thread: Thread

  /// Opens every root, then works on a thread of its own until `stop()`. Call it before many
  /// descriptors are open: inotify needs a low one.
  ///
  /// - Throws: `RootFailure` for a root that may not be used; then nothing has begun.
  package static func start(
    _ options: ReaperOptions, reporter: Reporter, descriptorLimit: Int
  ) throws -> ReaperControl {
    let reaper: Reaper
    do {
      reaper = try Reaper(options: options, reporter: reporter, descriptorLimit: descriptorLimit)
    } catch let failure as INotifyThread.StartFailure {
      throw InstanceFailure(failure)
    }
    try reaper.open()
    let mailbox = reaper.mailbox
    guard let thread = Thread.start(named: "reaper", { reaper.run() }) else {
      throw SystemError("start a thread", "reaper")
    }
    return ReaperControl(mailbox: mailbox, thread: thread)
  }

  /// Ends it and waits: the removals in hand are finished first.
  package func stop() {
    mailbox.post(.stop)
    thread.join()
  }

  package func reload(_ options: ReaperOptions) { mailbox.post(.reload(options)) }
}
