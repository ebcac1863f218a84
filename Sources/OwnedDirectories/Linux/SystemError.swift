import CLinuxShims
import Glibc

/// A system call that failed: which, on what, and the errno.
package struct SystemError: Error, Sendable, CustomStringConvertible {
  package let call: String
  package let path: String
  package let code: Int32

  package init(_ call: String, _ path: String, _ code: Int32 = errno) {
    self.call = call
    self.path = path
    self.code = code
  }

  package var description: String { "\(call) \(path): \(errorText(code))" }
}

/// The system's words for an errno.
package func errorText(_ code: Int32) -> String {
  unsafe String(cString: shim_error_text(code))
}

/// Repeats a call that a signal interrupted; the one place that knows EINTR.
@inline(__always)
func retrying<Result: SignedInteger>(_ call: () -> Result) -> Result {
  while true {
    let result = call()
    if result != -1 || errno != EINTR { return result }
  }
}

// The errnos that errors of the library tell apart.
let (noSpace, quota, notPermitted, noAccess, absent, link, crossing) =
  (ENOSPC, EDQUOT, EPERM, EACCES, ENOENT, ELOOP, EXDEV)
let (exists, wouldBlock) = (EEXIST, EWOULDBLOCK)
// Ways to open what is there.
package let (openFileFlags, openDirectoryFlags) = (
  O_RDONLY | O_NOFOLLOW | O_NONBLOCK, O_RDONLY | O_DIRECTORY | O_NOFOLLOW
)

extension SystemError {
  /// Whether the system refused it to this user.
  package var isRefusal: Bool { code == EPERM || code == EACCES }

  /// Whether nothing is there.
  package var isAbsence: Bool { code == ENOENT || code == ENOTDIR }
}
