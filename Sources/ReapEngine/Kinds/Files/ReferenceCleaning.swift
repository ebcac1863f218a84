// Once pressure has ended a file of which there is no other copy, what names it in JSON stores leads
// nowhere.

import Glibc
import OwnedDirectories
import ReapRules

struct ReferenceCleaning: Sendable {
  /// Stores are read as a whole.
  private static let limit = 64 << 20
  private static let attempts = 5
  private static let pauseBetween: Nanoseconds = 20_000_000

  let references: [FilesSettings.Reference]
  /// Where the rule's root is, without links.
  let root: FilePath
  let file: CandidatePath

  /// Tells people what came of it.
  func run() -> [String] {
    references.compactMap { reference in
      let store =
        reference.file.isAbsolute ? reference.file : root.appending(reference.file.bytes)
      do throws(SystemError) {
        switch try cleanPatiently(store, reference.fields) {
        case .done:
          return "\(store): what named \(displayText(file.bytes)) is taken out"
        case .unneeded: return nil
        case .givenUp(let why):
          return "\(store) is left as it is, and may name \(displayText(file.bytes)): \(why)"
        }
      } catch {
        return "\(store) is left as it is, and may name \(displayText(file.bytes)): \(error)"
      }
    }
  }

  /// Whoever writes a store is through with it soon.
  private func cleanPatiently(
    _ store: FilePath, _ fields: [String]
  ) throws(SystemError) -> FileEdit {
    for _ in 1..<Self.attempts {
      let result = try clean(store, fields)
      guard case .givenUp = result else { return result }
      pause(nanoseconds: Self.pauseBetween)
    }
    return try clean(store, fields)
  }

  private func clean(_ store: FilePath, _ fields: [String]) throws(SystemError) -> FileEdit {
    guard let parent = store.parent, let name = EntryName(store.lastComponent),
      // As its writers name theirs: where this process ends first, it goes as theirs do.
      let temporary = EntryName(name.bytes + Array(".tmp.\(readClocks().wall / 1_000_000)".utf8))
    else { throw SystemError("open", "\(store)", ENOENT) }
    let directory = try openRoot(parent)
    defer { directory.close() }
    return try editFile(name, at: directory, limit: Self.limit, temporary: temporary) {
      try StoreEdit.removing(fields, naming: file, from: $0)
    }
  }
}
