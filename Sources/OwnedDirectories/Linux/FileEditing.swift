// Changing a file that others rewrite, without undoing what they write: compare and swap.

import CLinuxShims
import Glibc
package import ReapRules

/// What came of an attempt.
package enum FileEdit: Sendable, Equatable {
  case done
  /// There was nothing to change.
  case unneeded
  /// Somebody else writes it, or has written it meanwhile: that stays.
  case givenUp(String)
}

/// Puts an edited text in a file's place, if the file is still the one that was read.
///
/// Names are exchanged, so that what stood there is looked at once more when nobody can put anything in
/// its place any more; if that is not what was read, it is put back. A lease tells of who opens the
/// file to write into it in place: those wait, and go on in the file that has its name then.
///
/// - Parameters:
///   - limit: of the size, bytes.
///   - edit: the new text; nil where nothing is to be changed.
package func editFile(
  _ name: EntryName, at directory: Descriptor, limit: Int, temporary: EntryName,
  _ edit: ([UInt8]) throws -> [UInt8]?
) throws(SystemError) -> FileEdit {
  let file = try openFile(
    name.bytes, at: directory, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, follow: .within)
  // With its lease.
  defer { file.close() }
  let facts = try status(of: file)
  guard facts.type == .regular else { return .givenUp("it is \(facts.type.words)") }
  guard facts.links == 1 else { return .givenUp("it has several names") }
  guard facts.size <= limit else { return .givenUp("it is too large") }
  guard retrying({ shim_fcntl(file.number, Int32(shim_F_SETLEASE), Int32(F_RDLCK)) }) == 0 else {
    return .givenUp(
      errno == EAGAIN || errno == EBUSY ? "somebody writes it" : "no lease can be had on it")
  }
  let text = try readToEnd(file, name.display, limit: limit)
  guard text.count == Int(facts.size) else { return .givenUp("it was changed meanwhile") }
  let new: [UInt8]?
  do { new = try edit(text) } catch { return .givenUp("\(error)") }
  guard let new else { return .unneeded }

  try write(new, to: temporary, like: file, at: directory)
  var isTemporary = true
  defer { if isTemporary { try? unlink(temporary, at: directory, isDirectory: false) } }
  func isAsRead(_ there: FileStatus?) -> Bool {
    there?.identity == facts.identity && there?.size == facts.size
      && there?.modification == facts.modification && holdsLease(file)
  }
  guard isAsRead(try? status(of: name, at: directory)) else {
    return .givenUp("it was changed meanwhile")
  }
  let ours = try status(of: temporary, at: directory).identity
  try exchange(temporary, name, at: directory)
  if isAsRead(try? status(of: temporary, at: directory)) {
    synchronizeQuietly(directory)
    return .done
  }
  // What somebody has put there since is back at once; and once more, if that happens again.
  for _ in 0..<8 {
    try exchange(temporary, name, at: directory)
    if (try? status(of: temporary, at: directory))?.identity == ours {
      return .givenUp("it was changed meanwhile")
    }
  }
  isTemporary = false
  return .givenUp("it is changed all the time; \(temporary.display) is what stood there last")
}

private func holdsLease(_ file: Descriptor) -> Bool {
  shim_fcntl(file.number, Int32(shim_F_GETLEASE), 0) == Int32(F_RDLCK)
}

/// A new file with a text and another one's owner and mode, on the disk.
private func write(
  _ text: [UInt8], to name: EntryName, like other: Descriptor, at directory: Descriptor
) throws(SystemError) {
  var facts = stat()
  guard unsafe fstat(other.number, &facts) == 0 else { throw SystemError("stat", name.display) }
  let file = try createFile(name.bytes, at: directory)
  defer { file.close() }
  do throws(SystemError) {
    guard fchmod(file.number, 0o600) == 0,
      fchown(file.number, facts.st_uid, facts.st_gid) == 0
    else { throw SystemError("chown", name.display) }
    try writeAll(text.span, to: file, name.display)
    guard fchmod(file.number, facts.st_mode & 0o7777) == 0 else {
      throw SystemError("chmod", name.display)
    }
    try synchronize(file, name.display)
  } catch {
    try? unlink(name, at: directory, isDirectory: false)
    throw error
  }
}

/// The names are right already; a crash of the machine may show the old ones.
private func synchronizeQuietly(_ directory: Descriptor) { _ = fsync(directory.number) }
