// A member of an archive beside the file on the disk that it was made from.

import Glibc
import OwnedDirectories
import ReapRules

/// What the disk has of one member.
enum Standing {
  /// Each byte of it is in a file, which was like this then.
  case proved(stamp: UInt64)
  /// No file, but the same there as in the archive: a directory, a link.
  case alike
  /// Not the same, or not there at all.
  case differs(String)
}

/// Looks members up below one directory.
struct FileComparison {
  let base: Descriptor
  /// What is being worked on proves nothing: an archive can hold itself, byte for byte.
  let archive: FileIdentity
  private let buffer = ReadBuffer(capacity: 256 << 10)

  init(below base: Descriptor, without archive: FileIdentity) {
    self.base = base
    self.archive = archive
  }

  /// The same for all that a status shows of a file, until anybody changes it.
  static func stamp(_ facts: FileStatus) -> UInt64 {
    var hasher = Hasher()
    hasher.combine(facts.identity)
    hasher.combine(facts.change)
    hasher.combine(facts.size)
    return UInt64(bitPattern: Int64(hasher.finalize()))
  }

  /// Whether a file that has proved something is still the same.
  func isUnchanged(_ proof: ProvingFile) -> Bool {
    guard let facts = try? status(ofPath: proof.path, at: base) else { return false }
    return Self.stamp(facts) == proof.stamp
  }

  /// A file of that size at the path, which may be the one; otherwise what is there instead.
  ///
  /// - Throws: where something is there that no program that makes such archives puts there.
  func find(_ path: [UInt8], size: Int64) throws(SlimProblem) -> Result<Descriptor, Absence> {
    let facts: FileStatus
    do {
      facts = try status(ofPath: path, at: base)
    } catch {
      return .failure(Absence(error))
    }
    switch facts.type {
    case .regular: break
    case .directory: return .failure(Absence("a directory has its name"))
    case .symbolicLink, .fifo, .socket, .device:
      throw SlimProblem(.unexpectedForm, "where its file should be is \(facts.type.words)")
    }
    guard facts.identity != archive else { return .failure(Absence("its file is this archive")) }
    guard facts.size == size else { return .failure(Absence("its file has another size")) }
    do {
      let file = try openFile(path, at: base, openFileFlags, follow: .within)
      guard let opened = try? status(of: file), opened.identity == facts.identity,
        !isOpenForWriting(file)
      else {
        file.close()
        return .failure(Absence("its file is being written"))
      }
      return .success(file)
    } catch {
      guard error.code != ELOOP, error.code != EXDEV else {
        throw SlimProblem(.unexpectedForm, "a link or a mount is on the way to its file")
      }
      return .failure(Absence(error))
    }
  }

  /// Why there is no such file.
  struct Absence: Error {
    let what: String

    init(_ what: String) { self.what = what }

    init(_ error: SystemError) {
      what = error.code == ENOENT || error.code == ENOTDIR ? "it has no file" : "\(error)"
    }
  }

  /// Reads the member's data to its end, or to the first byte that the file has not.
  func compare(
    _ member: Member, _ reader: TarReader, with file: Descriptor
  ) throws(SlimProblem) -> Standing {
    do {
      let before = try status(of: file)
      letSettle(before)
      var position: Int64 = 0
      var isSame = true
      while isSame {
        let more = try reader.nextData { bytes, offset throws(SystemError) in
          isSame = offset == position ? try holds(bytes, file, at: offset) : false
          position += Int64(bytes.count)
        }
        guard try more.get() else { break }
      }
      guard isSame, position == member.size else { return .differs("its file has other bytes") }
      let after = try status(of: file)
      guard Self.stamp(before) == Self.stamp(after), after.size == member.size else {
        return .differs("its file has changed meanwhile")
      }
      return .proved(stamp: Self.stamp(after))
    } catch let problem as SlimProblem {
      throw problem
    } catch {
      return .differs("\(error)")
    }
  }

  private func holds(
    _ bytes: Span<UInt8>, _ file: Descriptor, at offset: Int64
  ) throws(SystemError) -> Bool {
    var done = 0
    while done < bytes.count {
      try buffer.fill(
        from: file, at: offset + Int64(done), upTo: min(bytes.count - done, buffer.capacity))
      let size = buffer.count
      guard size > 0, buffer.holds(bytes.extracting(done..<done + size), at: 0) else {
        return false
      }
      done += size
    }
    return true
  }

  // MARK: - What is no file

  func hasDirectory(_ path: [UInt8]) -> Bool {
    guard !path.isEmpty else { return true }
    guard let directory = try? openDirectoryPath(path, at: base) else { return false }
    directory.close()
    return true
  }

  /// What a link's status shows where it leads to the same; nil otherwise.
  func linkStamp(_ path: MemberName, to target: [UInt8]) -> UInt64? {
    let parent = path.components.dropLast()
    guard let last = path.components.last, let name = EntryName(last) else { return nil }
    func stamp(at directory: Descriptor) -> UInt64? {
      guard let facts = try? status(of: name, at: directory), facts.type == .symbolicLink else {
        return nil
      }
      letSettle(facts)
      return linkTarget(of: name, at: directory) == target ? Self.stamp(facts) : nil
    }
    guard !parent.isEmpty else { return stamp(at: base) }
    guard let directory = try? openDirectoryPath(MemberName(Array(parent)).bytes, at: base) else {
      return nil
    }
    defer { directory.close() }
    return stamp(at: directory)
  }

  /// What a file's status shows where another name is the same file's; nil otherwise.
  func sharedStamp(_ one: [UInt8], _ other: [UInt8]) -> UInt64? {
    guard let first = try? status(ofPath: one, at: base),
      let second = try? status(ofPath: other, at: base),
      first.type == .regular, first.identity == second.identity
    else { return nil }
    return Self.stamp(first)
  }
}
