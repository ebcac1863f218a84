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
  return errno == EAGAIN || errno == EBUSY ? .open : .unknown("lease: \(errorText(errno))")
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
