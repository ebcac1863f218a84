import OwnedDirectories
import ReapEngine
import ReapRules

/// The directories that there are for a path with one `*` in its last components, which stands for
/// a user's name. Links are none: in `/tmp` anybody may have made them.
func usersDirectories(_ pattern: FilePath) -> [FilePath] {
  let components = pattern.bytes.split(separator: UInt8(ascii: "/")).map(Array.init)
  guard let index = components.lastIndex(where: { $0.contains(UInt8(ascii: "*")) }),
    let match = try? Glob(String(decoding: components[index], as: UTF8.self))
  else { return [] }
  let parent = FilePath(
    [UInt8(ascii: "/")] + components[..<index].joined(separator: [UInt8(ascii: "/")]))
  guard let directory = try? openRoot(resolveRoot(parent)) else { return [] }
  defer { directory.close() }
  var found: [FilePath] = []
  try? forEachEntry(of: directory) { entry in
    guard entry.kind == .directory || entry.kind == .unknown, match.matches(entry.name) else {
      return
    }
    let path = ([parent.appending(entry.name.bytes).bytes] + components[(index + 1)...])
      .joined(separator: [UInt8(ascii: "/")])
    if (try? status(ofPath: FilePath(path)))?.type == .directory { found.append(FilePath(path)) }
  }
  return found.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
}
