// What an entry is to a rule, and a walk over all that are candidates, at any depth.

import Glibc
import OwnedDirectories
package import ReapRules

/// What an entry of a directory is to a rule.
package enum EntryRole: Sendable {
  case candidate
  case cursor
  /// A directory in which partitions may lie.
  case place
  case nothing
}

extension Rule {
  /// - Parameter isDirectory: nil where that is not known.
  package func role(of name: EntryName, isDirectory: Bool?) -> EntryRole {
    if let claim = ClaimName(name) { return match.matches(claim.original) ? .candidate : .nothing }
    guard case .generations(let settings) = kind else {
      return match.matches(name) ? .candidate : .nothing
    }
    // Before the match, which may be as wide as `*`.
    if name == settings.cursor { return .cursor }
    if match.matches(name) { return .candidate }
    if TemporaryName(cursor: settings.cursor, name) != nil { return .candidate }
    guard isDirectory != false, GenerationSettings.isEntered(name), !neverTakes(name),
      !others.contains(where: { $0.matches(name) })
    else { return .nothing }
    return .place
  }

  /// Whether an entry of a directory below the root is one of the rule's candidates.
  package func takes(_ name: EntryName, in directory: [UInt8]) -> Bool {
    guard directory.isEmpty || kind.hasPartitions, reaches(directory) else { return false }
    guard case .candidate = role(of: name, isDirectory: nil) else { return false }
    return true
  }

  /// Whether candidates are looked for in a directory below the root, and so in each one above it.
  func reaches(_ directory: [UInt8]) -> Bool {
    directory.split(separator: UInt8(ascii: "/")).allSatisfy {
      guard let name = EntryName($0), case .place = role(of: name, isDirectory: true)
      else { return false }
      return true
    }
  }
}

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
        case .cursor, .nothing: break
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
      guard case .candidate = rule.role(of: entry.name, isDirectory: nil) else { continue }
      found.append(CandidatePath(directory: directory, entry.name))
    }
  }
  return found.sorted { $0.name.bytes.lexicographicallyPrecedes($1.name.bytes) }
}
