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

/// Those that hold a lock on the file now: whoever has a descriptor that the lock belongs to. Where it
/// lives on in nothing but a mapping or a socket's queue, nobody shows it.
package func lockHolders(of file: FileIdentity) -> LockHolders {
  guard let text = try? readWhole("/proc/locks") else { return LockHolders(processes: []) }
  var pids: Set<Int32> = []
  var isLocked = false
  for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
    // `1: FLOCK  ADVISORY  WRITE 719 fe:00:1234 0 EOF`; a waiter has `->` after the number.
    let fields = line.split(separator: " ")
    guard fields.count >= 6, fields[1] != "->", let pid = Int32(fields[4]),
      isPlace(fields[5], of: file)
    else { continue }
    isLocked = true
    // The one that took it may be dead, and a child that inherited the descriptor hold it now.
    if pid > 0, kill(pid, 0) == 0 || errno == EPERM { pids.insert(pid) }
  }
  if isLocked, pids.isEmpty { pids = inheritors(of: file) }
  return LockHolders(processes: pids.sorted().map { .init(pid: $0, command: commandLine(of: $0)) })
}

/// `fe:00:1234` of /proc/locks and fdinfo: major, minor and inode, the first two in hexadecimal.
private func isPlace(_ field: Substring, of file: FileIdentity) -> Bool {
  let place = field.split(separator: ":")
  guard place.count == 3, let major = UInt64(place[0], radix: 16),
    let minor = UInt64(place[1], radix: 16), UInt64(place[2]) == file.inode
  else { return false }
  // makedev(3): what statx gives in two parts is packed the same way there.
  return (minor & 0xFF) | (major & 0xFFF) << 8 | (minor & ~0xFF) << 12 == file.device
}

/// Processes with a descriptor that a lock on the file belongs to (`lock:` of proc_pid_fdinfo(5)).
private func inheritors(of file: FileIdentity) -> Set<Int32> {
  var found: Set<Int32> = []
  for process in (try? entryNames(in: "/proc")) ?? [] {
    guard let pid = Int32(process) else { continue }
    for table in descriptorTables(of: pid) {
      for number in (try? entryNames(in: table + "/fdinfo")) ?? [] {
        guard let info = try? readWhole("\(table)/fdinfo/\(number)") else { continue }
        let isHolder = String(decoding: info, as: UTF8.self).split(separator: "\n").contains {
          // `lock:   1: FLOCK  ADVISORY  WRITE 719 fe:00:1234 0 EOF`
          let fields = $0.split(whereSeparator: { $0 == " " || $0 == "\t" })
          return fields.count >= 7 && fields[0] == "lock:" && isPlace(fields[6], of: file)
        }
        if isHolder { found.insert(pid) }
      }
    }
  }
  return found
}

/// What processes other than reapds have open below a directory, as far as /proc shows it to us.
package struct OpenFiles: Sendable {
  private let files: [(pid: Int32, path: [UInt8])]

  package init(below directory: [UInt8]) {
    var found: [(pid: Int32, path: [UInt8])] = []
    forEachOpenFile { pid, path in
      if path == directory || isBelow(path, directory) { found.append((pid, path)) }
    }
    // What a reapd looks at is not in use by that.
    let own = ownProgram()
    let reapds = Set(found.map(\.pid)).filter { isReapd($0, own) }
    files = found.filter { !reapds.contains($0.pid) }
  }

  /// Those who have something open below one directory of these, or the one file itself.
  package func processes(below path: [UInt8], isFile: Bool = false) -> [LockHolders.Process] {
    let pids = Set(
      files.lazy.filter { isFile ? $0.path == path : isBelow($0.path, path) }.map(\.pid))
    return pids.sorted().map { .init(pid: $0, command: commandLine(of: $0)) }
  }
}

/// Files below a directory that some process has open and that have no name any more, with the
/// path that they had.
package func openUnlinkedFiles(below directory: String) -> [(pid: Int32, path: String)] {
  var found: [(pid: Int32, path: String)] = []
  let mark = " (deleted)"
  forEachOpenFile { pid, path in
    let text = String(decoding: path, as: UTF8.self)
    if text.hasPrefix(directory + "/"), text.hasSuffix(mark) {
      found.append((pid, String(text.dropLast(mark.utf8.count))))
    }
  }
  return found
}

/// What every process has open or mapped, as /proc shows it (proc_pid_fd(5), proc_pid_map_files(5)).
private func forEachOpenFile(_ body: (_ pid: Int32, _ path: [UInt8]) -> Void) {
  for process in (try? entryNames(in: "/proc")) ?? [] {
    guard let pid = Int32(process) else { continue }
    forEachOpenFile(of: pid) { body(pid, $0) }
  }
}

private func forEachOpenFile(of pid: Int32, _ body: (_ path: [UInt8]) -> Void) {
  for place in openPlaces(of: pid) {
    if let path = readLink(Array(place.utf8)) { body(path) }
  }
}

/// The links of /proc that lead to what a process has open, mapped, or as a directory of its own.
private func openPlaces(of pid: Int32) -> [String] {
  descriptorTables(of: pid).flatMap { table in
    ["fd", "map_files"].flatMap { place in
      ((try? entryNames(in: "\(table)/\(place)")) ?? []).map { "\(table)/\(place)/\($0)" }
    } + ["cwd", "root"].map { "\(table)/\($0)" }
  }
}

/// Of more, which takes milliseconds, the others are not looked at.
private let mostPlaces = 4096

/// Whether one process has something open at or below a path, as far as /proc shows it to us. In another
/// mount namespace the same path is another file.
package func hasOpen(_ pid: Int32, below path: [UInt8]) -> Bool {
  openPlaces(of: pid).prefix(mostPlaces).contains { place in
    guard let shown = readLink(Array(place.utf8)), isBelow(shown, path) || shown == path else {
      return false
    }
    var theirs = stat()
    var ours = stat()
    return unsafe stat(place, &theirs) == 0 && withCPath(shown) { unsafe stat($0, &ours) } == 0
      && theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino
  }
}

/// The command line of a process, for messages to people.
package func commandLine(of pid: Int32) -> String {
  guard let raw = try? readWhole("/proc/\(pid)/cmdline"), !raw.isEmpty else {
    let name = (try? readWhole("/proc/\(pid)/comm")) ?? Array("?".utf8)
    return displayText(Array(name.prefix { $0 != 10 }))
  }
  let words = raw.split(separator: 0).map { displayText(Array($0)) }
  return String(words.joined(separator: " ").prefix(200))
}
