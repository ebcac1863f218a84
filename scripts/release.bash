# shellcheck shell=bash
# Sourced by the other scripts: a release binary of reapd that is built only when something has changed.

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
binary=$root/.build/release/reapd
stamp=$root/.build/reapd.stamp

# Names, times and sizes of all that goes into the binary.
source_state() {
  find "$root/Package.swift" "$root/Sources" -type f -printf '%p %T@ %s\n' | LC_ALL=C sort | cksum
}

# The same of what a build leaves behind: a binary built by hand, or other versions of the dependencies, are a change.
built_state() {
  stat -Lc '%n %y %s' "$binary" 2>/dev/null || true
  cksum "$root/Package.resolved" 2>/dev/null || true
}

is_current() {
  [[ -x $binary && -r $stamp && $(<"$stamp") == "$(source_state; built_state)" ]]
}

require_swift() {
  command -v swift >/dev/null && return
  echo "reapd: no 'swift' in PATH; version 6.2 or later is needed: https://www.swift.org/install/linux/" >&2
  exit 1
}

# Standard output stays clean and standard input unread: both belong to the binary that runs afterwards.
build_release() {
  "$root/scripts/install-packages" build || exit 1
  is_current && return
  require_swift
  mkdir -p "$root/.build"
  (
    flock 9
    is_current && exit 0 # another caller has just built it
    echo "building reapd (first time takes a minute)…" >&2
    # Taken before the build: a file edited meanwhile makes the next start build again.
    sources=$(source_state)
    rm -f "$stamp"
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    if ! swift build --package-path "$root" -c release --static-swift-stdlib --product reapd \
      </dev/null >"$log" 2>&1 9>&-; then
      cat "$log" >&2
      echo "reapd: the build failed" >&2
      exit 1
    fi
    { echo "$sources"; built_state; } >"$stamp"
  ) 9>"$root/.build/reapd.lock" || exit 1
}
