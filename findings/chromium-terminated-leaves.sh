#!/usr/bin/env bash
# Chromium that is asked to end with SIGTERM ends with status 0 and leaves its socket's directory and its lock.
#
# Chromium 156.0.8078.108 (Debian 12), headless: after SIGINT or SIGHUP `$TMPDIR/org.chromium.Chromium.XXXXXX`
# and the profile's SingletonLock are gone. After SIGTERM, which is what `kill`, `docker stop` and systemd send,
# both stay, though it ends in order: one directory for each browser, with a socket that nobody listens on, under
# a name that no longer begins with a dot. No crash is needed to fill /tmp. Exits 0 while it is so.
set -euo pipefail

version=156.0.8078.108
command -v chromium >/dev/null || apt-get install --yes --no-install-recommends "chromium=$version*" >/dev/null
chromium --version 2>/dev/null
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME=$work TMPDIR=$work/tmp
declare -A left

for signal in TERM INT HUP TERM INT HUP; do
  rm -rf "$TMPDIR" "$work/profile"
  mkdir "$TMPDIR"
  # Bash starts what it puts in the background with SIGINT ignored.
  env --default-signal=INT chromium --headless --no-sandbox --disable-gpu --remote-debugging-port=0 \
    --user-data-dir="$work/profile" about:blank 2>"$work/log" &
  browser=$!
  for _ in {1..600}; do grep -q '^DevTools listening' "$work/log" && break; sleep 0.05; done
  sleep 2
  kill -"$signal" "$browser"
  status=0
  wait "$browser" || status=$?
  sleep 1
  names=$(cd "$TMPDIR" && ls -d ./org.chromium.Chromium.* 2>/dev/null || true)
  lock=$(readlink "$work/profile/SingletonLock" || true)
  echo "SIG$signal: status $status, left: ${names:-nothing}, lock: ${lock:-none}"
  left[$signal]+=${names:+directory}${lock:+lock}$status,
done
[[ ${left[TERM]} == directorylock0,directorylock0, && ${left[INT]} == 0,0, && ${left[HUP]} == 0,0, ]]
