/// What is to be overwritten where a head is cut off at the end of a block, which splits a line.
package struct Blanking: Sendable, Equatable {
  /// What goes: whole blocks, so at most up to where what is kept begins.
  package let head: Int64
  /// The rest of the line that the end of the head splits, its newline included; nil where it splits
  /// none. With blanks in its place the first line is whole, and JSON like before.
  package let rest: Range<Int64>?

  /// - Parameters:
  ///   - cut: where what is kept begins.
  ///   - block: how many bytes a block has.
  package static func head(cut: Int64, block: Int64) -> Int64 {
    block > 0 ? cut / block * block : 0
  }

  /// - Parameter newline: the first one at or behind the last byte of the head.
  package init(head: Int64, firstNewline newline: Int64) {
    self.head = head
    rest = newline < head ? nil : head..<(newline + 1)
  }
}
