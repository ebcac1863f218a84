import Glibc
import OwnedDirectories
import ReapConfiguration
import ReapRules

/// Where reapd keeps what it knows from one run to the next, the audit apart: `$XDG_STATE_HOME/reapd`, else of
/// root `/var/lib/reapd`, else `~/.local/state/reapd`. Need not exist.
func stateDirectory() -> FilePath {
  if let named = Environment.current.path("XDG_STATE_HOME"), named.isAbsolute {
    return named.appending("reapd")
  }
  return geteuid() == 0
    ? "/var/lib/reapd" : UserContext.current.home.appending(".local/state/reapd")
}
