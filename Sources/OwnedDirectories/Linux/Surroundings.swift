// What a drill looks at besides its own processes: logs, control files, and what others have open.

import Glibc
import ReapRules

/// Reads from a position on to the end of a file.
package func readOn(_ file: Descriptor, from position: Int64) -> [UInt8] {
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 65536)
  while true {
    let offset = Int(position) + bytes.count
    let size = retrying { unsafe pread(file.number, &chunk, chunk.count, offset) }
    guard size > 0 else { return bytes }
    bytes += chunk[..<size]
  }
}

/// Writes a short text to a file that exists, such as those of a cgroup, in one call.
package func writeText(_ text: String, to path: String) throws(SystemError) {
  let number = retrying { unsafe Glibc.open(path, O_WRONLY | O_CLOEXEC) }
  guard number >= 0 else { throw SystemError("open", path) }
  let file = Descriptor(number: number)
  defer { file.close() }
  guard writeOnce(Array(text.utf8), to: file) >= 0 else { throw SystemError("write", path) }
}

/// Files below a directory that some process has open and that have no name any more, as /proc
/// shows them (with the path that they had).
package func openUnlinkedFiles(below directory: String) -> [(pid: Int32, path: String)] {
  var found: [(pid: Int32, path: String)] = []
  guard let proc = unsafe opendir("/proc") else { return [] }
  defer { unsafe closedir(proc) }
  let mark = " (deleted)"
  while let entry = unsafe readdir(proc) {
    guard let pid = unsafe Int32(name(of: entry)),
      let descriptors = unsafe opendir("/proc/\(pid)/fd")
    else { continue }
    defer { unsafe closedir(descriptors) }
    while let descriptor = unsafe readdir(descriptors) {
      var target = [UInt8](repeating: 0, count: 4096)
      let path = unsafe "/proc/\(pid)/fd/\(name(of: descriptor))"
      let length = unsafe target.withUnsafeMutableBytes {
        unsafe readlink(path, $0.baseAddress!, $0.count)
      }
      guard length > 0 else { continue }
      let text = String(decoding: target[..<length], as: UTF8.self)
      if text.hasPrefix(directory + "/"), text.hasSuffix(mark) {
        found.append((pid, String(text.dropLast(mark.utf8.count))))
      }
    }
  }
  return found
}

private func name(of entry: UnsafeMutablePointer<dirent>) -> String {
  unsafe withUnsafePointer(to: &entry.pointee.d_name) {
    unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
  }
}

/// The names in a directory.
package func entryNames(in path: String) throws(SystemError) -> [String] {
  let directory = try openFile(
    Array(path.utf8), at: Descriptor(number: AT_FDCWD), O_RDONLY | O_DIRECTORY, follow: .noLinks)
  defer { directory.close() }
  var names: [String] = []
  var listing = DirectoryListing(directory)
  defer { listing.finish() }
  while true {
    let batch = try listing.nextBatch()
    if batch.isEmpty { return names }
    names += batch.map(\.name.display)
  }
}
