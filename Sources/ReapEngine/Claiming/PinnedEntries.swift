// What is pinned below a root: for `reapd keep --list`.

package import OwnedDirectories
package import ReapRules

/// An entry that has a pin.
package struct Pin: Sendable {
  /// Absolute.
  package let path: [UInt8]
  /// Whether the pin keeps it: the rule looks for pins at what it may remove, and nowhere else.
  package let counts: Bool
}

/// Every entry below the root of a rule that is pinned, in no order.
///
/// Links and mounts are not followed, and a directory whose grace may not be over is not looked into.
package func pins(below root: OpenRoot, rule: Rule) throws(SystemError) -> [Pin] {
  var pins: [Pin] = []
  let now = readClocks().wall
  var descent = TreeDescent(from: root.descriptor)
  defer { descent.abandon() }
  // Of the current directory, below the root.
  var path: [EntryName] = []
  while true {
    if let next = descent.nextSubdirectory() {
      do throws(SystemError) {
        try descent.enter(next)
        path.append(next)
      } catch { continue }  // it went, or is not ours to read
      continue
    }
    let batch = (try? descent.nextBatch()) ?? []
    guard !batch.isEmpty else {
      if descent.depth == 0 { return pins }
      try descent.leave()
      path.removeLast()
      continue
    }
    let directory = Array(path.map(\.bytes).joined(separator: [UInt8(ascii: "/")]))
    var subdirectories: [DirectoryEntry] = []
    for entry in batch {
      let candidate = CandidatePath(directory: directory, entry.name)
      let absolute = root.path(of: candidate)
      if isPinned(absolute) {
        pins.append(Pin(path: absolute, counts: rule.findsPin(of: candidate.bytes)))
      }
      guard entry.kind == .directory || entry.kind == .unknown,
        let facts = try? status(of: entry.name, at: descent.current), facts.type == .directory,
        facts.isMountPoint != true, now - (facts.birth ?? facts.change) >= rule.grace
      else { continue }
      subdirectories.append(entry)
    }
    descent.add(subdirectories)
  }
}

extension Rule {
  /// Whether a pin of the entry keeps something.
  package func findsPin(of path: [UInt8]) -> Bool {
    guard let candidate = candidate(holding: path) else { return false }
    return candidate.bytes == path || kind.part.pinsCountInside
  }

  /// The candidate of the rule that the entry is or lies in.
  ///
  /// - Parameter path: below the root.
  package func candidate(holding path: [UInt8]) -> CandidatePath? {
    let slashes = path.indices.filter { path[$0] == UInt8(ascii: "/") }
    for end in slashes + [path.endIndex] {
      guard let candidate = CandidatePath(bytes: path[..<end]) else { return nil }
      if takes(candidate.name, in: candidate.directory) { return candidate }
    }
    return nil
  }
}
