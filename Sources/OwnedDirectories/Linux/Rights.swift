// Whose rights count: modes of directories, read-only subvolumes, and acting in a user's name.

import CLinuxShims
import Glibc
package import ReapRules

/// Whether this process may do what modes forbid its user.
package let isSuperuser = geteuid() == 0

package func setPermissions(_ permissions: UInt32, of file: Descriptor) throws(SystemError) {
  guard fchmod(file.number, permissions) == 0 else { throw SystemError("chmod", "(an open file)") }
}

/// Gives the owner of a directory, if it is that user, all rights to it, where its mode does not
/// even let it be opened.
///
/// - Returns: whether its mode was changed.
package func openUp(
  _ name: EntryName, of owner: UInt32, at parent: Descriptor
) throws(SystemError) -> Bool {
  let place = try openDirectoryPath(name.bytes, at: parent)
  defer { place.close() }
  let facts = try status(of: place)
  guard facts.owner == owner, facts.permissions & 0o700 != 0o700 else { return false }
  // fchmod(2) takes no O_PATH descriptor; what procfs shows of one leads to that very inode.
  guard unsafe chmod(place.procPath, facts.permissions | 0o700) == 0 else {
    throw SystemError("chmod", name.display)
  }
  return true
}

/// Whether it may be the top of a btrfs subvolume: a file system of its own by device number, but
/// no mount.
package func isSubvolume(_ facts: FileStatus) -> Bool {
  facts.identity.inode == UInt64(shim_BTRFS_FIRST_FREE_OBJECTID)
}

/// Makes a btrfs subvolume writable, as its owner may. Anything else stays as it is.
package func clearReadOnly(ofSubvolume directory: Descriptor) {
  var flags: UInt64 = 0
  let readOnly = UInt64(shim_BTRFS_SUBVOL_RDONLY)
  guard unsafe shim_subvolume_flags(directory.number, &flags) == 0, flags & readOnly != 0 else {
    return
  }
  _ = shim_set_subvolume_flags(directory.number, flags & ~readOnly)
}

/// How many names an open file has, where locks and leases on one of them may not be seen through
/// another: a FUSE server may give each name an inode of its own. Nil elsewhere.
package func separateNames(of file: Descriptor) throws(SystemError) -> UInt32? {
  guard shim_file_system_type(file.number) == Int64(shim_FUSE_SUPER_MAGIC) else { return nil }
  // The kernel answers with what it knew up to a second ago, and a link that was made to another
  // of its inodes does not change that.
  return try statx(file, [], Int32(shim_AT_EMPTY_PATH | shim_AT_STATX_FORCE_SYNC)).links
}

/// Whether a file that is unlinked while somebody has it open stays in its directory until it is
/// closed, under a name that the FUSE server or the NFS client makes up.
package func keepsOpenFiles(_ directory: Descriptor) -> Bool {
  let type = shim_file_system_type(directory.number)
  return type == Int64(shim_FUSE_SUPER_MAGIC) || type == Int64(shim_NFS_SUPER_MAGIC)
}

/// To whom that which root makes in another user's directory belongs: to that user, who must be
/// able to write and remove it.
package struct CreationOwner: Sendable {
  let user: uid_t
  let group: gid_t

  /// The owner of a directory; nil where this process is not root, or the owner is root as well.
  package init?(of directory: Descriptor) throws(SystemError) {
    guard isSuperuser else { return nil }
    var facts = stat()
    guard unsafe fstat(directory.number, &facts) == 0 else {
      throw SystemError("stat", "(an open directory)")
    }
    (user, group) = (facts.st_uid, facts.st_gid)
    if user == 0, group == 0 { return nil }
  }
}

/// Runs a closure with the rights that an owner has to files, and none of root's; as it is where
/// there is no owner to act for. Whoever owns a directory can put another one, of anybody's, under
/// a name in it at any instant: what is reached by such a name is reached with that owner's rights
/// only, and what is made there is the owner's from the beginning (setfsuid(2): of this thread).
package func acting<Result>(
  for owner: CreationOwner?, _ body: () throws(SystemError) -> Result
) throws(SystemError) -> Result {
  guard let owner else { return try body() }
  let (oldGroup, oldUser) = (shim_setfsgid(owner.group), shim_setfsuid(owner.user))
  defer {
    _ = shim_setfsuid(oldUser)
    _ = shim_setfsgid(oldGroup)
  }
  // It tells of no failure; asked with an ID that nobody has, it tells which one is set.
  guard shim_setfsuid(.max) == owner.user, shim_setfsgid(.max) == owner.group else {
    throw SystemError("setfsuid", "(uid \(owner.user))", EPERM)
  }
  return try body()
}
