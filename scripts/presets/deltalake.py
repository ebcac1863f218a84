"""deltalake: a data file that is being written, under a name with `#`, which its own clean-up never sees."""

import glob, os
import proving

WORK = proving.ARROW_ROWS + """
import deltalake
deltalake.write_deltalake(sys.argv[1], pyarrow.RecordBatchReader.from_batches(schema, batches()), mode="append",
                          writer_properties=deltalake.WriterProperties(max_row_group_size=2000))
say("right" if deltalake.DeltaTable(sys.argv[1]).to_pyarrow_table().num_rows >= 80_000 else "too few rows")
os._exit(0)  # a thread of its own aborts the end of an interpreter that has another one
"""


class Driver(proving.Program):
    at_once, shows_life = False, True

    def install(self):
        self.binaries = proving.venv("deltalake", "deltalake==1.6.6", "pyarrow==26.0.1")
        return "deltalake 1.6.6"

    def start(self, stage):
        owner = stage.python(self.binaries, WORK, stage.place)
        owner.until_said("spilled")
        return owner

    def found(self, stage):
        return glob.glob(stage.place + "/*.parquet#*")

    def facts(self, stage):
        owner, (mine,) = self.born(stage)
        self.fact(mine.endswith("-c000.parquet#1"), f"leaves {self.names([mine])}, {proving.size(mine):,} bytes")
        self.fact("open" in proving.users(mine).get(owner.pid, ()), "it is open")
        self.fact(not proving.locks(mine), "no locks")
        owner.kill()
        again = self.start(stage)
        again.finish()
        clean = (
            "import deltalake, sys; print(deltalake.DeltaTable(sys.argv[1]).vacuum(retention_hours=0, "
            "enforce_retention_duration=False, dry_run=False))"
        )
        removed = proving.output(self.binaries + "/python", "-c", clean, stage.place)
        self.fact(
            os.path.exists(mine), f"it stays after the next run and a vacuum of no hours, which removed {removed}"
        )
