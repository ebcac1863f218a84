import Glibc
import OwnedDirectories
import ReapRules

/// A new file that is to take a name, whoever has it now: in one step, and not before it is whole.
struct Successor {
  let file: Descriptor
  private let hasName: Bool
  let waiting: EntryName
  private let name: EntryName
  private let directory: Descriptor

  /// Under which name it waits for the last step, where a file must have one.
  static func waitingName(_ prefix: String, _ name: EntryName) -> EntryName? {
    EntryName(Array(prefix.utf8) + name.bytes)
  }

  /// Locked against other reapds.
  init(
    of name: EntryName, in directory: Descriptor, waitingBehind prefix: String
  ) throws {
    guard let waiting = Self.waitingName(prefix, name), waiting.bytes.count <= 255 else {
      throw SlimProblem(.system, "its name is too long to have another one beside it")
    }
    (self.name, self.directory, self.waiting) = (name, directory, waiting)
    do {
      do {
        (file, hasName) = (try createUnnamedFile(in: directory), false)
      } catch  where [EOPNOTSUPP, EISDIR, EINVAL, ENOENT].contains(error.code) {
        (file, hasName) = (try createFile(waiting.bytes, at: directory), true)
      }
    } catch {
      throw error.isLackOfRoom ? SlimProblem(.noRoom, "the disk is full") : error
    }
    guard lockExclusively(file) else {
      file.close()
      throw SlimProblem(.inUse, "\(waiting.display) is locked")
    }
  }

  /// The last step: before it the old file is there, after it the new one.
  func takePlace() throws(SystemError) {
    try takeWaitingName()
    try leaveWaitingName()
  }

  /// Over whatever has the name now.
  func leaveWaitingName() throws(SystemError) {
    do {
      try OwnedDirectories.replace(name, with: waiting, at: directory)
    } catch {
      loseWaitingName()
      throw error
    }
    try synchronize(directory, "(its directory)")
  }

  func takeWaitingName() throws(SystemError) {
    if !hasName { try publish(file, as: waiting, at: directory) }
  }

  func loseWaitingName() { try? unlink(waiting, at: directory, isDirectory: false) }

  func close(discarding: Bool) {
    if discarding, hasName { try? unlink(waiting, at: directory, isDirectory: false) }
    file.close()
  }
}

extension SystemError {
  /// Whether there was no room for it on the disk.
  var isLackOfRoom: Bool { code == ENOSPC || code == EDQUOT }
}
