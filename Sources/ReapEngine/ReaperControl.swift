import OwnedDirectories
import Synchronization

/// A running reaper, seen from other threads.
package final class ReaperControl: Sendable {
  private struct Progress {
    var isDone = false
    var waiting: CheckedContinuation<Void, Never>?
  }

  private let mailbox: Mailbox<Reaper.Message>
  private let progress = Mutex(Progress())

  private init(mailbox: Mailbox<Reaper.Message>) { self.mailbox = mailbox }

  /// Opens every root, then works on a thread of its own until `stop()`. Call it before many
  /// descriptors are open: inotify needs a low one.
  ///
  /// - Throws: `RootFailure` for a root that may not be used; then nothing has begun.
  package static func start(
    _ options: Reaper.Options, reporter: Reporter, descriptorLimit: Int
  ) throws -> ReaperControl {
    let reaper = try Reaper(
      options: options, reporter: reporter, descriptorLimit: descriptorLimit)
    try reaper.open()
    let control = ReaperControl(mailbox: reaper.mailbox)
    let thread = Thread.start(named: "reaper") {
      reaper.run()
      control.finish()
    }
    guard thread != nil else { throw SystemError("start a thread", "reaper") }
    return control
  }

  /// The removals in hand are finished first.
  package func stop() { mailbox.post(.stop) }

  package func reload(_ options: Reaper.Options) { mailbox.post(.reload(options)) }

  package func waitUntilDone() async {
    await withCheckedContinuation { continuation in
      let isDone = progress.withLock { progress in
        if !progress.isDone { progress.waiting = continuation }
        return progress.isDone
      }
      if isDone { continuation.resume() }
    }
  }

  private func finish() {
    let waiting = progress.withLock { progress in
      progress.isDone = true
      return progress.waiting
    }
    waiting?.resume()
  }
}
