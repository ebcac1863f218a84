// What a drill looks at besides its own processes: logs that grow, and control files.

import Glibc

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
