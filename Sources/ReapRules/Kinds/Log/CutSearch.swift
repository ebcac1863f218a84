/// What is kept of a log: whichever keeps less.
package struct KeptTail: Sendable, Equatable {
  /// Lines, one that has no newline yet included.
  package var lines: Int64?
  package var bytes: Int64?

  package init(lines: Int64? = nil, bytes: Int64? = nil) {
    self.lines = lines
    self.bytes = bytes
  }
}

/// Where a log is to be cut, by its newlines from the last one backwards: so no more of it is read than
/// is kept. The cut is where a line begins, and the last line always stays.
package struct CutSearch: Sendable {
  private let size: Int64
  private let lines: Int64
  /// Below it nothing is kept, if there is a line behind it.
  private let floor: Int64
  private var count: Int64 = 0
  /// Where the lines begin that are kept so far.
  private var kept: Int64?
  /// Known once the search is at its end; 0: all of it is kept.
  package private(set) var cut: Int64?

  /// No line begins in what was searched.
  package var isBarren: Bool { kept == nil }

  package init(size: Int64, keeping tail: KeptTail) {
    self.size = size
    lines = max(1, tail.lines ?? .max)
    floor = tail.bytes.map { max(0, size - max(0, $0)) } ?? 0
  }

  /// The next newline before those that were told. Where the search is at its end, it tells nothing.
  package mutating func foundNewline(at offset: Int64) {
    guard cut == nil, offset + 1 < size else { return }
    begin(at: offset + 1)
  }

  /// There is no newline at that offset or behind it but those that were told.
  package mutating func passed(_ offset: Int64) {
    guard cut == nil else { return }
    if offset <= 0 { return size > 0 ? begin(at: 0, isFirst: true) : (cut = 0) }
    if offset < floor, let kept { cut = kept }
  }

  private mutating func begin(at start: Int64, isFirst: Bool = false) {
    if start < floor, let kept { return cut = kept }
    kept = start
    count += 1
    if start < floor || count == lines || isFirst { cut = start }
  }
}
