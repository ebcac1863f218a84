"""ray: a session's directory with spilled objects; its agents outlive the driver and hold its logs open."""

import glob, os, time
import proving

WORK = """
import os, time
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
import ray, numpy
ray.init(num_cpus=1, object_store_memory=80_000_000, _temp_dir=sys.argv[1], include_dashboard=False, log_to_driver=False)
parts = [ray.put(numpy.full(2_000_000, n, dtype="f8")) for n in range(12)]
say("spilled")
while not ending.is_set():
    for n, part in enumerate(parts):
        assert float(ray.get(part)[0]) == n
    say("round")
    time.sleep(0.2)
ray.shutdown()
say("right")
"""


class Driver(proving.Program):
    at_once, shows_life = False, True

    def install(self):
        self.binaries = proving.venv("ray", "ray==2.60.0", "numpy==2.4.6")
        return "ray 2.60.0"

    def start(self, stage):
        owner = stage.python(self.binaries, WORK, stage.place)
        owner.until_said("spilled", seconds=180)
        return owner

    def found(self, stage):
        return glob.glob(stage.place + "/session_2*")

    def kill(self, owner):
        """With its agents, which live on for a minute otherwise."""
        proving.kill_with_children(owner)

    def facts(self, stage):
        owner, (mine,) = self.born(stage)
        spilled = glob.glob(mine + "/ray_spilled_objects_*/*")
        self.fact(
            mine.endswith(f"_{owner.pid}") and spilled,
            f"leaves {self.names([mine])}, {proving.size(mine):,} bytes, " f"{len(spilled)} files of spilled objects",
        )
        proving.until(
            lambda: not any(map(proving.users, glob.glob(mine + "/ray_spilled_objects_*/*"))),
            "spilled files are closed",
        )
        self.fact(
            not any(map(proving.locks, glob.glob(mine + "/**", recursive=True))),
            "spilled files are closed, and no locks",
        )
        below = proving.children(owner.pid)
        self.fact(len(proving.users(mine)) > 3, f"other files in it are open in {len(proving.users(mine))} processes")
        owner.kill()
        killed = time.monotonic()
        proving.until(lambda: not proving.users(mine), "nobody uses it", 150)
        self.fact(
            time.monotonic() - killed > 20, f"in use for {time.monotonic() - killed:.0f} s after the driver's death"
        )
        proving.until(lambda: not any(map(proving.lives, below)), "all have ended", 60)
        again, _ = self.born(stage)
        again.finish()
        self.fact(
            os.path.exists(mine),
            "it stays after the next run, whose own stays too: " f"{len(self.found(stage))} of them",
        )
