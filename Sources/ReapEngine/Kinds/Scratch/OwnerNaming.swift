// What names the process that owns scratch: its name, a link or a file that belongs to it.

import Glibc
import OwnedDirectories
import ReapRules

/// A process as something of an entry names it.
struct OwnerNaming {
  var pid: Int32
  /// The machine that it is one of; nil where none is named.
  var host: [UInt8]?
  /// When it began, as it is noted; nil where that is not.
  var start: JSONValue?
  /// The newest change of what names it: it began before.
  var written: Nanoseconds
}

extension ScratchSettings.Way {
  private static let sizeLimit = 65_536

  /// What names the process, or what is known where nothing does; nil for a way that names none.
  ///
  /// - Parameters:
  ///   - name: the one that the entry has; `original` its own.
  ///   - facts: of the entry.
  func naming(
    of name: EntryName, _ original: EntryName, _ facts: FileStatus, _ settings: ScratchSettings,
    at spot: Spot
  ) -> Result<OwnerNaming, ScratchEvidence.NoProcess>? {
    let directory = spot.directory.descriptor
    let path: (ScratchPath) -> [UInt8] = { place in
      let inside = place.place == .inside ? name.bytes + [UInt8(ascii: "/")] : []
      return inside + settings.path(of: place, for: original)
    }
    switch self {
    case .lock, .open, .boot: return nil
    case .pidInName(let pattern):
      guard let match = pattern.match(original.bytes) else {
        return .failure(.unknown("no number in its name"))
      }
      return .success(
        OwnerNaming(pid: match.pid, host: match.host, start: nil, written: facts.change))
    case .pidInLink(let place, let pattern):
      return read("link") { () throws(SystemError) in
        let link = try status(ofPath: path(place), at: directory)
        guard link.type == .symbolicLink, isTrusted(link, beside: facts) else {
          return .failure(.unknown("its link is none, or another user's"))
        }
        guard let match = pattern.match(try linkTarget(path(place), at: directory)) else {
          return .failure(.unknown("no number in its link"))
        }
        return .success(
          OwnerNaming(pid: match.pid, host: match.host, start: nil, written: link.change))
      }
    case .pidInFile(let pidFile):
      return read("pid file") { () throws(SystemError) in
        let file = try openFile(
          path(pidFile.path), at: directory, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, follow: .within)
        defer { file.close() }
        let written = try status(of: file)
        guard written.type == .regular, written.size <= Int64(Self.sizeLimit),
          isTrusted(written, beside: facts)
        else {
          return .failure(.unknown("its pid file is no small regular file, or another user's"))
        }
        let bytes = try readToEnd(file, pidFile.path.text, limit: Self.sizeLimit)
        guard let content = pidFile.content(bytes) else {
          return .failure(.unknown("its pid file holds no process's number, or not its start"))
        }
        return .success(
          OwnerNaming(pid: content.pid, host: nil, start: content.start, written: written.change))
      }
    }
  }

  /// None there says nothing, as with a lock file.
  private func read(
    _ what: String,
    _ body: () throws(SystemError) -> Result<OwnerNaming, ScratchEvidence.NoProcess>
  ) -> Result<OwnerNaming, ScratchEvidence.NoProcess> {
    do throws(SystemError) {
      return try body()
    } catch {
      switch error.code {
      case ENOENT, ENOTDIR: return .failure(.nothing)
      case ELOOP: return .failure(.unknown("its \(what) is a link"))
      default: return .failure(.unknown("its \(what): \(error)"))
      }
    }
  }

  /// In a directory that many share anybody may make a name.
  private func isTrusted(_ file: FileStatus, beside entry: FileStatus) -> Bool {
    file.owner == entry.owner || file.owner == 0
  }
}
