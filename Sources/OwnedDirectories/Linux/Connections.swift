// Talking to programs that were started, over sockets and standard input.

import Glibc
import ReapRules

/// A connected pair of close-on-exec stream sockets: a pipe in both directions, on which writing
/// to one who is dead raises no signal.
package func makeSocketPair() throws(SystemError) -> (ours: Descriptor, theirs: Descriptor) {
  var pair: [Int32] = [-1, -1]
  let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
  guard unsafe socketpair(AF_UNIX, type, 0, &pair) == 0 else {
    throw SystemError("socketpair", "(none)")
  }
  return (Descriptor(number: pair[0]), Descriptor(number: pair[1]))
}

/// What can be read without waiting: empty when there is nothing, nil at the end.
package func readAvailable(_ socket: Descriptor) -> [UInt8]? {
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 4096)
  while true {
    let size = retrying {
      unsafe recv(socket.number, &chunk, chunk.count, Int32(MSG_DONTWAIT))
    }
    if size < 0 { return errno == EAGAIN || !bytes.isEmpty ? bytes : nil }
    if size == 0 { return bytes.isEmpty ? nil : bytes }
    bytes += chunk[..<size]
  }
}

/// Sends without waiting and without SIGPIPE; false where it did not all go.
@discardableResult
package func send(_ bytes: [UInt8], to socket: Descriptor) -> Bool {
  let flags = Int32(MSG_NOSIGNAL | MSG_DONTWAIT)
  return retrying { unsafe Glibc.send(socket.number, bytes, bytes.count, flags) } == bytes.count
}

/// Waits until one of the descriptors has something to read or has ended, or time is up.
package func waitForAny(_ files: [Descriptor], milliseconds: Int32) {
  var polled = files.map { pollfd(fd: $0.number, events: Int16(POLLIN), revents: 0) }
  _ = unsafe poll(&polled, nfds_t(polled.count), milliseconds)
}

/// Whether reading would not wait: there is something, or the end.
package func isReadable(_ file: Descriptor) -> Bool {
  var polled = pollfd(fd: file.number, events: Int16(POLLIN), revents: 0)
  return unsafe poll(&polled, 1, 0) == 1
}

/// One byte, waited for; nil at the end.
package func readByte(_ file: Descriptor) -> UInt8? {
  var byte: UInt8 = 0
  return retrying { unsafe read(file.number, &byte, 1) } == 1 ? byte : nil
}
