// When bytes of a log were not there yet: a line tells nothing of its own time, and neither does the
// file, whose time is that of whatever was written last.

/// The sizes that files of a log were seen to have. What stands behind such a size was written later
/// than that look; of anything else it is not known when it came.
package struct LogMarks<File: Hashable & Sendable>: Sendable {
  package struct Mark: Sendable, Equatable {
    /// Wall clock. A file that was changed after that look has no earlier change time.
    package let time: Nanoseconds
    package let size: Int64

    package init(time: Nanoseconds, size: Int64) {
      self.time = time
      self.size = size
    }
  }

  private struct Known {
    /// Ascending.
    var marks: [Mark] = []
    /// Up to where it was read.
    var read: Int64 = 0
    /// As it was seen last.
    var size: Int64 = 0
    /// Monotonic: since when it has this content, and when it was last seen to have grown.
    var since: Nanoseconds
    var grown: Nanoseconds
    /// Whoever puts old lines in the log's place is through with that.
    var isSettled = false

    init(size: Int64, _ now: Now) {
      self.size = size
      since = now.monotonic
      grown = now.monotonic
    }
  }

  /// Change times are taken from a clock that lags by a tick of the kernel: 10 ms at most.
  package static var lag: Nanoseconds { 10_000_000 }
  /// A file that came to the log's place, or was cut, may be being filled with what is old: until it
  /// did not grow for so long,
  package static var quiet: Nanoseconds { nanosecondsPerSecond }
  /// or for so long altogether.
  package static var patience: Nanoseconds { 10 * nanosecondsPerSecond }
  /// Clocks are not read at one instant; and what is less than that is slewed, not set.
  private static var step: Nanoseconds { 100_000_000 }
  private static var filesLimit: Int { 4 }
  private static var marksLimit: Int { 1024 }

  private var known: [File: Known] = [:]
  /// The one at the log's path, as it was seen last.
  private var current: File?
  private var last: Now
  /// What is there at the first look has been there before.
  private var isFirst = true

  /// - Parameter resumed: what an earlier process knew: a mark, and up to where it has read. One from
  ///   the future proves nothing.
  package init(_ resumed: (file: File, mark: Mark?, read: Int64)?, _ now: Now) {
    last = now
    guard let resumed else { return }
    isFirst = false
    var one = Known(size: resumed.mark?.size ?? resumed.read, now)
    one.marks = resumed.mark.map { $0.time <= now.wall ? [$0] : [] } ?? []
    one.read = resumed.read
    one.isSettled = true
    known[resumed.file] = one
  }

  /// What is known of the file at the path, to be kept over a restart.
  package var lastMark: (file: File, mark: Mark)? {
    guard let current, let mark = known[current]?.marks.last else { return nil }
    return (current, mark)
  }

  /// Monotonic: when to look again, so that lines that come later count.
  package var due: Nanoseconds? {
    guard let current, let one = known[current], !one.isSettled else { return nil }
    return min(one.grown + Self.quiet, one.since + Self.patience)
  }

  /// The file at the log's path has this size; nil where there is none.
  package mutating func see(_ file: File?, size: Int64, _ now: Now) {
    noticeStep(now)
    defer {
      isFirst = false
      current = file
    }
    guard let file else { return }
    guard var one = known[file], size >= max(one.size, one.read) else {
      var new = Known(size: size, now)
      new.isSettled = isFirst
      if isFirst { new.marks = [Mark(time: now.wall - Self.lag, size: size)] }
      keep(new, file)
      return
    }
    if size > one.size { one.grown = now.monotonic }
    one.size = size
    if now.monotonic >= min(one.grown + Self.quiet, one.since + Self.patience) {
      one.isSettled = true
    }
    if one.isSettled {
      if one.marks.last?.size == size { one.marks.removeLast() }
      if one.marks.count >= Self.marksLimit { one.marks.remove(at: one.marks.count / 2) }
      one.marks.append(Mark(time: now.wall - Self.lag, size: size))
    }
    known[file] = one
  }

  /// Lines of a file are given out.
  ///
  /// - Returns: they were written after that, wall clock; nil where nothing is known of that.
  package mutating func take(_ range: Range<Int64>, of file: File, _ now: Now) -> Nanoseconds? {
    noticeStep(now)
    guard var one = known[file], range.lowerBound >= one.read else {
      // Read again from further ahead, it was cut since.
      var new = Known(size: range.upperBound, now)
      new.read = range.upperBound
      keep(new, file)
      return nil
    }
    one.read = range.upperBound
    let before = one.marks.lastIndex { $0.size <= range.lowerBound }
    if let before { one.marks.removeFirst(before) }
    known[file] = one
    return before == nil ? nil : one.marks[0].time
  }

  private mutating func keep(_ one: Known, _ file: File) {
    known[file] = one
    guard known.count > Self.filesLimit,
      let oldest = known.min(by: { $0.value.since < $1.value.since })?.key
    else { return }
    known[oldest] = nil
  }

  /// After the wall clock was set back, files that are changed now look older than marks.
  private mutating func noticeStep(_ now: Now) {
    let lost = now.monotonic - last.monotonic - (now.wall - last.wall)
    last = now
    guard lost > Self.step else { return }
    for file in known.keys { known[file]?.marks = [] }
  }
}
