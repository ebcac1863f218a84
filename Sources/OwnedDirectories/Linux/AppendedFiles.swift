// Which files another process appends to: how one reapd finds the audit of another.

import Glibc
import ReapRules

/// Paths of the regular files that a process has open for appending (proc_pid_fdinfo(5)), as far as
/// they can be seen from here.
package func appendedFiles(of pid: Int32) -> [[UInt8]] {
  let numbers = (try? entryNames(in: "/proc/\(pid)/fd")) ?? []
  return numbers.compactMap { number -> [UInt8]? in
    guard let info = try? readWhole("/proc/\(pid)/fdinfo/\(number)"),
      let flags = openFlags(info), flags & O_APPEND != 0, flags & O_ACCMODE != O_RDONLY
    else { return nil }
    guard let path = readLink(Array("/proc/\(pid)/fd/\(number)".utf8)), path.first == 0x2F,
      (try? status(ofPath: FilePath(path)))?.type == .regular
    else { return nil }
    return path
  }
}

/// Reads a regular file line by line, without its newlines; a FIFO or the like has none.
///
/// - Parameter limit: of one line, in bytes; what is longer is passed over.
package func forEachLine(
  ofFile path: [UInt8], limit: Int = 1 << 20, _ body: (ArraySlice<UInt8>) -> Void
) throws(SystemError) {
  let number = unsafe withCPath(path) { pointer in
    retrying { unsafe Glibc.open(pointer, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) }
  }
  guard number >= 0 else { throw SystemError("open", displayText(path)) }
  let file = Descriptor(number: number)
  defer { file.close() }
  guard try status(of: file).type == .regular else { return }
  var chunk = [UInt8](repeating: 0, count: 1 << 18)
  var rest: [UInt8] = []
  var isTooLong = false
  while true {
    let size = retrying { unsafe read(file.number, &chunk, chunk.count) }
    guard size >= 0 else { throw SystemError("read", displayText(path)) }
    guard size > 0 else { return }
    var start = 0
    while let end = chunk[start..<size].firstIndex(of: 0x0A) {
      rest += chunk[start..<end]
      if !isTooLong { body(rest[...]) }
      rest.removeAll(keepingCapacity: true)
      isTooLong = false
      start = end + 1
    }
    rest += chunk[start..<size]
    if rest.count > limit {
      rest.removeAll()
      isTooLong = true
    }
  }
}
