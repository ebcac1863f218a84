// What the processes that can be seen hold of directories, FIFOs, sockets and files without a name,
// and where they have something mounted: one walk through /proc, which answers for any number of
// candidates.

import CLinuxShims
import Glibc
package import ReapRules

/// A process, and how it holds something.
package struct ProcessHold: Sendable, Hashable {
  package let pid: Int32
  package let use: Evidence.Life.Use

  /// The command line of the process, for messages to people.
  package var command: String { commandLine(of: pid) }
}

/// A snapshot of one walk. Processes of reapd are left out: what they look at is not in use by that.
///
/// Things are told apart by device and inode, which are the same in every namespace.
package struct ProcessView: Sendable {
  package struct Key: Hashable, Sendable {
    package let device: UInt64
    package let inode: UInt64

    package init(_ identity: FileIdentity) {
      device = identity.device
      inode = identity.inode
    }
  }

  /// Monotonic, ns; before the first process was looked at.
  package let begun: Nanoseconds
  /// Some process could not be looked at for want of rights: what is not found proves nothing.
  package private(set) var isPartial = false
  private var holds: [Key: ProcessHold] = [:]
  /// Paths that sockets are bound to, by the last component; and the inode of the socket itself.
  private var sockets: [[UInt8]: [(path: [UInt8], inode: UInt64)]] = [:]
  private var socketOwners: [UInt64: Int32] = [:]
  /// Directories of which an open file has no name any more.
  private var unlinkedIn: Set<Key> = []
  /// Open files without a name whose directory's path leads nowhere here: another mount namespace's,
  /// perhaps. By that directory's last component.
  private var unplaced: [[UInt8]: [(device: UInt64, pid: Int32)]] = [:]
  /// Mounts of other mount namespaces than ours: where they lie on the file system they cover.
  private var mounts: [(place: MountTable.Place, pid: Int32)] = []

  /// Looks at every process now.
  package init() {
    begun = monotonicNow()
    let own = ownProgram()
    var network: Set<[UInt8]> = []
    var mounting: Set<[UInt8]> = []
    if let ours = readLink(Array("/proc/self/ns/mnt".utf8)) { mounting.insert(ours) }
    // Ours also where reapds are all that is to be seen: in a PID namespace beside the owners.
    if let ours = readLink(Array("/proc/self/ns/net".utf8)) {
      network.insert(ours)
      addSockets(of: "self")
    }
    for process in (try? entryNames(in: "/proc")) ?? [] {
      guard let pid = Int32(process), !isReapd(pid, own) else { continue }
      for table in descriptorTables(of: pid) { look(at: table, of: pid) }
      if let space = readLink(Array("/proc/\(pid)/ns/net".utf8)), network.insert(space).inserted {
        addSockets(of: "\(pid)")
      }
      if let space = readLink(Array("/proc/\(pid)/ns/mnt".utf8)), mounting.insert(space).inserted {
        addMounts(of: pid)
      }
    }
    noteMovedSockets()
  }

  /// A socket keeps the path that it was bound by when its file is renamed, as servers do to put one in
  /// its place at once; and when that is unlinked. Then it counts for its directory.
  private mutating func noteMovedSockets() {
    for (path, inode) in sockets.values.joined() where path.first == UInt8(ascii: "/") {
      guard let slash = path.lastIndex(of: UInt8(ascii: "/")), slash > 0,
        case nil = try? status(ofPath: FilePath(path)),
        let parent = try? status(ofPath: FilePath(Array(path[..<slash])))
      else { continue }
      note(
        parent.identity, ProcessHold(pid: socketOwners[inode] ?? 0, use: .boundSocket))
    }
  }

  /// Who holds a directory, a FIFO or the like.
  package func holder(of identity: FileIdentity) -> ProcessHold? { holds[Key(identity)] }

  package func hasUnlinkedFile(in directory: FileIdentity) -> Bool {
    unlinkedIn.contains(Key(directory))
  }

  package var holdsNothing: Bool { holds.isEmpty && sockets.isEmpty && unplaced.isEmpty }

  /// Who may have a file open that was unlinked in a directory of that name, where it cannot be told
  /// from another of the same name.
  package func unlinker(in name: EntryName, identity: FileIdentity) -> ProcessHold? {
    guard let file = unplaced[name.bytes]?.first(where: { $0.device == identity.device }) else {
      return nil
    }
    return ProcessHold(pid: file.pid, use: .unlinkedFile)
  }

  /// Who may have a socket file bound. One that was bound by a relative path, or in a mount
  /// namespace where its path leads elsewhere, cannot be told from another of the same name.
  package func binder(of name: EntryName, identity: FileIdentity) -> ProcessHold? {
    for socket in sockets[name.bytes] ?? [] {
      if socket.path.first == UInt8(ascii: "/"),
        let there = try? status(ofPath: FilePath(socket.path)),
        there.identity != identity
      {
        continue
      }
      return ProcessHold(pid: socketOwners[socket.inode] ?? 0, use: .boundSocket)
    }
    return nil
  }

  /// A process in whose mount namespace something is mounted at the place or below it.
  package func mounter(at place: MountTable.Place) -> Int32? {
    mounts.first { $0.place.isAtOrBelow(place) }?.pid
  }

  // MARK: - The walk

  private mutating func look(at table: String, of pid: Int32) {
    add(table + "/cwd", pid, .workingDirectory)
    add(table + "/root", pid, .rootDirectory)
    let numbers: [String]
    do {
      numbers = try entryNames(in: table + "/fd")
    } catch {
      return note(error.code)
    }
    for number in numbers { add("\(table)/fd/\(number)", pid, nil) }
  }

  /// - Parameter use: nil for an open descriptor, whose type tells.
  private mutating func add(_ path: String, _ pid: Int32, _ use: Evidence.Life.Use?) {
    var facts = stat()
    guard unsafe stat(path, &facts) == 0 else { return note(errno) }
    let found: Evidence.Life.Use
    switch facts.st_mode & S_IFMT {
    case S_IFDIR: found = use ?? .openDirectory
    case S_IFIFO: found = .openFIFO
    case S_IFSOCK:
      socketOwners[UInt64(facts.st_ino)] = pid
      return
    case S_IFREG where facts.st_nlink == 0: return addUnlinked(path, UInt64(facts.st_dev), pid)
    default: return
    }
    let identity = FileIdentity(
      device: UInt64(facts.st_dev), inode: UInt64(facts.st_ino), birth: nil)
    note(identity, ProcessHold(pid: pid, use: found))
  }

  private mutating func note(_ identity: FileIdentity, _ hold: ProcessHold) {
    if holds[Key(identity)] == nil { holds[Key(identity)] = hold }
  }

  /// A file without a name is shown by the path that it had, which follows its directory where that
  /// is renamed: perhaps between the two calls here.
  private mutating func addUnlinked(_ path: String, _ device: UInt64, _ pid: Int32) {
    let mark = Array(" (deleted)".utf8)
    var shown: [UInt8] = []
    for _ in 0..<3 {
      guard let now = readLink(Array(path.utf8)), now != shown, now.ends(with: mark),
        let slash = now.dropLast(mark.count).lastIndex(of: UInt8(ascii: "/")), slash > 0
      else { break }
      shown = now
      if let there = try? status(ofPath: FilePath(Array(now[..<slash]))), there.type == .directory,
        there.identity.device == device
      {
        unlinkedIn.insert(Key(there.identity))
        return note(there.identity, ProcessHold(pid: pid, use: .unlinkedFile))
      }
    }
    // In our own mount namespace such a path leads nowhere because its directory is gone.
    let parts = shown.split(separator: UInt8(ascii: "/"))
    guard parts.count > 1, let ours = readLink(Array("/proc/self/ns/mnt".utf8)),
      readLink(Array("/proc/\(pid)/ns/mnt".utf8)) != ours
    else { return }
    unplaced[Array(parts[parts.count - 2]), default: []].append((device, pid))
  }

  /// A process that ended meanwhile holds nothing; one that must not be seen may hold anything.
  private mutating func note(_ code: Int32) {
    if code == EACCES || code == EPERM { isPartial = true }
  }

  /// `Num RefCount Protocol Flags Type St Inode Path` (proc_net(5)); the path may hold spaces.
  private mutating func addSockets(of process: String) {
    guard let text = try? readWhole("/proc/\(process)/net/unix") else { return }
    for line in text.split(separator: 0x0A).dropFirst() {
      let fields = line.split(separator: 0x20, maxSplits: 7, omittingEmptySubsequences: true)
      guard fields.count == 8, let path = fields.last, path.first != UInt8(ascii: "@"),
        let inode = UInt64(String(decoding: fields[6], as: UTF8.self)),
        let name = path.split(separator: UInt8(ascii: "/")).last
      else { continue }
      sockets[Array(name), default: []].append((Array(path), inode))
    }
  }

  private mutating func addMounts(of pid: Int32) {
    do {
      let text = try readWhole("/proc/\(pid)/mountinfo")
      // An empty one is that of a process that ended.
      let table = MountTable(parsing: text)
      mounts += ((table?.covered ?? []) + (table?.layered ?? [])).map { ($0, pid) }
    } catch {
      note(error.code)
    }
  }
}

extension [UInt8] {
  fileprivate func ends(with other: [UInt8]) -> Bool { suffix(other.count).elementsEqual(other) }
}

/// Directories of /proc that show a process's working directory, root and descriptors: its own, and
/// those of threads that share none of it or outlive the first thread, which shows none then.
func descriptorTables(of pid: Int32) -> [String] {
  let own = "/proc/\(pid)"
  guard let threads = try? entryNames(in: own + "/task"), threads.count > 1 else { return [own] }
  return [own]
    + threads.compactMap { thread -> String? in
      guard let number = Int32(thread), number != pid else { return nil }
      // What cannot be compared is looked at, and a first thread that has ended shares nothing.
      return shim_shares_files(pid, number) == 1 ? nil : "\(own)/task/\(number)"
    }
}

/// The program that this process runs.
func ownProgram() -> ProcessView.Key? {
  var facts = stat()
  guard unsafe stat("/proc/self/exe", &facts) == 0 else { return nil }
  return ProcessView.Key(
    FileIdentity(device: UInt64(facts.st_dev), inode: UInt64(facts.st_ino), birth: nil))
}

/// Whether a process is a reapd: it runs our own program, or another build of it by its name.
func isReapd(_ pid: Int32, _ own: ProcessView.Key?) -> Bool {
  if pid == processID { return true }
  var facts = stat()
  guard unsafe stat("/proc/\(pid)/exe", &facts) == 0 else { return false }
  let identity = FileIdentity(
    device: UInt64(facts.st_dev), inode: UInt64(facts.st_ino), birth: nil)
  if ProcessView.Key(identity) != own {
    let name = readLink(Array("/proc/\(pid)/exe".utf8))?.split(separator: UInt8(ascii: "/")).last
    guard name?.elementsEqual("reapd".utf8) == true else { return false }
  }
  // What a drill starts to be killed runs the same program, and owns what it has open.
  let words = (try? readWhole("/proc/\(pid)/cmdline"))?.split(separator: 0) ?? []
  return words.count < 2 || !words[1].elementsEqual(drillWriterWord.utf8)
}

/// The first word to a reapd that is a writer of a drill.
package let drillWriterWord = "drill-writer"

/// Who has a file open or mapped, as far as that can be seen.
package struct FileUsers: Sendable, Equatable {
  /// Processes other than reapds.
  package var others: [Int32] = []
  /// How many descriptors of it reapds have, this process included.
  package var ofReapds = 0
}

/// Nil where some process cannot be looked at.
package func users(of file: FileIdentity) -> FileUsers? {
  var found = FileUsers()
  let sight = forEachUse(of: file, stopsWhereHidden: true) { pid, _, isOurs in
    if isOurs {
      found.ofReapds += 1
    } else if found.others.last != pid {
      found.others.append(pid)
    }
  }
  return sight == .partial ? nil : found
}

/// Whether a file of several names is open, by all that can be seen, through names only that lie
/// outside of a directory. False where nobody is seen to have it open.
package func isOpenOnlyOutside(_ directory: [UInt8], _ file: FileIdentity) -> Bool {
  var count = 0
  var isOutside = true
  let sight = forEachUse(of: file, stopsWhereHidden: true) { _, place, isOurs in
    guard !isOurs else { return }
    count += 1
    // In another mount namespace the path that is shown leads elsewhere, or nowhere.
    guard isOutside, let path = readLink(Array(place.utf8)), !isBelow(path, directory),
      let there = try? status(ofPath: FilePath(path)),
      ProcessView.Key(there.identity) == ProcessView.Key(file)
    else { return isOutside = false }
  }
  return sight != .partial && isOutside && count > 0
}

/// How much could be seen of who uses a file.
enum UseSight: Int, Comparable {
  /// Some process hides how many files it has open …
  case partial
  /// … or which ones, or what it has mapped.
  case most
  case whole

  static func < (one: Self, other: Self) -> Bool { one.rawValue < other.rawValue }
}

/// - Parameters:
///   - stopsWhereHidden: at the first process that hides how many files it has open.
///   - body: called with each place in /proc that shows a process to have it open or mapped, and
///     whether that process is a reapd.
func forEachUse(
  of file: FileIdentity, stopsWhereHidden: Bool = false,
  _ body: (_ pid: Int32, _ place: String, _ isOurs: Bool) -> Void
) -> UseSight {
  let own = ownProgram()
  var sight = UseSight.whole
  let key = ProcessView.Key(file)
  for process in (try? entryNames(in: "/proc")) ?? [] {
    guard let pid = Int32(process) else { continue }
    let isOurs = isReapd(pid, own)
    for table in descriptorTables(of: pid) {
      for place in ["fd", "map_files"] {
        let names: [String]
        do {
          names = try entryNames(in: "\(table)/\(place)")
        } catch {
          if error.code == ENOENT || error.code == ESRCH { continue }
          if place != "fd" {
            sight = min(sight, .most)
          } else if error.code == EACCES || error.code == EPERM {
            sight = .partial
            if stopsWhereHidden { return sight }
          }
          continue
        }
        for name in names {
          var facts = stat()
          let path = "\(table)/\(place)/\(name)"
          guard unsafe stat(path, &facts) == 0 else {
            if errno == ENOENT || errno == ESRCH { continue }
            // Where the link may be read, it is another file system than this file's that refuses.
            if place == "map_files" || readLink(Array(path.utf8)) == nil, errno != ENOENT {
              sight = min(sight, .most)
            }
            continue
          }
          let identity = FileIdentity(
            device: UInt64(facts.st_dev), inode: UInt64(facts.st_ino), birth: nil)
          if ProcessView.Key(identity) == key { body(pid, path, isOurs) }
        }
      }
    }
  }
  return sight
}

private func monotonicNow() -> Nanoseconds {
  var time = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}
