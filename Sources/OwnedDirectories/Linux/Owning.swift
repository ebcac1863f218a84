// The system calls by which a program comes to own a directory, and gives it up.

import CLinuxShims
import Glibc
package import ReapRules

/// Makes a directory and every missing one above it, with the process's umask (mkdir -p).
package func makeDirectories(_ path: String) throws(SystemError) {
  var prefix = path.hasPrefix("/") ? "/" : ""
  for component in path.split(separator: "/") {
    prefix += component
    if unsafe mkdir(prefix, 0o777) != 0, errno != EEXIST {
      throw SystemError("mkdir", prefix)
    }
    prefix += "/"
  }
}

/// Makes one directory, with the process's umask.
package func makeDirectory(_ name: EntryName, at directory: Descriptor) throws(SystemError) {
  let result = unsafe withCPath(name.bytes) { unsafe mkdirat(directory.number, $0, 0o777) }
  guard result == 0 else { throw SystemError("mkdir", name.display) }
}

/// Makes a directory of a name that did not exist, `prefix` and six random characters.
package func makeUniqueDirectory(_ prefix: String) throws(SystemError) -> String {
  var template = Array((prefix + "XXXXXX").utf8CString)
  guard unsafe mkdtemp(&template) != nil else { throw SystemError("mkdtemp", prefix) }
  return String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
}

/// Opens a directory by a path of the user's, links and all, for nothing but work relative to it:
/// neither this nor closing it raises an event.
package func openPlace(_ path: String) throws(SystemError) -> Descriptor {
  let flags = Int32(shim_O_PATH) | O_DIRECTORY | O_CLOEXEC
  let number = retrying { unsafe Glibc.open(path, flags) }
  guard number >= 0 else { throw SystemError("open", path) }
  return Descriptor(number: number)
}

/// Opens the lock file of a directory for writing, as owners do: so that its close is told apart
/// from that of a probe.
///
/// - Parameter isNew: whether it must not exist yet.
package func openLockFile(
  _ name: EntryName, in directory: Descriptor, isNew: Bool
) throws(SystemError) -> Descriptor {
  let creation = O_CREAT | (isNew ? O_EXCL : O_TRUNC)
  let flags = O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | creation
  let number = unsafe withCPath(name.bytes) { pointer in
    retrying { unsafe openat(directory.number, pointer, flags, 0o666) }
  }
  guard number >= 0 else { throw SystemError("open", name.display) }
  return Descriptor(number: number)
}

/// Opens a lock file of this user's in the runtime directory, made where it is missing; nil where there
/// is no such directory that nobody else may enter: whoever can open a file can lock it.
package func openRuntimeLock(_ name: String) -> Descriptor? {
  let user = geteuid()
  let path = user == 0 ? "/run/reapd" : "/run/user/\(user)"
  if user == 0, unsafe mkdir(path, 0o700) != 0, errno != EEXIST { return nil }
  guard let directory = try? openPlace(path) else { return nil }
  defer { directory.close() }
  guard let facts = try? status(of: directory), facts.owner == user,
    facts.permissions & 0o077 == 0, let entry = EntryName(name)
  else { return nil }
  return try? openLockFile(entry, in: directory, isNew: false)
}

/// Lets programs that this process starts inherit a descriptor, and with it the lock on it.
package func keepAcrossExec(_ file: Descriptor) { _ = shim_fcntl(file.number, F_SETFD, 0) }

/// Renames from one directory into another; never over an existing entry.
package func moveWithoutReplacing(
  _ name: EntryName, from source: Descriptor, to target: Descriptor
) throws(SystemError) {
  let result = unsafe withCPath(name.bytes) { pointer in
    unsafe shim_move_noreplace(source.number, pointer, target.number, pointer)
  }
  guard result == 0 else { throw SystemError("rename", name.display) }
}

/// Renames from one directory into another; an empty directory that is there goes.
package func move(
  _ old: EntryName, from source: Descriptor, to new: EntryName, in target: Descriptor
) throws(SystemError) {
  let result = unsafe withCPath(old.bytes) { old in
    unsafe withCPath(new.bytes) { new in
      unsafe renameat(source.number, old, target.number, new)
    }
  }
  guard result == 0 else { throw SystemError("rename", old.display) }
}
