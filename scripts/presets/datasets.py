"""datasets: a split that is being prepared, in `<version>.incomplete`, under the lock beside it."""

import glob, os, shutil
import proving

WORK = """
import os, sys, time
os.environ["HF_HUB_OFFLINE"] = "1"
import datasets
datasets.disable_progress_bars()
def rows(seed):
    for number in range(2000):
        yield {"number": number, "text": "x" * 1000}
    say("spilled")
    while not ending.is_set():
        say("round")
        time.sleep(0.1)
    yield {"number": 2000, "text": "y"}
made = datasets.Dataset.from_generator(rows, gen_kwargs={"seed": [1]}, cache_dir=sys.argv[1], writer_batch_size=100,
                                       config_name=sys.argv[2])
assert len(made) == 2001 and made[2000]["text"] == "y"
say("right")
"""


class Driver(proving.Program):
    def install(self):
        self.binaries = proving.venv("datasets", "datasets==5.2.0")
        return "datasets 5.2.0"

    def start(self, stage):
        """One after the other in the same place cannot be: the next waits for the lock, or takes what is there."""
        names = sorted({"one", "two"} - {owner.name for owner in stage.owners if owner.process.poll() is None})
        owner = stage.python(self.binaries, WORK, stage.place, names[0])
        owner.name = names[0]
        owner.until_said("spilled")
        return owner

    def roots(self, stage):
        """What has been made once, and is taken away again: the names of its directories are hashes."""
        if not stage.owners:
            for owner in (self.start(stage), self.start(stage)):
                owner.finish()
            for path in glob.glob(stage.place + "/*/*/*"):
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        return glob.glob(stage.place + "/*/*-*")

    def found(self, stage):
        return glob.glob(stage.place + "/*/*/*.incomplete")

    def facts(self, stage):
        owner, (mine,) = self.born(stage)
        beside = mine.replace(".incomplete", "_builder.lock")
        self.fact(os.path.basename(mine) == "0.0.0.incomplete", f"leaves {mine.removeprefix(stage.place)}")
        self.fact(proving.locks(beside) == [("FLOCK", owner.pid)], f"{self.names([beside])}: {proving.locks(beside)}")
        self.fact(list(proving.users(mine)) == [owner.pid], "the file that it writes is open")
        owner.kill()
        stray = mine + "/generator-train-00007-of-00008.arrow"
        with open(stray, "w"):
            pass
        again = self.start(stage)
        self.fact(owner.name == again.name and self.found(stage) == [mine], "it stays, and the next run writes into it")
        again.finish()
        kept = stray.replace(".incomplete", "")
        self.fact(os.path.exists(kept), "what else is in there becomes part of what that makes")
