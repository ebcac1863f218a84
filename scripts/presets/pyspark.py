"""pyspark: directories of the JVM, often empty and never open between two jobs."""

import glob, os, signal
import proving

WORK = """
import time
from pyspark.sql import SparkSession
settings = {"spark.local.dir": sys.argv[1], "spark.ui.enabled": "false", "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1", "spark.driver.memory": "512m", "spark.sql.shuffle.partitions": "2",
            "spark.driver.extraJavaOptions": "-Djava.io.tmpdir=" + sys.argv[1]}
spark = SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
spark.sparkContext.setLogLevel("ERROR")
def run():
    sums = spark.range(0, 200_000, 1, 2).selectExpr("id % 1000 as k", "id").groupBy("k").sum("id")
    return sums.agg({"sum(id)": "sum"}).collect()[0][0]
assert run() == 19_999_900_000
say("spilled")
while not ending.is_set():
    assert run() == 19_999_900_000
    say("round")
    time.sleep(0.2)
spark.stop()
say("right")
"""


class Driver(proving.Program):
    at_once = False

    def install(self):
        proving.debian("openjdk-17-jre-headless", command="java")
        self.binaries = proving.venv("pyspark", "pyspark==4.3.0")
        return "pyspark 4.3.0"

    def start(self, stage):
        owner = stage.python(self.binaries, WORK, stage.place)
        owner.until_said("spilled", seconds=180)
        return owner

    def found(self, stage):
        return [
            path
            for pattern in ("blockmgr-*", "spark-*", "artifacts-*")
            for path in glob.glob(f"{stage.place}/{pattern}")
        ]

    def virtual_machine(self, owner):
        return next(pid for pid in proving.children(owner.pid) if os.readlink(f"/proc/{pid}/exe").endswith("/java"))

    def kill(self, owner):
        """Its JVM: that of a killed driver ends in order and removes them."""
        below = self.virtual_machine(owner)
        os.kill(below, signal.SIGKILL)
        proving.until(lambda: not proving.lives(below), "the JVM has ended")
        owner.kill()

    def facts(self, stage):
        owner, mine = self.born(stage)
        self.fact(
            {path.split("/")[-1].split("-")[0] for path in mine} == {"blockmgr", "spark", "artifacts"},
            f"leaves {self.names(mine)}",
        )
        proving.until(lambda: not any(map(proving.users, mine)), "nothing in them is open")
        self.fact(
            not any(proving.locks(path) for path in mine), "between two jobs nothing in them is open, and no locks"
        )
        self.fact(
            any(not os.listdir(path) for path in mine),
            f"empty: {self.names(path for path in mine if not os.listdir(path))}",
        )
        below = self.virtual_machine(owner)
        owner.kill()
        proving.until(lambda: not proving.lives(below), "the JVM has ended")
        self.fact(not any(map(os.path.exists, mine)), "when only Python is killed the JVM ends and removes them")
        owner, mine = self.born(stage)
        self.kill(owner)
        again = self.start(stage)
        again.finish()
        self.fact(all(map(os.path.exists, mine)), "when the JVM is killed they stay, after the next run too")
