// What a live generation holds, and whether compaction may merge it.

package import Compression
package import OwnedDirectories
package import ReapRules

/// One file of rows.
package struct DataFile: Sendable, Equatable {
  /// Below the generation, such as `data/a.jsonl.gz`; bytes, as file names are.
  package let path: [UInt8]
  package let size: Int64
  package let change: Int64
  package let identity: FileIdentity
  package let encoding: Encoding

  /// The directory it lies in; its rows stay there.
  var directory: ArraySlice<UInt8> { path[..<(path.lastIndex(of: UInt8(ascii: "/")) ?? 0)] }
}

/// A live generation, looked at: names and first bytes only.
package struct Survey: Sendable {
  package let partition: String
  /// Name of the live generation.
  package let live: String
  /// In the order of their paths' bytes.
  package private(set) var files: [DataFile] = []
  /// Files that some writer was writing when it died, or is writing now: no rows of the table.
  package private(set) var temporaries = 0
  /// Members of the newest `metadata/v<N>.metadata.json`, without those of compaction's own.
  package private(set) var metadata: [(String, JSONValue)] = []

  /// - Throws: `GenerationError`, `CompactionError` or `SystemError`.
  package init(partition: String) throws {
    self.partition = partition
    live = try liveGeneration(of: partition)
    let generation = try openLive()
    defer { generation.close() }
    try look(into: generation, [], depth: 0)
    files.sort { $0.path.lexicographicallyPrecedes($1.path) }
    try readMetadata(generation)
  }

  func openLive() throws -> Descriptor {
    let root = try openRoot(FilePath(partition))
    defer { root.close() }
    return try openFile(
      Array(live.utf8), at: root, openDirectoryFlags, follow: .within)
  }

  package var bytes: Int64 { files.reduce(0) { $0 + $1.size } }

  /// What most of the bytes are in, and not most of the files: one large file that loses its
  /// compression outweighs any number of small ones. Of two the better compressed.
  package var encoding: Encoding {
    var sizes: [Encoding: Int64] = [:]
    for file in files { sizes[file.encoding, default: 0] += file.size }
    return [.zstd, .gzip, .none].max { sizes[$0, default: 0] < sizes[$1, default: 0] } ?? .none
  }

  private func refuse(_ path: [UInt8], _ what: String) -> CompactionError {
    let text = partition + "/" + live + (path.isEmpty ? "" : "/" + displayText(path))
    return CompactionError(.badData, text, what)
  }

  private mutating func look(into directory: Descriptor, _ path: [UInt8], depth: Int) throws {
    guard depth <= 16 else { throw refuse(path, "directories are nested more than 16 deep") }
    var listing = DirectoryListing(directory)
    defer { listing.finish() }
    while true {
      let batch = try listing.nextBatch()
      guard !batch.isEmpty else { return }
      for entry in batch {
        let name = entry.name
        let full = path.isEmpty ? name.bytes : path + [UInt8(ascii: "/")] + name.bytes
        let facts = try status(of: name, at: directory)
        if depth == 0 {
          if facts.type == .directory, name == EntryName("data") || name == EntryName("metadata") {
            if name == EntryName("metadata") { continue }
          } else if facts.type == .regular, isOwn(name) {
            continue
          } else {
            throw refuse(full, "it is not known how to carry this over to a new generation")
          }
        }
        switch facts.type {
        case .regular where isTemporary(name): temporaries += 1
        case .regular: try add(name, full, facts, directory)
        case .directory:
          guard String(validating: full, as: UTF8.self) != nil, name.bytes.first != 0x2E else {
            throw refuse(full, "it is not known how to carry over a directory of this name")
          }
          let inner = try openFile(name.bytes, at: directory, openDirectoryFlags, follow: .within)
          defer { inner.close() }
          try look(into: inner, full, depth: depth + 1)
        default: throw refuse(full, "it is neither a file nor a directory")
        }
      }
    }
  }

  private mutating func add(
    _ name: EntryName, _ path: [UInt8], _ facts: FileStatus, _ directory: Descriptor
  ) throws {
    var encoding = Encoding.none
    if facts.size > 0 {
      let file = try openFile(name.bytes, at: directory, openFileFlags, follow: .within)
      defer { file.close() }
      let first = ByteBuffer(capacity: 4)
      _ = try first.read(from: file, atMost: 4, displayText(path))
      let bytes = first.withBytes { span in span.indices.map { span[$0] } }
      encoding = Encoding(firstBytes: bytes)
    }
    files.append(
      DataFile(
        path: path, size: facts.size, change: facts.change, identity: facts.identity,
        encoding: encoding))
  }

  // MARK: - Metadata

  /// Where the metadata names data files, the new ones would have to stand there instead, in a
  /// format that is another program's: then nothing is compacted.
  private mutating func readMetadata(_ generation: Descriptor) throws {
    let prefix = Array("metadata".utf8)
    let directory: Descriptor
    do {
      directory = try openFile(prefix, at: generation, openDirectoryFlags, follow: .within)
    } catch {
      throw refuse(prefix, "the live generation is not complete: \(error)")
    }
    defer { directory.close() }
    var newest: (number: Int64, name: EntryName)?
    var listing = DirectoryListing(directory)
    defer { listing.finish() }
    while true {
      let batch = try listing.nextBatch()
      guard !batch.isEmpty else { break }
      for entry in batch where !isTemporary(entry.name) {
        guard let number = metadataNumber(entry.name) else {
          throw refuse(
            prefix + [UInt8(ascii: "/")] + entry.name.bytes,
            "it belongs to a table format whose metadata names data files; rewriting that is not reapd's"
              + (entry.name.bytes.suffix(5).elementsEqual(".avro".utf8) ? ownCommand : ""))
        }
        if number >= newest?.number ?? 0 { newest = (number, entry.name) }
      }
    }
    guard let name = newest?.name else {
      throw refuse(prefix, "the live generation is not complete: no v<N>.metadata.json")
    }
    let path = prefix + [UInt8(ascii: "/")] + name.bytes
    let file = try openFile(name.bytes, at: directory, openFileFlags, follow: .within)
    defer { file.close() }
    let bytes = try readToEnd(file, displayText(path))
    let value: JSONValue
    do { value = try JSONValue(parsing: bytes) } catch { throw refuse(path, "\(error)") }
    guard case .object(let members) = value else { throw refuse(path, "it is not an object") }
    metadata = members.filter { $0.0 != ownMember }
    let names = Set(
      files.map { String(decoding: $0.path.suffix(while: { $0 != 0x2F }), as: UTF8.self) })
    if let reference = JSONValue.object(metadata).firstReference(to: names) {
      throw refuse(
        path,
        "it names data files ('\(reference)'); rewriting another program's metadata is not reapd's"
          + (reference.hasPrefix("file:") ? ownCommand : ""))
    }
  }
}

/// Beside such a cursor, metadata in the manner of Iceberg (manifests in Avro, files by URL) is
/// hypaware's, which compacts its tables itself.
private let ownCommand = "; if hypaware made it: hyp query maintain"

/// The member of the metadata that compaction writes.
let ownMember = "reapd"

/// Files that a writer keeps beside the data: they are not carried over.
private func isOwn(_ name: EntryName) -> Bool {
  name == EntryName(".lock") || name == EntryName(".retired")
    || (name.bytes.starts(with: ".lock.".utf8) && name.bytes.suffix(4).elementsEqual(".tmp".utf8))
}

private func isTemporary(_ name: EntryName) -> Bool { TemporaryName(data: name) != nil }

/// The number in `v<N>.metadata.json`.
private func metadataNumber(_ name: EntryName) -> Int64? {
  let suffix = Array(".metadata.json".utf8)
  guard name.bytes.first == UInt8(ascii: "v"), name.bytes.count > suffix.count,
    name.bytes.suffix(suffix.count).elementsEqual(suffix)
  else { return nil }
  let digits = name.bytes.dropFirst().dropLast(suffix.count)
  guard digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
  return Int64(String(decoding: digits, as: UTF8.self))
}

extension JSONValue {
  /// The first text that is a URL, or ends in one of the file names.
  fileprivate func firstReference(to names: Set<String>) -> String? {
    switch self {
    case .string(let text):
      let last = text.split(separator: "/").last.map(String.init) ?? text
      return text.contains("://") || text.hasPrefix("file:") || names.contains(last) ? text : nil
    case .array(let values):
      return values.lazy.compactMap { $0.firstReference(to: names) }.first
    case .object(let members):
      return members.lazy.compactMap { $0.1.firstReference(to: names) }.first
    default: return nil
    }
  }
}

extension Array {
  /// The longest end of it whose elements all fulfil the condition.
  fileprivate func suffix(while fits: (Element) -> Bool) -> ArraySlice<Element> {
    self[(lastIndex { !fits($0) }.map { $0 + 1 } ?? startIndex)...]
  }
}
