// How every live test runs: on a thread that it may block, with belongings that last until its end.

import Foundation
import Testing

/// The trait of every suite of live tests. Each test's own directories and mounts stay until it has
/// ended, whatever of it the compiler takes for used up before, and go in the reverse order then.
struct Live: SuiteTrait, TestTrait, TestScoping {
  @TaskLocal private static var belongings: Belongings?

  fileprivate var lane = Lane.any

  /// A suite hands it down to its tests.
  var isRecursive: Bool { true }

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    try await withTaskExecutorPreference(lane) {
      let belongings = Belongings()
      defer { belongings.letGo() }
      try await Live.$belongings.withValue(belongings, operation: function)
    }
  }

  /// Keeps something until the test at hand has ended.
  static func keep(_ object: AnyObject) {
    guard let belongings else {
      Issue.record("the suite of a live test needs the trait .live")
      return
    }
    belongings.add(object)
  }
}

extension Trait where Self == Live {
  static var live: Live { Live() }

  /// Of a suite whose tests take minutes one after another: where it came last, all would wait for it.
  static var liveAndLong: Live { Live(lane: .first) }
}

/// What one test has made, the last one last.
private final class Belongings: @unchecked Sendable {
  private let lock = NSLock()
  private var objects: [AnyObject] = []

  func add(_ object: AnyObject) { lock.withLock { objects.append(object) } }

  /// The last one first: a mount before the directory that it is in.
  func letGo() {
    while let last = lock.withLock({ objects.popLast() }) { withExtendedLifetime(last) {} }
  }
}
