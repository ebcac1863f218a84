"""dask.distributed: a worker's spill directory, whose owner holds a lock on the file beside it."""

import fcntl, glob, os
import proving

WORK = """
import sys, time, dask, numpy
from distributed import Client, LocalCluster
if __name__ == "__main__":
    dask.config.set({"distributed.worker.memory.pause": False, "distributed.worker.memory.terminate": False,
                     "distributed.worker.memory.spill": False})
    # Threads of this process: whoever kills it kills the worker.
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, memory_limit="100MB", dashboard_address=None,
                      local_directory=sys.argv[1]) as cluster, Client(cluster) as client:
        parts = [client.submit(numpy.full, 1_000_000, n, pure=False) for n in range(20)]
        while [part.status for part in parts] != ["finished"] * 20:
            time.sleep(0.05)
        say("spilled")
        while not ending.is_set():
            sums = client.map(lambda part: int(part.sum()), parts, pure=False)
            assert client.gather(sums) == [n * 1_000_000 for n in range(20)]
            say("round")
            time.sleep(0.2)
    say("right")
"""


class Driver(proving.Program):
    quick = True

    def install(self):
        self.binaries = proving.venv("dask", "dask==2026.8.0", "distributed==2026.8.0", "numpy==2.4.6")
        return "dask.distributed 2026.8.0"

    def start(self, stage):
        owner = stage.python(self.binaries, WORK, stage.place)
        owner.until_said("spilled")
        return owner

    def root(self, stage):
        return stage.place + "/dask-scratch-space"

    def found(self, stage):
        return glob.glob(self.root(stage) + "/worker-*")

    def facts(self, stage):
        owner, (mine, beside) = self.born(stage)
        self.fact(
            beside == mine + ".dirlock" and proving.size(mine) > 20_000_000,
            f"leaves {self.names([mine])}, {proving.size(mine):,} bytes in it",
        )
        self.fact(proving.locks(beside) == [("FLOCK", owner.pid)], f"beside it: {proving.locks(beside)}")
        proving.until(lambda: not proving.users(mine), "nothing in it is open between two tasks")
        self.fact(True, "between two tasks nothing in it is open")
        self.fact(os.listdir(mine) == ["storage"], f"no lock inside: {os.listdir(mine)}")
        owner.kill()
        self.fact(os.path.isdir(mine) and not proving.locks(beside), "after a kill it stays, its lock free")
        with open(self.root(stage) + "/purge.lock", "w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            self.start(stage).finish()
        self.fact(os.path.exists(mine), "while purge.lock is held, the next start on the same place leaves it")
        again = self.start(stage)
        self.fact(not os.path.exists(mine), "otherwise it removes it")
        again.finish()
        self.fact(not self.found(stage), "an end in order leaves nothing")
