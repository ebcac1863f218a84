#!/usr/bin/env bash
# inotify tells of a file made with O_TMPFILE by a name that no listing has, also once it was linked to a real one.
#
# Linux 6.18, ext4: the directory's watch hears OPEN and MODIFY of `#<inode number>` for a file without a name. linkat(2)
# gives it one, and that is a bare CREATE. Whatever its maker writes then, and its close, is told as of `#<inode number>`
# still: no MODIFY, no CLOSE_WRITE and no MOVED_TO ever comes under the name that the file has. Who waits for one of
# those to read a file that is published so waits for ever; who takes each name for an entry looks for what never was.
# Exits 0 while it is so.
set -euo pipefail

version=3.22.6.0-4
command -v inotifywait >/dev/null || apt-get install --yes --no-install-recommends "inotify-tools=$version" >/dev/null
work=$(mktemp -d -p /var/tmp)
trap 'kill "$watcher" 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir "$work/watched"
inotifywait -q -m --format '%e %f' "$work/watched" >"$work/events" 2>"$work/errors" &
watcher=$!
until grep -q '^inotify wd' "/proc/$watcher/fdinfo/"* 2>/dev/null; do read -rt 0.05 <> <(:) || true; done
inode=$(python3 - "$work/watched" <<'PYTHON'
import ctypes, os, sys
directory, libc = sys.argv[1], ctypes.CDLL(None, use_errno=True)
file = os.open(directory, os.O_TMPFILE | os.O_RDWR, 0o600)
os.write(file, b"begun")
AT_FDCWD, AT_SYMLINK_FOLLOW = -100, 0x400
name = os.fsencode(directory + "/published")
assert libc.linkat(AT_FDCWD, b"/proc/self/fd/%d" % file, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0
os.write(file, b" and ended")
print(os.fstat(file).st_ino)
os.close(file)
PYTHON
)
: >"$work/watched/last"
until grep -q 'CLOSE_WRITE,CLOSE last' "$work/events"; do read -rt 0.05 <> <(:) || true; done
uname -sr
inotifywait --help | head -1 || true
sed "s/#$inode/#<inode>/" "$work/events"
told=$(grep -v ' last$' "$work/events" | sed "s/#$inode/#/" | paste -sd';')
[[ $told == 'OPEN #;MODIFY #;CREATE published;MODIFY #;CLOSE_WRITE,CLOSE #' ]]
[[ $(cat "$work/watched/published") == "begun and ended" ]]
