"""chdb: the folder of a session without a path, with a lock on `status` inside. One with a path is no scratch."""

import os
import proving

WORK = """
import time
from chdb import session
base = session.Session()
base.query("create database d engine = Atomic")
base.query("create table d.t (a UInt64, b String) engine = MergeTree order by a")
base.query("insert into d.t select number, randomString(100) from numbers(200000)")
say("spilled")
while not ending.is_set():
    assert str(base.query("select count() from d.t")).strip() == "200000"
    say("round")
    time.sleep(0.1)
base.close()
say("right")
"""


class Driver(proving.Program):
    def install(self):
        self.binaries = proving.venv("chdb", "chdb==4.4.0")
        return "chdb 4.4.0"

    def start(self, stage):
        owner = stage.python(self.binaries, WORK, env={"TMPDIR": stage.place})
        owner.until_said("spilled")
        return owner

    def facts(self, stage):
        owner, (mine,) = self.born(stage)
        self.fact(
            os.path.basename(mine).startswith("clickhouse-embedded-"),
            f"leaves {self.names([mine])}, {proving.size(mine):,} bytes",
        )
        self.fact(
            proving.locks(mine + "/status") == [("FLOCK", owner.pid)], f"status: {proving.locks(mine + '/status')}"
        )
        owner.kill()
        again, (other,) = self.born(stage)
        again.finish()
        self.fact(
            os.path.exists(mine) and not os.path.exists(other), "it stays after the next run, which removes its own"
        )
