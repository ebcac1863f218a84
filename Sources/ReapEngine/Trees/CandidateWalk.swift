// A walk over all that are candidates of a rule, at any depth.

import Glibc
import OwnedDirectories
import ReapRules

/// Opens a directory by its path below a root; links and mount points on the way are refused.
func openDirectory(_ path: [UInt8], below root: OpenRoot) throws(SystemError) -> Descriptor {
  try openFile(
    path.isEmpty ? [UInt8(ascii: ".")] : path, at: root.descriptor,
    O_RDONLY | O_DIRECTORY | O_NOFOLLOW, follow: .within)
}

/// Visits every candidate of a rule. Directories that go meanwhile are passed over.
///
/// - Throws: when the root itself cannot be listed.
func eachCandidate(
  of rule: Rule, in root: OpenRoot, _ body: (CandidatePath) -> Void
) throws(SystemError) {
  var places: [[UInt8]] = [[]]
  while let place = places.popLast() {
    let directory: Descriptor
    do throws(SystemError) {
      directory = try openDirectory(place, below: root)
    } catch {
      if place.isEmpty { throw error }
      continue
    }
    defer { directory.close() }
    var listing = DirectoryListing(directory)
    defer { listing.finish() }
    while true {
      let batch = try listing.nextBatch()
      guard !batch.isEmpty else { break }
      for entry in batch {
        let path = CandidatePath(directory: place, entry.name)
        let isDirectory: Bool? = entry.kind == .unknown ? nil : entry.kind == .directory
        switch rule.role(of: entry.name, isDirectory: isDirectory, in: place) {
        case .candidate: body(path)
        case .place: places.append(path.bytes)
        case .signal, .nothing: break
        }
      }
    }
  }
}

/// Visits the candidates of several rules whose candidates lie in one root itself. That is listed
/// once, and most names are nobody's.
///
/// - Parameters:
///   - noting: is told now and then how many more entries were listed.
///   - body: takes the index of the rule.
/// - Throws: when the root cannot be listed.
func eachCandidate(
  of rules: [Rule], in root: OpenRoot, noting: (Int) -> Void, _ body: (Int, CandidatePath) -> Void
) throws(SystemError) {
  let takers = Takers(rules)
  let directory = try openDirectory([], below: root)
  defer { directory.close() }
  var listing = DirectoryListing(directory)
  defer { listing.finish() }
  while true {
    let batch = try listing.nextBatch()
    guard !batch.isEmpty else { return }
    for entry in batch {
      for index in takers.mayTake(entry.name) {
        let isDirectory: Bool? = entry.kind == .unknown ? nil : entry.kind == .directory
        guard rules[index].role(of: entry.name, isDirectory: isDirectory) == .candidate else {
          continue
        }
        body(index, CandidatePath(directory: [], entry.name))
      }
    }
    noting(batch.count)
  }
}

/// The candidates in one directory, in order of name; none where it cannot be listed.
func candidates(
  of rule: Rule, inDirectory directory: [UInt8], below root: OpenRoot
) -> [CandidatePath] {
  guard let opened = try? openDirectory(directory, below: root) else { return [] }
  defer { opened.close() }
  var found: [CandidatePath] = []
  var listing = DirectoryListing(opened)
  defer { listing.finish() }
  while let batch = try? listing.nextBatch(), !batch.isEmpty {
    for entry in batch {
      guard rule.role(of: entry.name, isDirectory: nil, in: directory) == .candidate else {
        continue
      }
      found.append(CandidatePath(directory: directory, entry.name))
    }
  }
  return found.sorted { $0.name.bytes.lexicographicallyPrecedes($1.name.bytes) }
}
