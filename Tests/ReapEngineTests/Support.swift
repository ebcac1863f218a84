// What the tests of the engine's parts share: files of their own, locks on them, and short ways to
// values. Nothing here is watched.

import Glibc
import OwnedDirectories
import ReapRules
import Testing

@testable import ReapEngine

func path(_ text: String) -> CandidatePath { CandidatePath(bytes: Array(text.utf8))! }

func name(_ text: String) -> EntryName { EntryName(text)! }

/// A directory of its own for one test, removed at its end.
final class Folder {
  let path: String
  private var made: [String] = []

  init() {
    var template = Array("/tmp/reapd-engine-test.XXXXXX".utf8CString)
    path = String(cString: mkdtemp(&template))
  }

  deinit {
    for path in made.reversed() { _ = remove(path) }
    _ = rmdir(path)
  }

  func file(_ name: String) -> String {
    let path = path + "/" + name
    close(Glibc.open(path, O_CREAT | O_RDONLY | O_CLOEXEC, 0o644))
    made.append(path)
    return path
  }

  func directory(_ name: String) -> String {
    let path = path + "/" + name
    mkdir(path, 0o755)
    made.append(path)
    return path
  }
}

func opened(_ path: String, _ flags: Int32 = O_RDONLY) -> Descriptor {
  let number = Glibc.open(path, flags | O_CLOEXEC)
  #expect(number >= 0, "\(path)")
  return Descriptor(number: number)
}

/// A directory that nobody but this test has.
func identity(_ number: UInt64) -> FileIdentity {
  FileIdentity(device: 1, inode: number, birth: 7)
}

/// A lock file as a look leaves it open. Other tests open and close beside this one, so a number that
/// was closed may name another file: what is open under it tells.
struct LockFile {
  let path: String
  let held: HeldFile

  init(_ folder: Folder, _ name: String, of directory: FileIdentity) throws {
    path = folder.file(name)
    let descriptor = opened(path)
    held = HeldFile(
      descriptor: descriptor, directory: directory, identity: try status(of: descriptor).identity,
      isLock: true)
  }

  var isOpen: Bool { (try? status(of: held.descriptor))?.identity == held.identity }

  /// Ends an owner. A process that another test is starting has a copy of the descriptor until it is
  /// another program: closing alone may leave the lock for that long.
  static func end(_ owner: Descriptor) {
    flock(owner.number, LOCK_UN)
    owner.close()
  }

  /// An owner's own descriptor, with the lock.
  func locked() -> Descriptor {
    let owner = opened(path)
    #expect(flock(owner.number, LOCK_EX | LOCK_NB) == 0)
    return owner
  }
}
