// The directories of which a sum of their own is told: those down to a depth. What lies deeper counts for the
// last of them that holds it, so that a tree of any size costs memory for its rows only.

package import ReapRules

/// A row takes 64 bytes and its name.
package struct UsageRows: Sendable {
  private struct Row {
    var sum = UsageSum()
    let parent: Int32
    let depth: Int32
    let name: Range<Int>
  }

  private var rows = [Row(parent: -1, depth: 0, name: 0..<0)]
  private var names: [UInt8] = []
  private var isWhole = false

  /// Without the directory at which the walk began, which is row 0.
  package var count: Int { rows.count - 1 }

  subscript(row: Int) -> UsageSum { rows[row].sum }

  /// Makes rows for subdirectories.
  ///
  /// - Parameter block: their names, each with a NUL at its end.
  /// - Returns: the first one's number; the others follow.
  mutating func add(_ block: [UInt8], in parent: Int) -> Int {
    let first = rows.count
    var start = block.startIndex
    while start < block.endIndex, let end = block[start...].firstIndex(of: 0) {
      rows.append(
        Row(
          parent: Int32(parent), depth: rows[parent].depth + 1,
          name: (names.count + start)..<(names.count + end)))
      start = end + 1
    }
    names += block
    return first
  }

  mutating func add(_ sum: UsageSum, to row: Int) { rows[row].sum += sum }

  /// Has something that was counted for one row counted for another.
  mutating func move(_ sum: UsageSum, from old: Int, to new: Int) {
    rows[old].sum -= sum
    rows[new].sum += sum
  }

  /// Has each row hold what those below it hold: once, when all is counted.
  mutating func addUp() {
    guard !isWhole else { return }
    isWhole = true
    // A row comes after the one that it lies in.
    for row in rows.indices.dropFirst().reversed() {
      rows[Int(rows[row].parent)].sum += rows[row].sum
    }
  }

  /// Has all rows but the largest count for row 0, where each of them holds all that it will. They get
  /// other numbers.
  mutating func keepLargest(_ count: Int) {
    let kept = sorted().prefix(count).map { ($0, path($0)) }
    var new = UsageRows()
    new.rows[0].sum = rows.reduce(into: UsageSum()) { $0 += $1.sum }
    for (row, name) in kept {
      let number = new.add(name + [0], in: 0)
      new.move(rows[row].sum, from: 0, to: number)
    }
    self = new
  }

  /// Below the directory at which the walk began.
  package func path(_ row: Int) -> [UInt8] {
    var way: [ArraySlice<UInt8>] = []
    var row = row
    while row > 0 {
      way.append(names[rows[row].name])
      row = Int(rows[row].parent)
    }
    return Array(way.reversed().joined(separator: [UInt8(ascii: "/")]))
  }

  package func sum(_ row: Int) -> UsageSum { rows[row].sum }

  /// Whether it lies in the directory at which the walk began, not in one of those.
  package func isTop(_ row: Int) -> Bool { rows[row].parent == 0 }

  /// By name: an order that does not depend on who was counted first.
  func precedes(_ left: Int, _ right: Int) -> Bool {
    var (one, other) = (left, right)
    while rows[one].depth > rows[other].depth { one = Int(rows[one].parent) }
    while rows[other].depth > rows[one].depth { other = Int(rows[other].parent) }
    guard one != other else { return rows[left].depth < rows[right].depth }
    while rows[one].parent != rows[other].parent {
      (one, other) = (Int(rows[one].parent), Int(rows[other].parent))
    }
    return names[rows[one].name].lexicographicallyPrecedes(names[rows[other].name])
  }

  /// The rows that hold something, the largest first.
  package func sorted() -> [Int] {
    rows.indices.dropFirst().filter { rows[$0].sum.inodes > 0 }.sorted { left, right in
      let (one, other) = (rows[left].sum.bytes, rows[right].sum.bytes)
      return one == other ? precedes(left, right) : one > other
    }
  }
}
