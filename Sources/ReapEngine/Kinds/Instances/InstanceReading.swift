// Reads what stands in an instance: strangers may have put anything there, so nothing is followed, waited
// for or read without a limit.

import Glibc
import OwnedDirectories
import ReapRules

struct InstanceReading {
  /// A manifest is a few hundred bytes.
  private static let limit = 1 << 20

  private let settings: InstanceSettings
  /// The instance.
  private let directory: Descriptor

  init(_ settings: InstanceSettings, _ directory: Descriptor) {
    self.settings = settings
    self.directory = directory
  }

  /// Nil where the directory cannot be looked into.
  func files() -> InstanceEvidence.Files? {
    do throws(SystemError) {
      var files = InstanceEvidence.Files(time: time)
      for name in settings.complete + [settings.manifest] {
        guard let type = try type(of: name) else {
          if settings.complete.contains(name) { files.missing = files.missing ?? name.display }
          continue
        }
        if type != .regular { files.odd = "\(name.display) is \(type.words)" }
      }
      for name in settings.protect where try type(of: name) != nil {
        files.protection = stronger(files.protection, protection(by: name))
      }
      return files
    } catch {
      return nil
    }
  }

  /// Nil where nothing has the name.
  private func type(of name: EntryName) throws(SystemError) -> FileStatus.FileType? {
    do {
      return try status(of: name, at: directory).type
    } catch {
      guard error.code == ENOENT else { throw error }
      return nil
    }
  }

  private var time: InstanceEvidence.Time {
    switch member(settings.timeField, of: settings.manifest) {
    case .success(let time): .at(time)
    case .failure(let problem): .unknown(problem.what)
    }
  }

  private func protection(by name: EntryName) -> InstanceEvidence.Protection {
    switch member(Self.startField, of: name) {
    case .success(let time): .since(name, time)
    case .failure(let problem): .unknown(name, problem.what)
    }
  }

  /// The one that protects for longer.
  private func stronger(
    _ one: InstanceEvidence.Protection, _ other: InstanceEvidence.Protection
  ) -> InstanceEvidence.Protection {
    switch (one, other) {
    case (.unknown, _), (_, .none): one
    case (.since(_, let old), .since(_, let new)) where old > new: one
    default: other
    }
  }

  /// The member of a protecting file that tells since when.
  private static let startField = "started_at"

  private struct Problem: Error { let what: String }

  /// A time that stands in a JSON object.
  private func member(_ field: String, of name: EntryName) -> Result<Nanoseconds, Problem> {
    let text: [UInt8]
    do throws(SystemError) {
      let file = try openFile(
        name.bytes, at: directory, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, follow: .within)
      defer { file.close() }
      guard try status(of: file).type == .regular else {
        return .failure(Problem(what: "\(name.display) is no regular file"))
      }
      text = try readToEnd(file, name.display, limit: Self.limit)
    } catch {
      let why = error.code == ENOENT ? "is not there" : "cannot be read: \(errorText(error.code))"
      return .failure(Problem(what: "\(name.display) \(why)"))
    }
    guard text.count <= Self.limit else {
      return .failure(Problem(what: "\(name.display) is larger than 1 MiB"))
    }
    do {
      guard case .object(let members) = try JSONValue(parsing: text) else {
        return .failure(Problem(what: "\(name.display) holds no JSON object"))
      }
      guard case .string(let stamp)? = members.first(where: { $0.0 == field })?.1,
        let time = parseTimestamp(stamp, isClamped: true)
      else {
        return .failure(Problem(what: "\(name.display) has no \(field) with an offset"))
      }
      return .success(time)
    } catch {
      return .failure(Problem(what: "\(name.display) is no JSON: \(error)"))
    }
  }
}
