#!/usr/bin/env bash
# A link made through one name of a file on FUSE does not show in the link count of its other name.
#
# bindfs 1.14.7 (Debian 12) on Linux 6.18: the server gives each name a kernel inode of its own. After
# `ln a b`, statx(2) of `a` says 1 link until its cached attributes are a second old; with
# AT_STATX_FORCE_SYNC it says 2 at once. A flock held through `b` is free through `a` all the while, so
# "one name, hence no other lock" must be asked for past the cache. On a local file system both are 2.
# Needs root and /dev/fuse. Exits 0 while it is so.
set -euo pipefail

version=1.14.7
command -v bindfs >/dev/null || apt-get install --yes --no-install-recommends "bindfs=$version*" >/dev/null
echo "$(bindfs --version | head -1) on Linux $(uname -r)"
work=$(mktemp -d)
trap 'umount -l "$work/point"; rm -rf "$work"' EXIT
mkdir "$work/source" "$work/point"
bindfs "$work/source" "$work/point"
cd "$work/point"

touch a
stat a >/dev/null # the kernel knows it now
ln a b
cached=$(stat --cached=always -c %h a)
fresh=$(stat --cached=never -c %h a)
echo "links of a: $cached by what is cached, $fresh by what the server says"
exec 9<b
flock -n 9
if flock -n a true; then seen=free; else seen=held; fi
echo "a lock held on b, asked for on a: $seen"
exec 9<&-
cd /
[[ $cached == 1 && $fresh == 2 && $seen == free ]]
