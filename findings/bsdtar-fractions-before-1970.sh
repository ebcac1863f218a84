#!/usr/bin/env bash
# bsdtar and GNU tar read each other's fractions of seconds before 1970 wrong, by up to two seconds.
#
# pax stores a time as a decimal number: a quarter of a second after -100 is `-99.75`. libarchive 3.6.2 (Debian 12)
# writes seconds and nanoseconds side by side, `-100.25`, and reads them so: its own archives come back right, those
# of GNU tar 1.34 do not, and its archives come back half a second early with that. No warning.
# Who rewrites an archive with it changes times; who copies headers as they stand does not. Exits 0 while it is so.
set -euo pipefail

version=3.6.2-1+deb12u
command -v bsdtar >/dev/null || apt-get install --yes --no-install-recommends "libarchive-tools=$version*" >/dev/null
bsdtar --version
tar --version | head -1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir from
touch -d '@-100' from/file
python3 -c 'import os; os.utime("from/file", ns=(0, -99_750_000_000))'

time_of() { python3 -c 'import os, sys; print(os.stat(sys.argv[1]).st_mtime_ns / 1e9)' "$1"; }

declare -A restored
for writer in tar bsdtar; do
  "$writer" --format=pax -C from -cf "$writer.tar" file
  echo "$writer writes: $(strings "$writer.tar" | grep -o 'mtime=.*')"
  for reader in tar bsdtar; do
    mkdir "$writer-$reader"
    "$reader" -xf "$writer.tar" -C "$writer-$reader" 2>/dev/null
    restored[$writer-$reader]=$(time_of "$writer-$reader/file")
    echo "  and $reader restores ${restored[$writer-$reader]}"
  done
done
[[ ${restored[tar-tar]} == -99.75 && ${restored[bsdtar-bsdtar]} == -99.75 ]]
[[ ${restored[tar-bsdtar]} == -98.25 && ${restored[bsdtar-tar]} == -100.25 ]]
