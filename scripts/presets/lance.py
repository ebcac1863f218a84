"""lance: a data file that is being written, `data/.tmp*`."""

import glob, os
import proving

WORK = proving.ARROW_ROWS + """
import lance
# Its table is there already, so that many may append.
lance.write_dataset(pyarrow.RecordBatchReader.from_batches(schema, batches()), sys.argv[1], mode="append")
say("right" if lance.dataset(sys.argv[1]).count_rows() >= 80_000 else "too few rows")
"""
MAKE = """
import pyarrow, sys, lance
schema = pyarrow.schema([("number", pyarrow.int64()), ("text", pyarrow.binary())])
lance.write_dataset(pyarrow.table([[1], [b"x"]], schema=schema), sys.argv[1])
"""


class Driver(proving.Program):
    at_once, shows_life = False, True

    def install(self):
        self.binaries = proving.venv("lance", "pylance==14.0.2")
        return "lance 14.0.2"

    def start(self, stage):
        if not os.path.exists(stage.place + "/table/_versions"):
            proving.output(self.binaries + "/python", "-c", MAKE, stage.place + "/table")
        owner = stage.python(self.binaries, WORK, stage.place + "/table")
        owner.until_said("spilled")
        return owner

    def root(self, stage):
        return stage.place + "/table/data"

    def found(self, stage):
        return glob.glob(self.root(stage) + "/.tmp*")

    def facts(self, stage):
        owner, (mine,) = self.born(stage)
        self.fact(True, f"leaves {self.names([mine])}, {proving.size(mine):,} bytes")
        self.fact("open" in proving.users(mine).get(owner.pid, ()), "it is open")
        self.fact(not proving.locks(mine), "no locks")
        owner.kill()
        again = self.start(stage)
        again.finish()
        clean = "import datetime, lance, sys; print(lance.dataset(sys.argv[1]).cleanup_old_versions(datetime.timedelta(0){}))"
        command = [self.binaries + "/python", "-c", clean.format(""), stage.place + "/table"]
        proving.output(*command)
        self.fact(os.path.exists(mine), "it stays after the next run and a clean-up of no age")
        command[2] = clean.format(", delete_unverified=True")
        proving.output(*command)
        self.fact(
            not os.path.exists(mine),
            "only a clean-up with delete_unverified, which asks for no live writer, removes it",
        )
