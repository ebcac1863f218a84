"""The release build of another commit, for scripts/bench --against; made once and kept."""
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile


def build(root, commit):
    """The binary's path and the commit's short name."""
    def git(*words, check=True):
        return subprocess.run(["git", "-C", root, *words], check=check, capture_output=True, text=True).stdout.strip()

    full = git("rev-parse", "--verify", "--quiet", commit + "^{commit}", check=False)
    if not full:
        sys.exit(f"bench: no commit {commit} here")
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    place = os.path.join(home, "reapd-bench", full)
    binary = os.path.join(place, "reapd")
    os.makedirs(place, exist_ok=True)
    with open(place + "/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # who comes second waits, and builds nothing
        if not os.path.exists(binary):
            build_aside(git, full, place, binary)
    return binary, full[:7]


def build_aside(git, full, place, binary):
    print(f"building {full[:7]} aside (once; kept as {binary})", file=sys.stderr, flush=True)
    aside = tempfile.mkdtemp(prefix="source.", dir=place)
    try:
        git("worktree", "add", "--detach", "--force", aside, full)
        # The same flags as scripts/release.bash builds ours with.
        done = subprocess.run(["swift", "build", "--package-path", aside, "-c", "release", "--static-swift-stdlib",
                               "--product", "reapd"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            sys.exit(f"{done.stdout}\nbench: {full[:7]} does not build")
        # By a rename, so that what is there is whole.
        shutil.copy2(os.path.join(aside, ".build/release/reapd"), binary + ".new")
        os.rename(binary + ".new", binary)
    finally:
        git("worktree", "remove", "--force", aside, check=False)
        shutil.rmtree(aside, ignore_errors=True)
