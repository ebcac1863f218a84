/// Who waits for something scarce, oldest first: entering, leaving and asking who is next cost the
/// same however long the line is.
package struct WaitingLine: Sendable {
  private var line: [UInt64?] = []
  /// Where each one stands in `line`.
  private var places: [UInt64: Int] = [:]
  private var head = 0
  /// Where the next round of looks begins.
  private var cursor = 0

  package init() {}

  package var count: Int { places.count }
  package var isEmpty: Bool { places.isEmpty }

  package func contains(_ token: UInt64) -> Bool { places[token] != nil }

  /// Puts somebody at the end; who stands in the line already keeps the place.
  package mutating func enter(_ token: UInt64) {
    guard places[token] == nil else { return }
    places[token] = line.count
    line.append(token)
  }

  package mutating func leave(_ token: UInt64) {
    guard let place = places.removeValue(forKey: token) else { return }
    line[place] = nil
    while head < line.count, line[head] == nil { head += 1 }
    // Gaps never outnumber those who wait by much, so closing them is paid for by those who left.
    if line.count > 2 * places.count + 64 { closeGaps() }
  }

  /// The one who has waited longest.
  package var first: UInt64? { head < line.count ? line[head] : nil }

  /// The next ones in turn, each once before anybody comes again.
  package mutating func round(of limit: Int) -> [UInt64] {
    var chosen: [UInt64] = []
    if cursor >= line.count { cursor = head }
    while chosen.count < limit, cursor < line.count {
      if let token = line[cursor] { chosen.append(token) }
      cursor += 1
    }
    return chosen
  }

  private mutating func closeGaps() {
    let passed = line[..<min(cursor, line.count)].count { $0 != nil }
    line = line.filter { $0 != nil }
    for (place, token) in line.enumerated() { places[token!] = place }
    head = 0
    cursor = passed
  }
}
