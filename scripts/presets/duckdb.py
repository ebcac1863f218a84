"""duckdb: spill files in its temp_directory. Those that hold data stay open; the pid in their names proves nothing."""

import glob, os, signal
import proving

WORK = """
import duckdb
base = duckdb.connect(config={"temp_directory": sys.argv[1], "memory_limit": "60MB", "threads": 2})
rows = 6_000_000
base.execute(f"create temp table t as select range i, hash(range) h from range({rows})")
want = base.execute(f"select sum(hash(range) % 1000) from range({rows})").fetchone()
say("spilled")
while not ending.is_set():
    assert base.execute("select sum(h % 1000) from t").fetchone() == want
    say("round")
base.close()
say("right")
"""


class Driver(proving.Program):
    clears_at_start = True
    quick = True
    at_once, shows_life = False, True

    def install(self):
        self.binaries = proving.venv("duckdb", "duckdb==2.0.1")
        return "duckdb 2.0.1"

    def start(self, stage):
        owner = stage.python(self.binaries, WORK, stage.place)
        owner.until_said("spilled")
        return owner

    def found(self, stage):
        return glob.glob(stage.place + "/duckdb_temp_*.tmp")

    def born(self, stage, start=None):
        """Without what one that lives has made in the same directory meanwhile."""
        owner, mine = super().born(stage, start)
        return owner, [path for path in mine if f"/duckdb_temp_{owner.pid}_" in path]

    def all(self, stage):
        return glob.glob(stage.place + "/*")

    def stays(self, path):
        """They come and go as blocks are read back: what it says of its rounds tells that none is lost."""
        return False

    def facts(self, stage):
        owner, _ = self.born(stage)
        os.kill(owner.pid, signal.SIGSTOP)
        mine = self.all(stage)
        data = glob.glob(stage.place + "/*.tmp")
        (mark,) = set(mine) - set(data)
        self.fact(all(f"/duckdb_temp_{owner.pid}_0_" in path for path in mine), f"leaves {self.names(mine[:2])} …")
        self.fact(
            data and all("open" in proving.users(path).get(owner.pid, ()) for path in data),
            f"{len(data)} files with data, all open",
        )
        self.fact(not proving.users(mark) and not proving.size(mark), f"{self.names([mark])} is empty and not open")
        self.fact(not any(map(proving.locks, mine)), "no locks")
        owner.kill()
        self.fact(all(map(os.path.exists, mine)), "they stay after a kill")
        again = self.start(stage)
        self.fact(not any(map(os.path.exists, mine)), "the next start on the same place removes them")
        again.finish()
        self.fact(not os.listdir(stage.place), "an end in order leaves nothing")
        owner = self.start(stage)
        mine = self.all(stage)
        with stage.namespace():
            self.start(stage).finish()
        gone = [path for path in mine if not os.path.exists(path)]
        self.fact(
            any(path.endswith("_owner") for path in gone),
            f"a start in another PID namespace removes {len(gone)} of a "
            f"living one's {len(mine)} files, which {'works on' if proving.lives(owner.pid) else 'fails'}",
        )
