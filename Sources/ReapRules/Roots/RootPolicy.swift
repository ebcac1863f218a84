/// Which directories may be a root at all. Decided on the resolved path, before anything is opened.
package enum RootRefusal: Error, Equatable, Sendable {
  case systemDirectory
  case homeDirectory
  case tooShallow
  case insideOverlay(layer: String)
  case remote(type: String)

  package var explanation: String { "\(what); \(wanted)" }

  /// What is wrong with it.
  package var what: String {
    switch self {
    case .systemDirectory: "it is a directory of the system"
    case .homeDirectory: "it is a home directory"
    case .tooShallow: "it is fewer than two levels deep"
    case .insideOverlay(let layer):
      "it lies in \(layer), a layer of a mounted overlay, where locks that are taken through the "
        + "overlay cannot be seen"
    case .remote(let type): "it is on \(type), where changes made elsewhere raise no event"
    }
  }

  /// What to do about it, as an instruction.
  package var wanted: String {
    switch self {
    case .systemDirectory: "name one that holds only candidates"
    case .homeDirectory: "name a directory inside it"
    case .tooShallow: "name a deeper one, or set allow_shallow: true"
    case .insideOverlay: "watch it through the overlay, where its writers are"
    case .remote: "set allow_remote: true to have it polled"
    }
  }
}

private let systemDirectories: Set<FilePath> = [
  "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib32", "/lib64", "/media", "/mnt",
  "/opt", "/proc", "/root", "/run", "/sbin", "/srv", "/sys", "/tmp", "/usr", "/var", "/run/lock",
  "/run/user", "/usr/bin", "/usr/include", "/usr/lib", "/usr/lib64", "/usr/libexec", "/usr/local",
  "/usr/sbin", "/usr/share", "/usr/src", "/var/backups", "/var/cache", "/var/lib", "/var/lock",
  "/var/log", "/var/mail", "/var/opt", "/var/run", "/var/spool", "/var/tmp", "/dev/shm",
]

/// Directories in which every user has something: roots for rules that name what they take.
private let sharedDirectories: Set<FilePath> = ["/tmp", "/var/tmp", "/dev/shm"]

/// Pseudo file systems have no candidates, only interfaces to the kernel.
private let pseudoTrees: [FilePath] = ["/proc", "/sys"]

private let remoteTypes: Set<String> = [
  "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "coda", "gfs2", "glusterfs",
  "lustre", "ncpfs", "ocfs2", "orangefs", "virtiofs", "beegfs", "gpfs", "pvfs2",
]

/// Nil where the root may be watched.
///
/// - Parameters:
///   - path: absolute, links resolved.
///   - allowShared: the rule takes nothing but names with a beginning of their own.
///   - homes: every home directory known on this machine, links resolved.
package func refusal(
  root path: FilePath, homes: Set<FilePath>, mounts: MountTable, allowShallow: Bool,
  allowRemote: Bool, allowShared: Bool = false
) -> RootRefusal? {
  let isShared = allowShared && sharedDirectories.contains(path)
  if systemDirectories.contains(path), !isShared { return .systemDirectory }
  if pseudoTrees.contains(where: path.isWithin) { return .systemDirectory }
  if homes.contains(path) { return .homeDirectory }
  if !allowShallow, !isShared, path.bytes.count(where: { $0 == UInt8(ascii: "/") }) < 2 {
    return .tooShallow
  }
  if let layer = mounts.overlayDirectory(containing: path.bytes) {
    return .insideOverlay(layer: displayText(layer))
  }
  if !allowRemote, let type = remoteType(of: path, mounts: mounts) { return .remote(type: type) }
  return nil
}

/// The type of a network or FUSE file system that the path lies on; nil for a local one.
package func remoteType(of path: FilePath, mounts: MountTable) -> String? {
  guard let type = mounts.mount(of: path.bytes)?.type else { return nil }
  return remoteTypes.contains(type) || type == "fuse" || type.hasPrefix("fuse.")
    || type == "fuseblk"
    ? type : nil
}
