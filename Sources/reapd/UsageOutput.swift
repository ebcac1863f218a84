import Glibc
import OwnedDirectories
import ReapEngine
import ReapRules

/// What `usage` prints: for people with a bar for each row, in 80 columns, where that is a terminal.
final class UsageOutput {
  private static let columns = 80
  private static let barWidth = 16

  private let rows: Int
  private let isTerminal = isatty(STDOUT_FILENO) == 1
  private let hasColour: Bool
  private var waiting: [UInt8] = []

  init(rows: Int) {
    self.rows = rows
    let environment = processEnvironment()
    // https://no-color.org: set and not empty.
    hasColour =
      isTerminal && (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
  }

  func flush() {
    _ = writeToStream(waiting, Descriptor(number: STDOUT_FILENO))
    waiting = []
  }

  /// - Parameter text: nothing of a name in it does anything to a terminal.
  private func line(_ text: String) {
    waiting += text.utf8
    waiting.append(UInt8(ascii: "\n"))
    if waiting.count > 1 << 16 { flush() }
  }

  // MARK: - For programs

  func writeLines(of tree: MeasuredTree) { tree.eachLine { line($0.text) } }

  func write(_ summary: UsageSummary) { line(summary.json.text) }

  func write(_ warning: GrowthWarning, json: Bool) {
    guard json else {
      return line("warning: \(displayText(warning.path)): \(warning.growth.words)")
    }
    line(
      JSONValue.object(
        [("type", .string("archives-grow")), JSONValue.pathMember(warning.path)]
          + warning.growth.members
      ).text)
  }

  // MARK: - For people

  func write(_ tree: MeasuredTree) {
    let total = tree.usage.total
    line(
      "\(displayText(tree.path.bytes)): \(roughSize(total.bytes)) in "
        + "\(counted(total.files, "file")), "
        + (total.directories == 1 ? "1 directory" : "\(total.directories) directories"))
    line("  " + words(of: tree.room))
    if let words = words(of: tree) { line("  " + words) }
    writeLeftOut(tree.usage)
    writeRows(tree)
    writeLargest(tree)
    flush()
  }

  private func words(of room: FreeRoom) -> String {
    func percent(_ share: Int64?) -> String { share.map { "\($0 / 100) %" } ?? "?" }
    var words = "disk: \(percent(room.usedBytesShare)) used, \(roughSize(room.freeBytes)) free"
    if let share = room.usedInodesShare {
      words += "; inodes: \(percent(share)) used, \(room.freeInodes) free"
    }
    return words
  }

  private func words(of tree: MeasuredTree) -> String? {
    guard !tree.isFile || tree.growth != nil else { return nil }
    guard let growth = tree.growth else { return "growth: known from the next run on" }
    var words =
      growth.bytes < 0
      ? "shrunk by \(roughSize(-growth.bytes))" : "grown by \(roughSize(growth.bytes))"
    guard let span = growth.span else { return words + "; the clock was set back since" }
    words += " in \(roughDuration(span))"
    if let perDay = growth.bytesPerDay, perDay != 0 { words += " (\(signed(perDay)) a day)" }
    if !tree.isComparable { words += ", as far as could be read" }
    guard let forecast = growth.forecast else {
      return words + ": the disk will not be full by that"
    }
    let of = forecast.room == .inodes ? "out of inodes" : "full"
    let pace = forecast.pace == .tree ? "at this pace" : "at the pace of all that is on it"
    return words + "\n  the disk will be \(of) on \(forecast.day), \(pace)"
  }

  private func writeLeftOut(_ usage: Usage) {
    func tell(_ left: Usage.LeftOut, _ what: (Int) -> String) {
      guard left.count > 0 else { return }
      line("  " + what(left.count))
      for (path, code) in left.told {
        let why = code == 0 ? "" : ": \(errorText(code))"
        line("    \(displayText(path.isEmpty ? Array(".".utf8) : path))\(why)")
      }
      if left.count > left.told.count { line("    and \(left.count - left.told.count) more") }
    }
    tell(usage.unreadable) {
      $0 == 1 ? "1 directory could not be read:" : "\($0) directories could not be read:"
    }
    tell(usage.mounts) { "\(counted($0, "mount")) not crossed:" }
  }

  private func writeRows(_ tree: MeasuredTree) {
    let sorted = tree.usage.rows.sorted()
    guard !sorted.isEmpty else { return }
    line("")
    let showsGrowth = tree.earlier != nil
    for row in sorted.prefix(rows) {
      let sum = tree.usage.rows.sum(row)
      let growth = showsGrowth ? tree.growth(ofRow: row).map(signed) ?? "" : nil
      writeRow(sum.bytes, of: tree.usage.total.bytes, growth, tree.usage.rows.path(row))
    }
    if sorted.count > rows {
      let count = sorted.count - rows
      line("  and \(count) more director\(count == 1 ? "y" : "ies") (--rows)")
    }
  }

  private func writeRow(_ bytes: Int64, of total: Int64, _ growth: String?, _ path: [UInt8]) {
    let share = total > 0 ? Double(bytes) / Double(total) : 0
    let percent = Int((share * 100).rounded())
    var head = "  " + padded(roughSize(bytes), 10)
    if let growth { head += " " + padded(growth, 11) }
    head += padded("\(percent)", 4) + " % "
    guard isTerminal else { return line(head + " " + displayText(path)) }
    let full = max(0, min(Self.barWidth, Int((share * Double(Self.barWidth)).rounded())))
    let bar = String(repeating: "#", count: full)
    let rest = String(repeating: "-", count: Self.barWidth - full)
    let coloured = hasColour ? "\u{1B}[32m\(bar)\u{1B}[0m" : bar
    let left = Self.columns - head.count - Self.barWidth - 4
    line(head + "[" + coloured + rest + "] " + shortened(displayText(path), to: left))
  }

  private func writeLargest(_ tree: MeasuredTree) {
    guard !tree.usage.largest.isEmpty else { return }
    line("")
    line(
      tree.usage.largest.count == 1
        ? "  the largest file" : "  the \(tree.usage.largest.count) largest files")
    for file in tree.usage.largest {
      let head = "  " + padded(roughSize(file.bytes), 10) + "  "
      let path = displayText(file.path)
      line(head + (isTerminal ? shortened(path, to: Self.columns - head.count - 1) : path))
    }
  }

  private func signed(_ bytes: Int64) -> String {
    bytes < 0 ? "-" + roughSize(-bytes) : "+" + roughSize(bytes)
  }

  private func padded(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }

  /// Without its beginning where it is too long: the end says more.
  private func shortened(_ text: String, to width: Int) -> String {
    text.count <= width ? text : "…" + text.suffix(max(0, width - 1))
  }
}
