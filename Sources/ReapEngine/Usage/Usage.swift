// What a tree occupies, as a walk has found it.

package import OwnedDirectories
package import ReapRules

package struct Usage: Sendable {
  /// What the walk did not go into: how many there are, and the first of them.
  package struct LeftOut: Sendable {
    package static let toldLimit = 10

    package fileprivate(set) var count = 0
    /// Below the directory at which the walk began; with the errno where there is one.
    package fileprivate(set) var told: [(path: [UInt8], code: Int32)] = []

    mutating func add(_ path: @autoclosure () -> [UInt8], _ code: Int32 = 0) {
      count += 1
      if told.count < Self.toldLimit { told.append((path(), code)) }
    }
  }

  package var rows = UsageRows()
  /// The largest first.
  package var largest: [LargeFile] = []
  /// Directories that could not be read, or not wholly.
  package var unreadable = LeftOut()
  /// Mount points below it.
  package var mounts = LeftOut()
  /// The walk was ended before it was done.
  package var isCut = false

  package init() {}

  /// Of a single file.
  package init(ofFile facts: Occupied) {
    var sum = UsageSum()
    sum.addFile(allocated: facts.allocated, size: facts.size)
    rows.add(sum, to: 0)
  }

  package var total: UsageSum { rows.sum(0) }
}
