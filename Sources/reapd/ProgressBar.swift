import Glibc
import OwnedDirectories
import ReapEngine
import ReapRules

/// How far a long command is, on standard error, where that is a terminal; otherwise nothing.
final class ProgressBar {
  private static let width = 30
  /// Ten times a second is all that an eye can follow.
  private static let interval: Int64 = 100_000_000

  private let total: Int64
  private let isShown: Bool
  private let hasColour: Bool
  private var last: Int64 = 0
  private var isOpen = false

  init(total: Int64, isSilent: Bool) {
    self.total = max(1, total)
    let environment = processEnvironment()
    isShown = !isSilent && isatty(STDERR_FILENO) == 1 && environment["TERM"] != "dumb"
    // https://no-color.org: set and not empty.
    hasColour = (environment["NO_COLOR"] ?? "").isEmpty
  }

  func show(_ done: Int64) { show(done, left: nil) }

  /// - Parameter left: seconds until the end, as far as anybody can tell.
  func show(_ done: Int64, left: Double?) {
    guard isShown else { return }
    let now = readClocks().monotonic
    guard now - last >= Self.interval else { return }
    last = now
    isOpen = true
    let share = min(1, Double(done) / Double(total))
    let full = Int(share * Double(Self.width))
    let bar = String(repeating: "#", count: full)
    let rest = String(repeating: "-", count: Self.width - full)
    let coloured = hasColour ? "\u{1B}[32m\(bar)\u{1B}[0m" : bar
    let time = left.map { ", \(roughDuration(Int64($0 * 1e9))) left" } ?? ""
    draw(
      "\r[\(coloured)\(rest)] \(Int(share * 100)) %  \(roughSize(done)) of "
        + "\(roughSize(total))\(time)  ")
  }

  /// Says how far it is where nobody knows how much there is.
  func show(_ words: @autoclosure () -> String) {
    guard isShown else { return }
    let now = readClocks().monotonic
    guard now - last >= Self.interval else { return }
    last = now
    isOpen = true
    draw("\r" + words() + "  ")
  }

  /// With what moves the cursor and colours, which is for terminals only.
  private func draw(_ text: String) { errors.append(Array(text.utf8)) }

  /// Leaves the line clean.
  func end() {
    guard isOpen else { return }
    isOpen = false
    draw("\r" + String(repeating: " ", count: 79) + "\r")
  }
}
