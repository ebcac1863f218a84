// Who has a root directory open and locked, as /proc shows it.

import Glibc
package import ReapRules

/// What can be seen of a directory's BSD lock.
package struct RootLockView: Sendable {
  /// Every other process that has the directory locked and, of those named reapd, also any that
  /// merely has it open.
  package let holders: [RootLockHolder]
  /// Who took it and lives; nil where /proc/locks has none: it hides what was taken in PID
  /// namespaces that we cannot see.
  package let takers: [RootLockHolder]?
  /// Whether every process's descriptors could be read.
  package let seesAll: Bool

  /// Walks through /proc: for the rare case that somebody else has the lock.
  package init(of directory: FileIdentity) {
    let takers = flockTakers(of: directory)
    let own = getpid()
    let program = readLink(Array("/proc/self/exe".utf8))
    var holders: [RootLockHolder] = []
    var seesAll = geteuid() == 0
    for process in (try? entryNames(in: "/proc")) ?? [] {
      guard let pid = Int32(process), pid != own else { continue }
      let use: DirectoryUse
      switch directoryUse(of: pid, directory) {
      case .some(let found): use = found
      case nil:
        seesAll = false
        use = takers.contains(pid) ? .locked : .none
      }
      guard use != .none else { continue }
      let isReapd = runsReapd(pid, program)
      guard use == .locked || isReapd else { continue }
      holders.append(RootLockHolder(pid, isReapd: isReapd, holdsLock: use == .locked))
    }
    self.holders = holders.sorted { $0.pid < $1.pid }
    self.takers =
      takers.isEmpty
      ? nil
      : takers.sorted().filter { kill($0, 0) == 0 || errno == EPERM }.map {
        RootLockHolder($0, isReapd: runsReapd($0, program), holdsLock: false)
      }
    self.seesAll = seesAll
  }
}

extension RootLockHolder {
  fileprivate init(_ pid: Int32, isReapd: Bool, holdsLock: Bool) {
    self.init(
      pid: pid, user: realUser(of: pid), isReapd: isReapd, holdsLock: holdsLock,
      command: commandLine(of: pid))
  }
}

private enum DirectoryUse { case none, open, locked }

/// By the descriptors of a process (proc_pid_fdinfo(5)); nil where we may not read them. Not by
/// stat: a descriptor may be of a file system that does not answer.
private func directoryUse(of pid: Int32, _ directory: FileIdentity) -> DirectoryUse? {
  let numbers: [String]
  do throws(SystemError) {
    numbers = try entryNames(in: "/proc/\(pid)/fdinfo")
  } catch {
    // One that has ended, a zombie too, has none.
    return error.code == EACCES || error.code == EPERM ? nil : DirectoryUse.none
  }
  var use = DirectoryUse.none
  for number in numbers {
    guard let info = try? readWhole("/proc/\(pid)/fdinfo/\(number)") else { continue }
    for line in String(decoding: info, as: UTF8.self).split(separator: "\n") {
      if line.hasPrefix("lock:"), LockLine(line.dropFirst(5))?.isFlock(on: directory) == true {
        return .locked
      }
      // Since Linux 5.14; without the device, so it tells only that it may be the directory.
      if line.hasPrefix("ino:"), line.split(separator: "\t").last == "\(directory.inode)" {
        use = .open
      }
    }
  }
  return use
}

/// A line of /proc/locks, as fdinfo repeats it:
/// `1: FLOCK  ADVISORY  WRITE 719 fe:00:1234 0 EOF`; a waiter has `->` after the number.
private struct LockLine {
  let isBSD: Bool
  let pid: Int32
  let major: UInt64
  let minor: UInt64
  let inode: UInt64

  init?(_ line: Substring) {
    let fields = line.split { $0 == " " || $0 == "\t" }
    guard fields.count >= 6, fields[1] != "->", let pid = Int32(fields[4]) else { return nil }
    let place = fields[5].split(separator: ":")
    guard place.count == 3, let major = UInt64(place[0], radix: 16),
      let minor = UInt64(place[1], radix: 16), let inode = UInt64(place[2])
    else { return nil }
    (isBSD, self.pid) = (fields[1] == "FLOCK", pid)
    (self.major, self.minor, self.inode) = (major, minor, inode)
  }

  func isFlock(on file: FileIdentity) -> Bool {
    guard isBSD, inode == file.inode else { return false }
    // makedev(3). A subvolume of btrfs has a device of its own in stat, not here; both have major 0.
    let device = (minor & 0xFF) | (major & 0xFFF) << 8 | (minor & ~0xFF) << 12
    return device == file.device || major == 0 && (file.device >> 8) & 0xFFF == 0
  }
}

/// The numbers of the processes that took the lock, whether they still live or not.
private func flockTakers(of file: FileIdentity) -> Set<Int32> {
  guard let text = try? readWhole("/proc/locks") else { return [] }
  let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
  return Set(lines.compactMap(LockLine.init).filter { $0.isFlock(on: file) }.map(\.pid))
}

private func runsReapd(_ pid: Int32, _ own: [UInt8]?) -> Bool {
  guard let program = readLink(Array("/proc/\(pid)/exe".utf8)) else { return false }
  // An upgrade leaves a running program without its name (proc_pid_exe(5)).
  var name = program.split(separator: UInt8(ascii: "/")).last ?? []
  let mark = Array(" (deleted)".utf8)
  if name.reversed().starts(with: mark.reversed()) { name = name.dropLast(mark.count) }
  return program == own || name.elementsEqual("reapd".utf8)
}

/// The first of `Uid:` in proc_pid_status(5).
private func realUser(of pid: Int32) -> UInt32? {
  guard let status = try? readWhole("/proc/\(pid)/status"),
    let line = String(decoding: status, as: UTF8.self).split(separator: "\n")
      .first(where: { $0.hasPrefix("Uid:") })
  else { return nil }
  return line.split(separator: "\t").dropFirst().first.flatMap { UInt32($0) }
}
