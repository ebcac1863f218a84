// The same through the library: each step is a point at which a test may stop it.

import CrashDrill
import Glibc
import OwnedDirectories
import ReapRules

/// Prints "STEP NAME" for each step of a creation, "owned NAME", and at the end "done NAME".
func writeThroughLibrary(_ root: String) {
  do {
    var name = ""
    let directory = try SpillDirectory(in: root) { step, made in
      name = made.display
      reachedPoint(step.rawValue, name)
    }
    reachedPoint("owned", name)
    try directory.remove()
    reachedPoint("done", name)
  } catch {
    reachedPoint("failed", "\(error)")
  }
}
