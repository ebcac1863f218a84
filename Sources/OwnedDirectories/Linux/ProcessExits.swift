import CLinuxShims
import Glibc
import ReapRules
import Synchronization

/// Sees any number of processes end, on one thread that costs nothing meanwhile.
package final class ProcessExits<Subject: Sendable>: Sendable {
  /// Whom the end of each one concerns. The keys are used once: the number of a descriptor may be
  /// another's by the time that its event is read.
  private final class Subjects: Sendable {
    struct Table {
      var keys: [Int32: UInt64] = [:]
      var subjects: [UInt64: Subject] = [:]
      var next: UInt64 = 1
    }
    let table = Mutex(Table())

    func add(_ subject: Subject, _ descriptor: Int32) -> UInt64 {
      table.withLock { table in
        defer { table.next += 1 }
        table.keys[descriptor] = table.next
        table.subjects[table.next] = subject
        return table.next
      }
    }

    func take(_ key: UInt64) -> Subject? {
      table.withLock { $0.subjects.removeValue(forKey: key) }
    }

    func remove(_ descriptor: Int32) {
      table.withLock { table in
        guard let key = table.keys.removeValue(forKey: descriptor) else { return }
        table.subjects[key] = nil
      }
    }
  }

  private let subjects = Subjects()
  private let poll: Descriptor
  private let end: Descriptor

  /// - Parameter exited: called on a thread of its own, for each process that has ended.
  package init(exited: @escaping @Sendable (Subject) -> Void) {
    poll = Descriptor(number: shim_epoll_create())
    end = Descriptor(number: shim_eventfd())
    _ = shim_epoll_add(poll.number, end.number, 0, 0)
    let (poll, end, subjects) = (poll, end, subjects)
    let thread = Thread.start(named: "owners") {
      while true {
        let key = retrying { shim_epoll_wait(poll.number) }
        guard key > 0 else { break }
        if let subject = subjects.take(UInt64(key)) { exited(subject) }
      }
      poll.close()
      end.close()
    }
    if thread == nil {
      poll.close()
      end.close()
    }
  }

  /// Its end is told once.
  package func watch(_ process: ProcessHandle, for subject: Subject) {
    let number = process.descriptor.number
    _ = shim_epoll_add(poll.number, number, subjects.add(subject, number), 1)
  }

  package func forget(_ process: ProcessHandle) {
    subjects.remove(process.descriptor.number)
    _ = shim_epoll_remove(poll.number, process.descriptor.number)
  }

  /// Ends the thread.
  package func stop() {
    var one: UInt64 = 1
    _ = unsafe write(end.number, &one, 8)
  }
}

/// PROC_PID_INIT_INO of the kernel's proc_ns.h: the initial PID namespace has that inode.
package let isInInitialPidNamespace: Bool = isInitialPidNamespace(of: "self")

private func isInitialPidNamespace(of process: String) -> Bool {
  readLink(Array("/proc/\(process)/ns/pid".utf8)).map { $0.elementsEqual("pid:[4026531836]".utf8) }
    ?? false
}

/// Whether a visible process has that number in a PID namespace below this one; true where none can be
/// read.
package func isInnerPid(_ pid: Int32) -> Bool {
  guard let processes = try? entryNames(in: "/proc") else { return true }
  return processes.contains { process in
    // Most are of the initial one, and have one number: this link is read much faster than the text.
    guard let number = Int32(process), number != pid, !isInitialPidNamespace(of: process) else {
      return false
    }
    guard let status = try? readWhole("/proc/\(number)/status") else { return false }
    let line = String(decoding: status, as: UTF8.self).split(separator: "\n").first {
      $0.hasPrefix("NSpid:")
    }
    let numbers = line?.split(whereSeparator: { $0 == "\t" || $0 == " " }).dropFirst() ?? []
    return numbers.dropFirst().contains("\(pid)")
  }
}

/// The machine's name, as programs write it into files.
package func hostName() -> [UInt8] {
  var name = [CChar](repeating: 0, count: 256)
  guard unsafe gethostname(&name, name.count - 1) == 0 else { return [] }
  return name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
}

/// What a link below a directory leads to; the link itself is not followed.
package func linkTarget(_ path: [UInt8], at directory: Descriptor) throws(SystemError) -> [UInt8] {
  let link = try openLink(path, at: directory)
  defer { link.close() }
  var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
  let length = unsafe target.withUnsafeMutableBytes {
    unsafe readlinkat(link.number, "", $0.baseAddress!, $0.count)
  }
  guard length > 0 else { throw SystemError("readlink", "(a link)") }
  return Array(target[..<length])
}

/// The link and not what it leads to; links and mounts on the way are refused.
private func openLink(_ path: [UInt8], at directory: Descriptor) throws(SystemError) -> Descriptor {
  guard let slash = path.lastIndex(of: UInt8(ascii: "/")) else {
    return try openItself(path, at: directory)
  }
  let parent = try openDirectoryPath(Array(path[..<slash]), at: directory)
  defer { parent.close() }
  return try openItself(Array(path[(slash + 1)...]), at: parent)
}

private func openItself(_ name: [UInt8], at directory: Descriptor) throws(SystemError) -> Descriptor
{
  let number = unsafe withCPath(name) {
    unsafe openat(directory.number, $0, Int32(shim_O_PATH) | O_NOFOLLOW | O_CLOEXEC)
  }
  guard number >= 0 else { throw SystemError("open", displayText(name)) }
  return Descriptor(number: number)
}
