#!/usr/bin/env bash
# cronolog --symlink, without --prev-symlink, never switches its link after the first period.
#
# cronolog 1.6.2+rpk-3 (Debian 12): it asks `stat(prevlinkname)` without looking whether there is one. The
# C library declares that argument nonnull, so the compiler leaves out the check that follows, and instead of
# unlinking the old link it calls rename(link, NULL): EFAULT, then symlink: EEXIST, both unsaid. Whoever follows
# the link sees a log that stopped. With --prev-symlink it is switched each period. Exits 0 while it is so.
set -euo pipefail

version=1.6.2+rpk-3
command -v cronolog >/dev/null || apt-get install --yes --no-install-recommends "cronolog=$version" >/dev/null
echo "cronolog $(dpkg-query -W -f '${Version}' cronolog)"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/one" "$work/two"

# It ends with status 3 where its input does.
lines() { for number in {1..8}; do echo "line $number"; sleep 0.4; done; }
lines | cronolog --symlink="$work/one/log" "$work/one/log-%Y%m%d-%H%M%S" || (($? == 3)) &
lines | cronolog --symlink="$work/two/log" --prev-symlink="$work/two/before" "$work/two/log-%Y%m%d-%H%M%S" ||
  (($? == 3))
wait

for which in one two; do
  files=("$work/$which"/log-*)
  echo "$which: ${#files[@]} files from ${files[0]##*/}; the link leads to $(basename "$(readlink "$work/$which/log")")"
  declare "first_$which=${files[0]}" "last_$which=${files[-1]}"
done
# shellcheck disable=SC2154
[[ $(readlink "$work/one/log") == "$first_one" && $first_one != "$last_one" ]] &&
  [[ $(readlink "$work/two/log") == "$last_two" ]]
