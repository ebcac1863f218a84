/// Which of several rules may take a name, by the name's first byte: of a million names in a shared
/// directory, nearly all are no rule's, and none should cost more than a look at that.
package struct Takers: Sendable {
  private let byFirstByte: [[Int]]

  package init(_ rules: [Rule]) {
    var table = [[Int]](repeating: [], count: 256)
    for (index, rule) in rules.enumerated() {
      let first = rule.match.beginnings.map(\.first)
      for byte in UInt8.min...UInt8.max
      where first.contains(nil) || first.contains(byte) || byte == ClaimName.prefix[0] {
        table[Int(byte)].append(index)
      }
    }
    byFirstByte = table
  }

  /// Indices of rules; each is still to be asked.
  package func mayTake(_ name: EntryName) -> [Int] {
    name.bytes.first.map { byFirstByte[Int($0)] } ?? []
  }
}
