// For messages about an unknown word: the known words, and which of them was probably meant.

/// `known: a, b, c`; where one is near enough for a typing error, `did you mean …?` in front.
func knownWords(_ known: [String], near word: String) -> String {
  let list = "known: " + known.joined(separator: ", ")
  guard let nearest = nearestWord(to: word, in: known) else { return list }
  return "did you mean \(nearest)? \(list)"
}

/// The known word that is fewest edits away. Nil where that word is further away than a third of its
/// length (than two edits, for short words).
func nearestWord(to word: String, in known: [String]) -> String? {
  let word = Array(word.lowercased().utf8.prefix(64))
  let ranked = known.map { (word: $0, distance: editDistance(word, Array($0.lowercased().utf8))) }
  guard let best = ranked.min(by: { $0.distance < $1.distance }) else { return nil }
  return best.distance <= min(max(2, best.word.utf8.count / 3), best.word.utf8.count - 1)
    ? best.word : nil
}

/// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
  var beforeLast: [Int] = []
  var last = Array(0...right.count)
  for row in left.indices {
    var current = [row + 1]
    for column in right.indices {
      var cost = last[column] + (left[row] == right[column] ? 0 : 1)
      cost = min(cost, last[column + 1] + 1, current[column] + 1)
      if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
        cost = min(cost, beforeLast[column - 1] + 1)
      }
      current.append(cost)
    }
    (beforeLast, last) = (last, current)
  }
  return last.last ?? left.count
}
