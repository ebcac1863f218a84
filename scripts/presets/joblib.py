"""joblib: memory-mapped arguments, used by the workers for minutes after their parent has died."""

import glob, os, time
import proving

WORK = """
import numpy, os, sys, time
from joblib import Parallel, delayed
big = numpy.arange(4_000_000.0)
def total(values, stay):
    # A worker that is in the middle of a task goes on with it when its parent is gone.
    until = time.monotonic() + stay
    while (found := float(values.sum())) and time.monotonic() < until:
        time.sleep(0.01)
    return found
with Parallel(n_jobs=2, temp_folder=sys.argv[1], max_nbytes="1M") as parallel:
    assert parallel(delayed(total)(big, 0) for _ in range(2)) == [float(big.sum())] * 2
    say("spilled")
    while not ending.is_set():
        assert parallel(delayed(total)(big, float(sys.argv[2])) for _ in range(2)) == [float(big.sum())] * 2
        say("round")
say("right")
"""


class Driver(proving.Program):
    quick = True
    stay = 1  # seconds a task lasts

    def install(self):
        self.binaries = proving.venv("joblib", "joblib==1.6.0", "numpy==2.4.6")
        return "joblib 1.6.0"

    def start(self, stage):
        owner = stage.python(self.binaries, WORK, stage.place, str(self.stay))
        owner.until_said("spilled")
        return owner

    def found(self, stage):
        return glob.glob(stage.place + "/joblib_memmapping_folder_*")

    def facts(self, stage):
        owner, (mine,) = self.born(stage)
        workers = proving.children(owner.pid)
        self.fact(
            f"/joblib_memmapping_folder_{owner.pid}_" in mine,
            f"leaves {self.names([mine])[:34]}…, {proving.size(mine):,} bytes",
        )
        users = proving.until(lambda: proving.users(mine), "somebody uses it")
        self.fact(
            owner.pid not in users and all("mapped" in how for how in users.values()),
            f"mapped by {users}, while the parent {owner.pid} has nothing of it",
        )
        self.fact(not any(map(proving.locks, glob.glob(mine + "/*"))), "no locks")
        owner.kill()
        killed = time.monotonic()
        self.fact(proving.users(mine), "the workers use it after their parent's death")
        proving.until(lambda: not proving.users(mine), "the workers end their task")
        self.say(
            f"used for {time.monotonic() - killed:.1f} s after the kill, by tasks of {self.stay} s; then there: "
            f"{os.path.exists(mine)}, still living: {sum(map(proving.lives, workers))} of {len(workers)} children"
        )

    def goes(self, reapd, paths, began):
        """Not before the workers are done with it, and then at once."""
        used = 0
        while proving.users(paths[0]):
            used += 1
            time.sleep(0.05)
        if not used:
            raise proving.Wrong("nobody used it when its parent died")
        self.say(f"used for {time.monotonic() - began:.1f} s after the kill, by workers that live on")
        super().goes(reapd, paths, time.monotonic())
