// Making a stage archive that holds a node's own files and nothing of earlier visits.

import Compression
import OwnedDirectories
package import ReapRules

/// What was packed.
package struct PackOutcome: Sendable {
  package var files = 0
  package var directories = 0
  package var links = 0
  package var leftOut = 0
  /// FIFOs, sockets and devices, which have no content.
  package var passedOver = 0
  /// Of files, unpacked.
  package var bytesBefore: Int64 = 0
  package var bytesAfter: Int64 = 0
}

package struct StagePacking {
  private let directory: FilePath
  private let output: FilePath

  /// - Parameters:
  ///   - directory: the node; resolved.
  ///   - output: the archive; the directory that it is in is resolved.
  package init(_ directory: FilePath, to output: FilePath) {
    (self.directory, self.output) = (directory, output)
  }

  /// Makes it; on any error nothing is left, and what had its name stays.
  package func run() throws -> PackOutcome {
    guard let name = EntryName(output.lastComponent) else {
      throw SlimProblem(.unexpectedForm, "\(output) does not end in a name")
    }
    let source = try openRoot(directory)
    defer { source.close() }
    let place = try openRoot(output.parent ?? "/")
    defer { place.close() }
    let old = try? status(of: name, at: place)
    if let old, old.type != .regular {
      throw SlimProblem(.unexpectedForm, "\(output) is \(old.type.words)")
    }
    let successor = try Successor(of: name, in: place, waitingBehind: ".reapd-pack.")
    var isDone = false
    defer { successor.close(discarding: !isDone) }
    let file = ArchiveFile(successor.file)
    let deflater = try makeDeflater(.gzip, .usual)
    defer { deflater.free() }
    var walk = StageWalk(top: source, without: old?.identity) { bytes in
      try deflater.write(bytes, to: file)
    }
    try walk.run()
    try deflater.write(zeros.span, to: file)
    try deflater.finish(to: file)
    try setPermissions(old?.permissions ?? 0o644, of: successor.file)
    try synchronize(successor.file, "\(output)")
    try successor.takePlace()
    isDone = true
    walk.outcome.bytesAfter = file.size
    return walk.outcome
  }
}

/// Two empty blocks end an archive; fewer fill a member's last one.
private let zeros = [UInt8](repeating: 0, count: 2 * Int(HeaderChain.blockSize))

/// Everything below a directory in the order of its names' bytes.
private struct StageWalk {
  /// One open directory, and what is still to be gone of it, the next one last.
  private struct Level {
    let directory: Descriptor
    var names: [EntryName]
  }

  private let write: (Span<UInt8>) throws -> Void
  var outcome = PackOutcome()
  private let excluded: FileIdentity?
  private var levels: [Level]
  private var path: [[UInt8]] = []
  private let top: Descriptor
  private let buffer = ByteBuffer(capacity: 256 << 10)

  init(
    top: Descriptor, without excluded: FileIdentity?,
    to write: @escaping (Span<UInt8>) throws -> Void
  ) {
    (self.top, self.write, self.excluded) = (top, write, excluded)
    levels = []
  }

  private func add(_ member: PaxMember) throws { try write(member.headers.span) }

  mutating func run() throws {
    defer { for level in levels.dropFirst() { level.directory.close() } }
    levels = [Level(directory: top, names: try names(in: top))]
    while !levels.isEmpty {
      guard let name = levels[levels.count - 1].names.popLast() else {
        let level = levels.removeLast()
        if !levels.isEmpty {
          level.directory.close()
          path.removeLast()
        }
        continue
      }
      try take(name, in: levels[levels.count - 1].directory)
    }
  }

  private func names(in directory: Descriptor) throws -> [EntryName] {
    var names: [EntryName] = []
    try forEachEntry(of: directory) { names.append($0.name) }
    return names.sorted { $1.bytes.lexicographicallyPrecedes($0.bytes) }
  }

  private mutating func take(_ name: EntryName, in directory: Descriptor) throws {
    let here = path + [name.bytes]
    guard !StageContents.leavesOut(here) else { return outcome.leftOut += 1 }
    let facts = try status(of: name, at: directory)
    guard facts.identity != excluded else { return outcome.leftOut += 1 }
    let bytes = Array(here.joined(separator: [0x2F]))
    func member(_ form: PaxMember.Form, _ facts: FileStatus, slash: Bool = false) -> PaxMember {
      PaxMember(
        path: slash ? bytes + [0x2F] : bytes, form: form, permissions: facts.permissions,
        modification: facts.modification)
    }
    switch facts.type {
    case .directory:
      let opened = try openFile(name.bytes, at: directory, openDirectoryFlags, follow: .within)
      do {
        try add(member(.directory, try status(of: opened), slash: true))
        levels.append(Level(directory: opened, names: try names(in: opened)))
      } catch {
        opened.close()
        throw error
      }
      path = here
      outcome.directories += 1
    case .symbolicLink:
      guard let target = linkTarget(of: name, at: directory) else {
        throw SlimProblem(.changed, "it was replaced while it was read", member: bytes)
      }
      try add(member(.symbolicLink(to: target), facts))
      outcome.links += 1
    case .regular:
      let file = try openFile(name.bytes, at: directory, openFileFlags, follow: .within)
      defer { file.close() }
      let facts = try status(of: file)
      guard facts.type == .regular else {
        throw SlimProblem(.changed, "it was replaced while it was read", member: bytes)
      }
      try add(member(.file(size: facts.size), facts))
      try copy(file, size: facts.size, bytes)
      outcome.files += 1
      outcome.bytesBefore += facts.size
    case .fifo, .socket, .device: outcome.passedOver += 1
    }
  }

  /// What is appended meanwhile is not in it; what is cut off ends the archive.
  private func copy(_ file: Descriptor, size: Int64, _ path: [UInt8]) throws {
    var offset: Int64 = 0
    while offset < size {
      buffer.clear()
      let count = try buffer.readAt(offset, from: file)
      guard count > 0 else {
        throw SlimProblem(.changed, "it became shorter while it was read", member: path)
      }
      let part = Int(min(Int64(count), size - offset))
      try buffer.withBytes { try write($0.extracting(0..<part)) }
      offset += Int64(part)
    }
    try write(zeros.span.extracting(0..<Int(paddedToBlock(size) - size)))
  }
}
