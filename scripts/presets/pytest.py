"""pytest: the temporary directories of a run; the `.lock` inside holds a pid and is never locked."""

import os, time
import proving

WORK = """
import os, time
def test_work(tmp_path):
    (tmp_path / "big").write_bytes(os.urandom(5_000_000))
    with open("/dev/stdout", "a") as says:
        print("spilled", file=says, flush=True)
        while not os.path.exists(os.environ["ENDING"]):
            assert (tmp_path / "big").stat().st_size == 5_000_000
            print("round", file=says, flush=True)
            time.sleep(0.1)
        print("right", file=says, flush=True)
"""


class Driver(proving.Program):
    quick = True

    def install(self):
        self.binaries = proving.venv("pytest", "pytest==9.2.0")
        return "pytest 9.2.0"

    def start(self, stage):
        test = stage.work + "/test_work.py"
        with open(test, "w") as stream:
            stream.write(WORK)
        owner = proving.Owner(
            stage,
            [self.binaries + "/python", "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", test],
            env={"PYTEST_DEBUG_TEMPROOT": stage.place},
            cwd=stage.work,
            by_file=True,
        )
        owner.until_said("spilled")
        return owner

    def root(self, stage):
        return stage.place + "/pytest-of-" + proving.USER

    def found(self, stage):
        root = self.root(stage)
        names = os.listdir(root) if os.path.isdir(root) else []
        return [f"{root}/{name}" for name in names if name.removeprefix("pytest-").isdigit()]

    def facts(self, stage):
        owner, (mine,) = self.born(stage)
        with open(mine + "/.lock") as stream:
            self.fact(stream.read() == str(owner.pid), f"leaves {self.names([mine])}, whose .lock holds the pid")
        self.fact(not proving.locks(mine + "/.lock") and not proving.users(mine), "nothing in it is locked or open")
        owner.kill()
        again, (other,) = self.born(stage)
        again.finish()
        self.fact(os.path.exists(mine), f"the next run takes {self.names([other])} and leaves it")
        self.fact(
            os.path.isdir(other) and not os.path.exists(other + "/.lock"),
            "what a run in order leaves for its reader has no .lock",
        )

    def after_an_end(self, stage, reapd):
        """The directories of finished runs are for whoever reads them."""
        time.sleep(3 * proving.GRACE)
        if len(self.found(stage)) < 2:
            raise proving.Wrong(f"of two finished runs there is {self.names(self.found(stage))}")
