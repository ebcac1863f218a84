"""zarr: a chunk that is being written, `*.partial`."""

import glob, os, signal
import proving

WORK = """
import os, sys, numpy, zarr
chunk = 20_000_000
path, mine = sys.argv[1], int(sys.argv[2])
array = (zarr.open_array(path) if os.path.exists(path + "/zarr.json") else
         zarr.create_array(path, shape=(16 * chunk,), chunks=(chunk,), dtype="f8", compressors=None))
while not ending.is_set():
    array[mine * chunk:(mine + 1) * chunk] = mine + 1.0
assert array[mine * chunk:(mine + 1) * chunk].sum() == chunk * (mine + 1.0)
say("right")
"""


class Driver(proving.Program):
    at_once, shows_life, says_rounds = False, True, False

    def install(self):
        self.binaries = proving.venv("zarr", "zarr==3.1.6")
        return "zarr 3.1.6"

    def start(self, stage):
        """One that is stopped in the middle of a write, which is over too soon to be met otherwise."""
        before = set(self.found(stage))
        owner = stage.python(self.binaries, WORK, stage.place + "/array", str(stage.count))

        def caught():
            if owner.process.poll() is not None:
                raise proving.Wrong(f"ended: {owner.last()}")
            if not set(self.found(stage)) - before:
                return False
            os.kill(owner.pid, signal.SIGSTOP)
            if set(self.found(stage)) - before:
                return True
            os.kill(owner.pid, signal.SIGCONT)
            return False

        proving.until(caught, "a write is met")
        return owner

    def root(self, stage):
        return stage.place + "/array/c"

    def found(self, stage):
        return glob.glob(self.root(stage) + "/*.partial")

    def finish(self, owner):
        os.kill(owner.pid, signal.SIGCONT)
        super().finish(owner)

    def facts(self, stage):
        owner, (mine,) = self.born(stage)
        self.fact(os.path.basename(mine).startswith("0."), f"leaves {self.names([mine])}, {proving.size(mine):,} bytes")
        self.fact("open" in proving.users(mine).get(owner.pid, ()), "it is open")
        self.fact(not proving.locks(mine), "no locks")
        owner.kill()
        again, _ = self.born(stage)
        self.finish(again)
        self.fact(self.found(stage) == [mine], "it stays after the next run, which leaves none")
