// A test's own directories and file systems, what is put there, and how it looks.

import Foundation
import Glibc

/// A directory of its own for one test, removed at its end.
final class Scratch {
  let path: String

  /// - Parameter base: must be on the file system under test.
  init(in base: String = "/var/tmp") {
    var template = Array("\(base)/reapd-test.XXXXXX".utf8CString)
    path = String(cString: mkdtemp(&template))
    Live.keep(self)
  }

  /// A subdirectory, made with its parents.
  func directory(_ name: String) -> String {
    let full = path + "/" + name
    try? FileManager.default.createDirectory(atPath: full, withIntermediateDirectories: true)
    return full
  }

  deinit { _ = run("/bin/rm", ["-rf", path]) }
}

/// A file system in a file (or a tmpfs), mounted until its test ends. Needs root.
final class MountedImage {
  let path: String
  private let image: String

  /// - Parameters:
  ///   - type: ext4, xfs, btrfs or tmpfs.
  ///   - options: of mkfs, or of mount for tmpfs.
  init?(_ type: String, megabytes: Int, in scratch: Scratch, options: [String] = []) {
    path = scratch.directory("mnt-\(UUID().uuidString)")
    image = scratch.path + "/\(UUID().uuidString).img"
    if type == "tmpfs" {
      let all = (["size=\(megabytes)m"] + options).joined(separator: ",")
      guard run("/bin/mount", ["-t", "tmpfs", "-o", all, "tmpfs", path]).status == 0 else {
        return nil
      }
      Live.keep(self)
      return
    }
    guard run("/usr/bin/truncate", ["-s", "\(megabytes)M", image]).status == 0,
      run("/sbin/mkfs.\(type)", ["-q"] + options + [image]).status == 0,
      run("/bin/mount", ["-o", "loop", image, path]).status == 0
    else { return nil }
    Live.keep(self)
  }

  deinit { run("/bin/umount", ["-l", path]) }
}

func exists(_ path: String) -> Bool {
  var status = stat()
  return lstat(path, &status) == 0
}

/// Names in a directory, sorted; hidden ones too.
func names(in path: String) -> [String] {
  ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
}

/// A directory as it looks: inode and change time of itself and of each entry. Nobody who
/// renames, adds, removes or writes leaves it the same.
func portrait(_ directory: String) -> [String] {
  (["."] + names(in: directory)).map { directory + "/" + $0 }.map {
    var status = stat()
    guard lstat($0, &status) == 0 else { return "\($0) gone" }
    return "\($0) \(status.st_ino) \(status.st_ctim.tv_sec).\(status.st_ctim.tv_nsec)"
  }
}

/// A directory that nobody owns, with an empty lock file.
@discardableResult
func makeOrphan(_ path: String, files: Int = 0) -> String {
  mkdir(path, 0o777)
  for name in [".lock"] + (0..<files).map({ "file-\($0)" }) {
    close(open("\(path)/\(name)", O_WRONLY | O_CREAT, 0o666))
  }
  return path
}
