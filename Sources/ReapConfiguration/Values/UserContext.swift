import Glibc
package import ReapRules

/// Who runs reapd and from where: the part of the process that configuration depends on.
package struct UserContext: Sendable {
  package var euid: UInt32
  /// As the user database has it; the number where that has none.
  package var name: String
  /// The home directory of the user database; empty where that has none. `$HOME` counts before it.
  package var home: FilePath
  /// An absolute path; empty where the working directory has been removed.
  package var workingDirectory: FilePath
  package var lookupUser: @Sendable (String) -> UInt32?
  package var lookupHome: @Sendable (String) -> FilePath?
  /// The path to which a path leads: links are resolved as far as it exists.
  package var resolvePath: @Sendable (FilePath) -> FilePath

  package init(
    euid: UInt32, name: String, home: FilePath, workingDirectory: FilePath,
    lookupUser: @escaping @Sendable (String) -> UInt32?,
    lookupHome: @escaping @Sendable (String) -> FilePath?,
    resolvePath: @escaping @Sendable (FilePath) -> FilePath = { $0 }
  ) {
    self.euid = euid
    self.name = name
    self.home = home
    self.workingDirectory = workingDirectory
    self.lookupUser = lookupUser
    self.lookupHome = lookupHome
    self.resolvePath = resolvePath
  }

  /// The uid of `name`, which may be another user's by now, or stand for all.
  var number: String {
    name == Self.everyone ? name : lookupUser(name).map { "\($0)" } ?? "\(euid)"
  }

  /// In place of a name: whoever there is.
  static let everyone = "*"

  package static var current: UserContext {
    let euid = geteuid()
    let own = unsafe passwordEntry { unsafe getpwuid_r(euid, $0, $1, $2, $3) }
    return UserContext(
      euid: euid, name: own?.name ?? "\(euid)", home: own?.home ?? "",
      workingDirectory: currentDirectory(),
      lookupUser: { name in unsafe passwordEntry { unsafe getpwnam_r(name, $0, $1, $2, $3) }?.uid },
      lookupHome: { name in unsafe passwordEntry { unsafe getpwnam_r(name, $0, $1, $2, $3) }?.home
      },
      resolvePath: resolved)
  }
}

/// The path with its links resolved; components that do not exist are appended as they are.
private func resolved(_ path: FilePath) -> FilePath {
  let real = unsafe (path.bytes + [0]).withUnsafeBytes {
    unsafe realpath($0.assumingMemoryBound(to: CChar.self).baseAddress!, nil)
  }
  if let real = unsafe real {
    defer { unsafe free(real) }
    return unsafe filePath(real)
  }
  guard let parent = path.parent, parent != "/" else { return path }
  return resolved(parent).appending(path.lastComponent)
}

private func currentDirectory() -> FilePath {
  guard let path = unsafe getcwd(nil, 0) else { return "" }
  defer { unsafe free(path) }
  let found = unsafe filePath(path)
  // Linux answers "(unreachable)/…" for a directory outside the process's root.
  return found.isAbsolute ? found : ""
}

private func filePath(_ text: UnsafePointer<CChar>) -> FilePath {
  unsafe FilePath(UnsafeRawBufferPointer(start: text, count: strlen(text)))
}

private func passwordEntry(
  _ ask: (
    UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int,
    UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>
  ) -> CInt
) -> (uid: UInt32, name: String, home: FilePath)? {
  var size = 1024
  // The size of an entry is not known before: a larger buffer as long as it is too small.
  while size <= 1 << 20 {
    var entry = unsafe passwd()
    var found: UnsafeMutablePointer<passwd>?
    let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: size)
    defer { unsafe buffer.deallocate() }
    switch unsafe ask(&entry, buffer, size, &found) {
    case ERANGE: size *= 2
    case EINTR: continue
    case 0:
      guard let found = unsafe found else { return nil }
      return unsafe (
        found.pointee.pw_uid, String(cString: found.pointee.pw_name),
        found.pointee.pw_dir.map { unsafe filePath($0) } ?? ""
      )
    default: return nil
    }
  }
  return nil
}
