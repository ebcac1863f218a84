import CLinuxShims
import Glibc
package import ReapRules

/// The lock that owners take and reapd probes, on one open descriptor of the lock file.
package enum LockAttempt: Sendable, Equatable {
  /// We hold it until `releaseLock` or until the descriptor is closed.
  case taken
  /// Somebody else holds it.
  case held
  /// The kernel answered something else than "would block": nothing is known.
  case failed(String)
}

/// Tries to take the lock for ourselves, without waiting.
///
/// Of fcntl locks, a read-only descriptor cannot take the write lock (EBADF), so its absence is
/// asked for (F_OFD_GETLK) and then a read lock taken, which keeps later writers out.
package func tryLock(_ file: Descriptor, _ type: LockType) -> LockAttempt {
  if type != .fcntl {
    if retrying({ flock(file.number, LOCK_EX | LOCK_NB) }) != 0 {
      return errno == EWOULDBLOCK ? .held : .failed("flock: \(errorText(errno))")
    }
  }
  if type != .flock {
    var attempt = LockAttempt.taken
    switch shim_ofd_test_write_lock(file.number) {
    case 0:
      if retrying({ shim_ofd_read_lock(file.number) }) != 0 {
        let wouldBlock = errno == EAGAIN || errno == EACCES
        attempt = wouldBlock ? .held : .failed("fcntl lock: \(errorText(errno))")
      }
    case 1: attempt = .held
    default: attempt = .failed("fcntl lock: \(errorText(errno))")
    }
    if attempt != .taken {
      releaseLock(file, type)
      return attempt
    }
  }
  return .taken
}

/// Tries to take the BSD lock on a directory itself, without waiting. Where a file system knows no such
/// lock (NFS makes it a lock of a byte range, for which a directory cannot be opened), nobody has it.
package func tryLockDirectory(_ directory: Descriptor) -> LockAttempt {
  if retrying({ flock(directory.number, LOCK_EX | LOCK_NB) }) == 0 { return .taken }
  return switch errno {
  case EWOULDBLOCK: .held
  case EBADF, EINVAL, ENOTSUP: .taken
  default: .failed("flock: \(errorText(errno))")
  }
}

/// Gives back what `tryLock` took.
package func releaseLock(_ file: Descriptor, _ type: LockType) {
  if type != .fcntl { _ = flock(file.number, LOCK_UN) }
  if type != .flock { _ = shim_ofd_unlock(file.number) }
}

/// Whether anybody else has a regular file open.
package enum OpenProbe: Sendable, Equatable {
  case notOpen
  case open
  case unknown(String)
}

/// Asks by taking a write lease and giving it back at once: the kernel grants it only when nobody
/// else has the file open, mappings and other containers included (fcntl(2), F_SETLEASE).
///
/// SIGIO must be ignored in the process: whoever opens the file in between raises it.
package func probeOpen(_ file: Descriptor) -> OpenProbe {
  let lease = Int32(shim_F_SETLEASE)
  if retrying({ shim_fcntl(file.number, lease, Int32(F_WRLCK)) }) == 0 {
    _ = shim_fcntl(file.number, lease, Int32(F_UNLCK))
    return .notOpen
  }
  switch errno {
  case EAGAIN, EBUSY: return .open
  case EACCES:
    return .unknown(
      "lease: CAP_LEASE is missing, which another user's files need; give reapd that capability "
        + "(AmbientCapabilities= of a unit, --cap-add of a container), or run it as that user")
  default: return .unknown("lease: \(errorText(errno))")
  }
}

/// Whether anybody may change what is in a file, a mapping included, by a read lease, which is given
/// back at once: readers do not stand in its way. True where no lease is to be had.
///
/// - Parameter file: open for nothing but reading.
package func mayHaveWriter(_ file: Descriptor) -> Bool {
  let lease = Int32(shim_F_SETLEASE)
  guard retrying({ shim_fcntl(file.number, lease, Int32(F_RDLCK)) }) == 0 else { return true }
  _ = shim_fcntl(file.number, lease, Int32(F_UNLCK))
  return false
}

/// Numbers that stand at the beginning of an open file, in decimal digits: a few, and no more read than
/// that takes.
package func numbers(in file: Descriptor) -> [Int32] {
  var bytes = [UInt8](repeating: 0, count: 256)
  let size = retrying { unsafe pread(file.number, &bytes, bytes.count, 0) }
  return size > 0 ? numbers(in: bytes[..<size]) : []
}

/// The same in text. Dates and times of day are no numbers: many a lock file tells when it was taken.
package func numbers(in text: ArraySlice<UInt8>) -> [Int32] {
  var found: [Int32] = []
  var rest = text
  while let first = rest.first, found.count < 8 {
    guard isDigit(first) else {
      rest.removeFirst()
      continue
    }
    let run = rest.prefix(while: isDigit)
    if let length = lengthOfTime(rest) {
      rest.removeFirst(length)
    } else {
      if let number = Int32(String(decoding: run, as: UTF8.self)) { found.append(number) }
      rest.removeFirst(run.count)
    }
  }
  return found
}

/// How long a date (2026-11-28) or a time of day (05:28:59, with a fraction or without) is that a text
/// begins with.
private func lengthOfTime(_ text: ArraySlice<UInt8>) -> Int? {
  for shape in ["0000-00-00", "00:00:00"] {
    let isLike = zip(text, shape.utf8).allSatisfy {
      $1 == UInt8(ascii: "0") ? isDigit($0) : $0 == $1
    }
    let after = text.dropFirst(shape.utf8.count)
    guard isLike, text.count >= shape.utf8.count, after.first.map(isDigit) != true else { continue }
    guard after.first == UInt8(ascii: ".") else { return shape.utf8.count }
    return shape.utf8.count + 1 + after.dropFirst().prefix(while: isDigit).count
  }
  return nil
}

private func isDigit(_ byte: UInt8) -> Bool {
  (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
}

/// Whether anybody has a file open for writing, by a read lease that is given back at once: the
/// kernel grants it only while nobody does. Where it cannot tell: false.
package func isOpenForWriting(_ file: Descriptor) -> Bool {
  let lease = Int32(shim_F_SETLEASE)
  if retrying({ shim_fcntl(file.number, lease, Int32(F_RDLCK)) }) == 0 {
    _ = shim_fcntl(file.number, lease, Int32(F_UNLCK))
    return false
  }
  return errno == EAGAIN || errno == EBUSY
}

/// Takes the BSD lock on a root directory that makes this process its only reaper.
package func tryLockRoot(_ root: Descriptor) -> LockAttempt { tryLock(root, .flock) }

/// The same beside somebody else's shared lock; false where that is no shared one.
package func tryLockRootShared(_ root: Descriptor) -> Bool {
  retrying { flock(root.number, LOCK_SH | LOCK_NB) } == 0
}
