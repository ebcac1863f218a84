// An archive under work: held, watched for changes, and in the end replaced or removed.

import Glibc
import OwnedDirectories
import ReapRules

/// One archive, open and locked against other reapds.
struct OpenArchive {
  let file: Descriptor
  let facts: FileStatus
  private let directory: Descriptor
  private let name: EntryName

  /// - Throws: `SlimProblem`.
  init(_ path: MemberName, below base: Descriptor) throws {
    guard let last = path.components.last, let name = EntryName(last) else {
      throw SlimProblem(.unexpectedForm, "it has no name")
    }
    self.name = name
    let parent = MemberName(Array(path.components.dropLast())).bytes
    directory = try openFile(
      parent.isEmpty ? Array(".".utf8) : parent, at: base, openDirectoryFlags, follow: .within)
    do {
      // Looked at before it is opened: opening a device may do something.
      let named = try status(of: name, at: directory)
      guard named.type == .regular else {
        throw SlimProblem(.unexpectedForm, "it is \(named.type.words)")
      }
      file = try openFile(name.bytes, at: directory, openFileFlags, follow: .within)
    } catch {
      directory.close()
      throw error
    }
    do {
      facts = try status(of: file)
      try checkUse()
    } catch {
      file.close()
      directory.close()
      throw error
    }
    letSettle(facts)
    readAhead(file)
  }

  func close() {
    file.close()
    directory.close()
  }

  private func checkUse() throws {
    guard facts.type == .regular else { throw SlimProblem(.unexpectedForm, "it is no file") }
    guard facts.links == 1 else {
      throw SlimProblem(
        .otherNames, "it has \(facts.links) names: a smaller one would free nothing")
    }
    guard try !isPinned(file) else { throw SlimProblem(.pinned, "it is pinned (reapd keep)") }
    guard !isOpenForWriting(file) else { throw SlimProblem(.inUse, "somebody is writing it") }
    guard lockExclusively(file) else { throw SlimProblem(.inUse, "somebody has locked it") }
  }

  func checkGain(_ size: Int64) throws(SlimProblem) {
    guard size < facts.size else {
      throw SlimProblem(.noGain, "without the members that the disk has it would not be smaller")
    }
  }

  /// Whether its name still leads to it, and nobody has changed it.
  func check() throws(SlimProblem) {
    guard let now = try? status(of: name, at: directory), now.identity == facts.identity,
      now.change == facts.change, now.size == facts.size
    else { throw SlimProblem(.changed, "it was changed or replaced meanwhile") }
  }

  func remove() throws(SystemError) {
    try unlink(name, at: directory, isDirectory: false)
    try synchronize(directory, "(its directory)")
  }

  // MARK: - Its successor

  /// Under which name what takes its place waits for the last step.
  private static let prefix = ".reapd-slim."

  /// Takes away what a reapd that was killed has left: nothing but a copy of what is here, whole.
  func removeLeftover() throws {
    guard let waiting = Successor.waitingName(Self.prefix, name),
      let there = try? status(of: waiting, at: directory),
      there.type == .regular
    else { return }
    let left = try openFile(waiting.bytes, at: directory, openFileFlags, follow: .within)
    defer { left.close() }
    guard try status(of: left).identity == there.identity,
      there.owner == facts.owner || there.owner == geteuid(),
      lockExclusively(left)
    else {
      throw SlimProblem(.inUse, "\(waiting.display) is in the way: another reapd's, or foreign")
    }
    try unlink(waiting, at: directory, isDirectory: false)
  }

  func makeSuccessor() throws -> Successor {
    try Successor(of: name, in: directory, waitingBehind: Self.prefix)
  }

  /// The last step: the two exchange their names, so that whatever has the archive's name at that instant is at
  /// hand, and gets it back if it is another file or was written to.
  func giveWay(to new: Successor) throws {
    try new.takeWaitingName()
    do {
      try exchange(name, new.waiting, at: directory)
    } catch  where [EINVAL, ENOSYS, EOPNOTSUPP].contains(error.code) {
      // NFS and FUSE know no exchange.
      return try new.leaveWaitingName()
    } catch {
      new.loseWaitingName()
      throw error
    }
    guard let old = try? status(of: new.waiting, at: directory), isSame(old),
      !isOpenForWriting(file)
    else {
      try exchange(name, new.waiting, at: directory)
      new.loseWaitingName()
      throw SlimProblem(.changed, "it was replaced in the last moment")
    }
    new.loseWaitingName()
    try synchronize(directory, "(its directory)")
  }

  /// Of all that a new name does not change.
  private func isSame(_ now: FileStatus) -> Bool {
    now.identity == facts.identity && now.size == facts.size
      && now.modification == facts.modification
  }
}
