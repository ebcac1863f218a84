// A group of processes that the kernel kills when they want more memory than there is.

import Foundation
import Glibc

/// A memory cgroup of either version, without swap.
final class MemoryGroup {
  let path: String
  private let events: String

  init?(megabytes: Int) {
    guard isRoot else { return nil }
    let name = "reapd-test-\(UUID().uuidString)"
    let bytes = "\(megabytes << 20)"
    for line in shell("cat /proc/mounts").output.split(separator: "\n") {
      let fields = line.split(separator: " ")
      let place = "\(fields[1])"
      let group = "\(place)/\(name)"
      func set(_ file: String, _ value: String) -> Bool {
        shell("echo \(value) >\(group)/\(file)").status == 0
      }
      if fields[2] == "cgroup", fields[3].split(separator: ",").contains("memory") {
        guard mkdir(group, 0o755) == 0 else { return nil }
        (path, events) = (group, group + "/memory.oom_control")
        _ = set("memory.limit_in_bytes", bytes) && set("memory.memsw.limit_in_bytes", bytes)
        return
      }
      if fields[2] == "cgroup2" {
        _ = shell("echo +memory >\(place)/cgroup.subtree_control")
        guard mkdir(group, 0o755) == 0 else { continue }
        guard set("memory.max", bytes) else {
          rmdir(group)
          continue
        }
        _ = set("memory.swap.max", "0")
        (path, events) = (group, group + "/memory.events")
        return
      }
    }
    return nil
  }

  /// How many processes in it the kernel has killed.
  var kills: Int {
    let lines = shell("cat \(events)").output.split(separator: "\n")
    return lines.first { $0.hasPrefix("oom_kill ") }.flatMap { Int($0.dropFirst(9)) } ?? 0
  }

  deinit { wait { rmdir(path) == 0 } }
}
