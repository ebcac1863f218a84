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
        switch rule.role(of: entry.name, isDirectory: isDirectory) {
        case .candidate: body(path)
        case .place: places.append(path.bytes)
        case .signal, .nothing: break
        }
      }
    }
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
      guard rule.role(of: entry.name, isDirectory: nil) == .candidate else { continue }
      found.append(CandidatePath(directory: directory, entry.name))
    }
  }
  return found.sorted { $0.name.bytes.lexicographicallyPrecedes($1.name.bytes) }
}
