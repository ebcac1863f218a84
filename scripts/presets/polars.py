"""polars: spilled columns in a directory named by the pid, which are not held open."""

import os
import proving

WORK = """
import polars as pl
rows = 4_000_000
def run():
    frame = pl.LazyFrame({"a": range(rows)}).with_columns(b=pl.col("a").hash(), c=(pl.col("a") * 7919) % 1_000_003)
    both = frame.sort("b").join(frame.sort("c"), on="a")
    return both.select(pl.col("c").sum(), pl.len()).collect(engine="streaming").row(0)
want = None
while not ending.is_set():
    got = run()
    assert want in (None, got)
    say("round" if want else "spilled", got)
    want = got
say("right")
"""


class Driver(proving.Program):
    quick = True

    def install(self):
        self.binaries = proving.venv("polars", "polars==2.1.0")
        return "polars 2.1.0"

    def start(self, stage, in_namespace=False):
        """One that has something on disk: between two queries its directory is empty."""
        owner = stage.python(
            self.binaries,
            WORK,
            env={"POLARS_OOC_SPILL_DIR": stage.place, "POLARS_OOC_MEMORY_BUDGET_MB": "30", "POLARS_MAX_THREADS": "2"},
        )
        owner.until_said("spilled")
        where = f"{stage.place}/{'2' if in_namespace else owner.pid}"
        proving.until(lambda: os.path.isdir(where) and os.listdir(where), "there is something in it")
        return owner

    def facts(self, stage):
        owner, (mine,) = self.born(stage)
        self.fact(mine == f"{stage.place}/{owner.pid}", f"leaves {self.names([mine])}, named by its pid")
        proving.until(lambda: os.listdir(mine) and not proving.users(mine), "spilled files that are not open")
        self.fact(not any(map(proving.locks, [mine])), "its files are not held open, and there are no locks")
        owner.kill()
        self.fact(os.path.exists(mine), "it stays after a kill")
        again = self.start(stage)
        self.fact(not os.path.exists(mine), "the next start on the same place removes it")
        again.finish()
        self.fact(
            not any(map(os.listdir, self.found(stage))),
            f"an end in order leaves an empty directory: {self.names(self.found(stage))}",
        )
        owner, (mine,) = self.born(stage)
        with stage.namespace():
            self.start(stage, in_namespace=True).finish()
        self.fact(
            not os.path.exists(mine),
            "a start in another PID namespace removes a living one's, which "
            f"{'works on' if proving.lives(owner.pid) else 'fails'}",
        )
