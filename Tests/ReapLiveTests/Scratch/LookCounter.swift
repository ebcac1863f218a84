// How often reapd looks into directories, told by the kernel.

import Foundation
import Glibc

/// Counts how often each of some directories is opened by anybody, reapd for one: it opens what it looks
/// into once a look.
final class LookCounter {
  private let instance = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
  private var paths: [Int32: String] = [:]
  private var counts: [String: Int] = [:]

  init(_ directories: [String]) {
    for path in directories {
      paths[inotify_add_watch(instance, path, UInt32(IN_OPEN | IN_ONLYDIR))] = path
    }
  }

  deinit { close(instance) }

  /// Since the last time this was asked.
  func take() -> [String: Int] {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let length = read(instance, &buffer, buffer.count)
      guard length > 0 else { break }
      var at = 0
      while at < length {
        let (watch, size) = buffer.withUnsafeBytes { bytes in
          (
            bytes.loadUnaligned(fromByteOffset: at, as: Int32.self),
            bytes.loadUnaligned(fromByteOffset: at + 12, as: UInt32.self)
          )
        }
        let mask = buffer.withUnsafeBytes {
          $0.loadUnaligned(fromByteOffset: at + 4, as: UInt32.self)
        }
        at += 16 + Int(size)
        // Of the directory itself, not of what lies in it.
        if mask & UInt32(IN_OPEN) != 0, size == 0, let path = paths[watch] {
          counts[path, default: 0] += 1
        }
      }
    }
    defer { counts = [:] }
    return counts
  }
}

/// How often the threads of a process have gone to sleep, and so been woken up, by the name of each.
func sleeps(of pid: pid_t) -> [String: Int] {
  var sleeps: [String: Int] = [:]
  for thread in names(in: "/proc/\(pid)/task") {
    let status = FileManager.default.contents(atPath: "/proc/\(pid)/task/\(thread)/status")
    for line in String(decoding: status ?? Data(), as: UTF8.self).split(separator: "\n") {
      guard line.hasPrefix("voluntary_ctxt_switches:") else { continue }
      sleeps[thread] = line.split(separator: "\t").last.flatMap { Int($0) }
    }
  }
  return sleeps
}
