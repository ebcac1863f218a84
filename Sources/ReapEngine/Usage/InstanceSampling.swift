// What instances that are there occupy, for what the next ones will.

import Glibc
package import OwnedDirectories
package import ReapRules

package struct InstanceSampling {
  /// An instance that may be sampled.
  package struct Candidate {
    package let name: EntryName
    /// Wall clock, ns; birth or, where none is kept, the last change of an entry in it.
    fileprivate let born: Int64
  }

  /// So many are measured where a number is planned: a few tell the mean, and each takes a walk.
  package static let limit = 10

  private let root: Descriptor

  package init(_ root: Descriptor) { self.root = root }

  /// The directories of a root, the newest first; mount points and links are none.
  ///
  /// - Parameter isWanted: by its name.
  package func newest(
    where isWanted: (EntryName) -> Bool
  ) throws(SystemError) -> [Candidate] {
    var found: [Candidate] = []
    try forEachEntry(of: root) { entry in
      guard entry.kind == .directory || entry.kind == .unknown, isWanted(entry.name),
        let facts = try? status(of: entry.name, at: root), facts.type == .directory
      else { return }
      found.append(Candidate(name: entry.name, born: facts.birth ?? facts.modification))
    }
    return found.sorted {
      $0.born == $1.born
        ? $0.name.bytes.lexicographicallyPrecedes($1.name.bytes) : $0.born > $1.born
    }
  }

  /// Whether files are there that tell that an instance is complete.
  package func holds(_ files: [[UInt8]], in name: EntryName) -> Bool {
    files.allSatisfy {
      (try? status(ofPath: name.bytes + [UInt8(ascii: "/")] + $0, at: root)) != nil
    }
  }

  /// Adds up all that is in one.
  package func measure(_ name: EntryName) throws(SystemError) -> SampledInstance {
    let directory = try openFile(
      name.bytes, at: root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, follow: .within)
    defer { directory.close() }
    var settings = UsageWalk.Settings()
    settings.depth = 0
    settings.largest = 0
    let total = try UsageWalk(settings).run(directory).total
    return SampledInstance(bytes: total.bytes, inodes: total.inodes)
  }
}
