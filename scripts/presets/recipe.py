"""The recipe for a program with nothing of the kind: a directory of its own under `flock DIR/.lock`, with DuckDB."""

import glob, os, signal, time
import proving

README = os.path.dirname(proving.HERE) + "/README.md"


def recipe():
    """The README's lines, as they stand there."""
    with open(README) as stream:
        blocks = stream.read().split("```")[1::2]
    return next(block for block in blocks if "exec flock" in block).removeprefix("sh\n")


class Driver(proving.Program):
    quick = True

    def install(self):
        self.binaries = proving.venv("duckdb", "duckdb==2.0.1")
        return "duckdb 2.0.1 under flock(1)"

    def rules(self, stage, *settings):
        """reapd's plain rule, as without a configuration."""
        return f"  - name: plain\n    kind: spill\n    root: {stage.place}\n    grace: {proving.GRACE}s\n"

    def start(self, stage):
        work = "import os, sys; sys.argv.append(os.environ['TMPDIR'])" + proving.CHILD + proving.drivers["duckdb"].WORK
        owner = proving.Owner(
            stage, ["sh", "-c", recipe(), "recipe", self.binaries + "/python", "-c", work], env={"SPILL": stage.place}
        )
        owner.until_said("spilled")
        return owner

    def facts(self, stage):
        owner, (mine,) = self.born(stage)
        self.fact(
            proving.locks(mine + "/.lock") == [("FLOCK", owner.pid)], f"locked by the program itself: {owner.pid}"
        )
        self.fact(glob.glob(mine + "/duckdb_temp_*"), f"{proving.size(mine):,} bytes in {self.names([mine])}")
        self.fact(not [name for name in os.listdir(stage.tmp) if "duckdb" in name], "and nothing elsewhere")
        owner.kill()
        self.fact(not proving.locks(mine + "/.lock"), "its lock is free when it is killed")

    def also(self, stage, binary):
        """A child that inherited the lock owns the directory when its parent is dead."""
        with proving.Reapd(binary, stage, self.rules(stage)) as reapd:
            parent = (
                "import subprocess, time; subprocess.Popen(['sleep', '1000'], close_fds=False); print('on', flush=True)"
            )
            command = ["sh", "-c", recipe(), "recipe", self.binaries + "/python", "-c", parent + "; time.sleep(1000)"]
            owner = proving.Owner(stage, command, env={"SPILL": stage.place})
            owner.until_said("on")
            (child,) = proving.children(owner.pid)
            mine = self.stamps(self.found(stage))
            owner.kill()
            time.sleep(3 * proving.GRACE)
            self.untouched(mine)
            reapd.did_nothing_else(())
            os.kill(child, signal.SIGKILL)
            proving.until(lambda: not self.found(stage), "it goes with the child", 10)
            self.say("with a child that inherited the lock it goes when that ends")
