package import OwnedDirectories

/// A file that reapd keeps open for a candidate, so that its own probing raises no close event
/// and an unlinked lock file stays visible.
package final class HeldFile: Sendable {
  package let descriptor: Descriptor
  /// The directory it was found in.
  let directory: FileIdentity
  package let identity: FileIdentity
  /// The owner's lock file; otherwise a file that somebody else has open.
  let isLock: Bool
  /// The lock file stands beside the candidate and not in it.
  let isBeside: Bool

  init(
    descriptor: Descriptor, directory: FileIdentity, identity: FileIdentity, isLock: Bool,
    isBeside: Bool = false
  ) {
    self.isBeside = isBeside
    self.descriptor = descriptor
    self.directory = directory
    self.identity = identity
    self.isLock = isLock
  }

  /// A second descriptor of the same open file, which shares its locks; nil where none is to be had.
  func duplicate() -> HeldFile? {
    guard let another = duplicated(descriptor) else { return nil }
    return HeldFile(
      descriptor: another, directory: directory, identity: identity, isLock: isLock,
      isBeside: isBeside)
  }
}
