import Glibc
import ReapRules

/// Who holds a lock on a file, as far as it can be seen from here: for people, never as proof,
/// since /proc/locks hides other PID namespaces.
package struct LockHolders: Sendable {
  package struct Process: Sendable, Hashable {
    package let pid: Int32
    package let command: String
  }
  package let processes: [Process]

  package var text: String {
    processes.isEmpty
      ? "a process that cannot be seen from here"
      : processes.map { "pid \($0.pid) (\($0.command))" }.joined(separator: ", ")
  }
}

package func lockHolders(of file: FileIdentity) -> LockHolders {
  guard let text = try? readWhole("/proc/locks") else { return LockHolders(processes: []) }
  var pids: Set<Int32> = []
  for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
    // `1: FLOCK  ADVISORY  WRITE 719 fe:00:1234 0 EOF`; a waiter has `->` after the number.
    let fields = line.split(separator: " ")
    guard fields.count >= 6, fields[1] != "->", let pid = Int32(fields[4]) else { continue }
    let place = fields[5].split(separator: ":")
    guard place.count == 3, let major = UInt64(place[0], radix: 16),
      let minor = UInt64(place[1], radix: 16), UInt64(place[2]) == file.inode
    else { continue }
    // makedev(3): what statx gives in two parts is packed the same way there.
    let device = (minor & 0xFF) | (major & 0xFFF) << 8 | (minor & ~0xFF) << 12
    // The one that took it may be dead, and a child that inherited the descriptor hold it now.
    if device == file.device, pid > 0, kill(pid, 0) == 0 || errno == EPERM { pids.insert(pid) }
  }
  return LockHolders(processes: pids.sorted().map { .init(pid: $0, command: command(of: $0)) })
}

/// Every process that has a file of the directory open, as far as /proc shows it to us.
package func processesWithOpenFiles(below directory: [UInt8]) -> [LockHolders.Process] {
  var found: Set<LockHolders.Process> = []
  guard let proc = unsafe opendir("/proc") else { return [] }
  defer { unsafe closedir(proc) }
  let own = getpid()
  while let entry = unsafe readdir(proc) {
    let name = unsafe entryName(entry)
    guard let pid = Int32(name), pid != own, let descriptors = unsafe opendir("/proc/\(pid)/fd")
    else {
      continue
    }
    defer { unsafe closedir(descriptors) }
    while let descriptor = unsafe readdir(descriptors) {
      var target = [UInt8](repeating: 0, count: 4096)
      let length = unsafe target.withUnsafeMutableBytes {
        unsafe readlink(
          unsafe "/proc/\(pid)/fd/\(entryName(descriptor))", $0.baseAddress!, $0.count)
      }
      guard length > 0 else { continue }
      if isBelow(Array(target[..<length]), directory) {
        found.insert(.init(pid: pid, command: command(of: pid)))
        break
      }
    }
  }
  return found.sorted { $0.pid < $1.pid }
}

private func entryName(_ entry: UnsafeMutablePointer<dirent>) -> String {
  unsafe withUnsafePointer(to: &entry.pointee.d_name) {
    unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
  }
}

private func command(of pid: Int32) -> String {
  guard let raw = try? readWhole("/proc/\(pid)/cmdline"), !raw.isEmpty else {
    let name = (try? readWhole("/proc/\(pid)/comm")) ?? Array("?".utf8)
    return displayText(Array(name.prefix { $0 != 10 }))
  }
  let words = raw.split(separator: 0).map { displayText(Array($0)) }
  return String(words.joined(separator: " ").prefix(200))
}
