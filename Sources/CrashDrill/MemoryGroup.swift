// A memory cgroup of either version: what is in it and takes too much is killed by the kernel.

import OwnedDirectories
import ReapRules

struct MemoryGroup {
  let path: String
  private let events: String

  /// More than a writer has, and soon filled.
  private static let limit = 48 << 20

  /// - Throws: `DrillError` that says why none can be made here.
  init(named name: String) throws(DrillError) {
    var problem = "no memory cgroup is mounted"
    let mounts = (try? readWhole("/proc/mounts")) ?? []
    for line in String(decoding: mounts, as: UTF8.self).split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard fields.count > 3 else { continue }
      let isFirst = fields[2] == "cgroup" && fields[3].split(separator: ",").contains("memory")
      guard isFirst || fields[2] == "cgroup2" else { continue }
      let place = String(fields[1])
      let group = place + "/" + name
      do throws(SystemError) {
        if !isFirst { try? writeText("+memory", to: place + "/cgroup.subtree_control") }
        try makeDirectories(group)
        do throws(SystemError) {
          try writeText("\(Self.limit)", to: group + (isFirst ? Self.firstLimit : "/memory.max"))
        } catch {
          removeGroup(group)
          throw error
        }
        // Where there is no swap, there is no such file.
        try? writeText(
          isFirst ? "\(Self.limit)" : "0",
          to: group + (isFirst ? "/memory.memsw.limit_in_bytes" : "/memory.swap.max"))
        path = group
        events = group + (isFirst ? "/memory.oom_control" : "/memory.events")
        return
      } catch {
        problem = "\(error)"
      }
    }
    throw DrillError("no memory cgroup can be made here: \(problem)")
  }

  private static let firstLimit = "/memory.limit_in_bytes"

  func add(_ pid: Int32) throws(DrillError) {
    do throws(SystemError) { try writeText("\(pid)", to: path + "/cgroup.procs") } catch {
      throw DrillError("\(error)")
    }
  }

  /// How many processes in it the kernel has killed.
  var kills: Int {
    let text = String(decoding: (try? readWhole(events)) ?? [], as: UTF8.self)
    let line = text.split(separator: "\n").first { $0.hasPrefix("oom_kill ") }
    return line.flatMap { Int($0.dropFirst("oom_kill ".count)) } ?? 0
  }

  /// Once all that was in it is dead.
  func remove() { waitUntil(within: 2) { removeGroup(path) } }
}

@discardableResult
private func removeGroup(_ path: String) -> Bool {
  guard let slash = path.lastIndex(of: "/"),
    let name = EntryName(String(path[path.index(after: slash)...])),
    let parent = try? openPlace(String(path[..<slash]))
  else { return false }
  defer { parent.close() }
  return (try? unlink(name, at: parent, isDirectory: true)) != nil
}
