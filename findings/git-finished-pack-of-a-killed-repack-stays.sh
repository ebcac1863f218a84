#!/usr/bin/env bash
# What the child of a killed `git repack` finishes is removed by nothing in git, not even by `gc --prune=now`.
#
# git 2.39.5 (Debian 12): `repack` writes through a child, `pack-objects`, that lives on when only its parent is
# killed. It completes a pack as `.tmp-<pid of the parent>-pack-<hash>`, which the parent would have renamed.
# A later repack removes only such names with its own pid, prune only what begins with `tmp_`, and
# `count-objects -v` knows of no garbage: the whole repository once more for each time, unseen. What the child
# had not finished, `tmp_pack_*`, does go with `gc --prune=now`. Exits 0 while it is so.
set -euo pipefail

version=2.39.5
command -v git >/dev/null || apt-get install --yes --no-install-recommends "git=1:$version*" >/dev/null
git --version
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME=$work GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org
export GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@example.org
git init -q "$work/repository"
cd "$work/repository"

# Texts that resemble each other, so that looking for deltas takes a while.
seq 1 20000 >text
for number in {1..60}; do
  shuf -n 19000 --random-source=<(yes "$number") text >file
  git add file
  git commit -qm "$number"
done
pack=.git/objects/pack

git -c pack.threads=1 repack -adfq --window=60 &
parent=$!
for _ in {1..600}; do
  child=$(cat "/proc/$parent/task/$parent/children") || true
  compgen -G "$pack/tmp_pack_*" >/dev/null && [[ -n $child ]] && break
  sleep 0.02
done
child=${child%% *}
kill -STOP "$child"
kill -KILL "$parent"
{ wait "$parent" || true; } 2>/dev/null
kill -CONT "$child"
for _ in {1..1500}; do [[ -e /proc/$child ]] || break; sleep 0.02; done

finished=("$pack"/.tmp-"$parent"-pack-*.pack)
echo "the child left ${finished[0]##*/}, $(stat -c %s "${finished[0]}") bytes"
touch -d '30 days ago' "$pack"/.tmp-* "$pack"/tmp_* 2>/dev/null || true
git gc --quiet --prune=now
git repack -adq
garbage=$(git count-objects -v | sed -n 's/^garbage: //p')
echo "after gc --prune=now and a repack, a month old: $(ls "${finished[0]}"), garbage by count-objects: $garbage"
[[ -e ${finished[0]} && $garbage == 0 ]]
