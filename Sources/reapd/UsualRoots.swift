// The usual places of the catalogue's programs. Nobody has named them, and in a directory such as /tmp
// anybody may have put something there.

import Glibc
import Logging
import OwnedDirectories
import ReapConfiguration
import ReapEngine
import ReapRules

/// The rules whose roots may be used. What cannot be, of the whole catalogue, is told and left out: a
/// stranger's file in one place must not keep reapd from all others.
func withoutUnusable(_ setup: Setup, _ logger: Logger) throws -> Setup {
  guard setup.hasUsualRoots else { return setup }
  for complaint in setup.configuration.leftOut { logger.warning("\(complaint)") }
  let mounts = MountView()
  var setup = setup
  var usable: [Rule] = []
  for rule in setup.configuration.rules {
    if case .planted(let link) = resolve(rule.root) {
      let what = "\(link) is a link that another user has put there: it is not followed"
      guard setup.isCatalogue else { throw fail(.usage, what) }
      logger.warning("\(what) (preset \(rule.name))")
    } else if setup.isCatalogue, let failure = failure(of: rule, mounts) {
      logger.warning("\(failure) (preset \(rule.name))")
    } else {
      usable.append(rule)
    }
  }
  setup.configuration.rules = usable
  return setup
}

/// Why a root that is there may not be used, as far as it says something of this root alone.
private func failure(of rule: Rule, _ mounts: MountView) -> RootFailure? {
  do {
    try openRoot(resolveRoot(rule.root), rule: rule, mounts: mounts, exclusive: false).release()
    return nil
  } catch {
    switch error {
    case .absent, .held, .mountsUnknown: return nil
    case .refused, .notADirectory, .ownerChanged, .system: return error
    }
  }
}

extension CommandLineRules.Disk {
  /// As it is now.
  static var present: Self {
    var disk = Self()
    disk.directories = { directoriesNow($0) }
    disk.homes = {
      var seen: Set<FilePath> = []
      return homeDirectories().map(resolveRoot).compactMap { home in
        guard seen.insert(home).inserted, let facts = try? status(ofPath: home),
          facts.type == .directory, facts.owner != 0
        else { return nil }
        return (home, facts.owner)
      }
    }
    return disk
  }
}

/// The directories that there are for a path with at most one `*` in it, which stands for a user's
/// name. Links are none.
private func directoriesNow(_ pattern: FilePath) -> [FilePath] {
  let slash = UInt8(ascii: "/")
  let components = pattern.bytes.split(separator: slash).map(Array.init)
  guard let index = components.lastIndex(where: { $0.contains(UInt8(ascii: "*")) }) else {
    return isDirectory(pattern) ? [pattern] : []
  }
  guard let match = try? Glob(String(decoding: components[index], as: UTF8.self)) else { return [] }
  let parent = FilePath([slash] + components[..<index].joined(separator: [slash]))
  guard let directory = try? openRoot(resolveRoot(parent)) else { return [] }
  defer { directory.close() }
  var found: [FilePath] = []
  try? forEachEntry(of: directory) { entry in
    guard entry.kind == .directory || entry.kind == .unknown, match.matches(entry.name) else {
      return
    }
    var path = parent.appending(entry.name.bytes)
    guard isDirectory(path) else { return }
    for component in components[(index + 1)...] { path = path.appending(component) }
    if isDirectory(path) { found.append(path) }
  }
  return found.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
}

private func isDirectory(_ path: FilePath) -> Bool {
  (try? status(ofPath: path))?.type == .directory
}
