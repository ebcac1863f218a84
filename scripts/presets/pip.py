"""pip: directories for what it builds, unpacks and downloads; nothing ever removes them, nothing shows whose they are."""

import glob, os
import proving

SETUP = """
import os, time
from setuptools import setup
with open(os.environ["SAYS"], "a") as says:
    print("spilled", file=says, flush=True)
    while not os.path.exists(os.environ["ENDING"]):
        print("round", file=says, flush=True)
        time.sleep(0.1)
    print("right", file=says, flush=True)
setup(name="slow", version="1", py_modules=[])
"""


class Driver(proving.Program):
    at_once = False

    def install(self):
        self.binaries = proving.venv("pip", "pip==26.3", "setuptools==80.9.0", "wheel==0.48.0")
        return proving.output(self.binaries + "/pip", "--version")

    def start(self, stage):
        project = f"{stage.work}/slow{stage.count}"
        os.mkdir(project)
        with open(project + "/setup.py", "w") as stream:
            stream.write(SETUP)
        # A package of ours is built, with nothing from outside; what it says goes past pip to our log.
        owner = proving.Owner(
            stage,
            [
                self.binaries + "/python",
                "-m",
                "pip",
                "wheel",
                "--no-index",
                "--no-build-isolation",
                "--no-deps",
                "--wheel-dir",
                f"{project}/wheels",
                project,
            ],
            env={"TMPDIR": stage.place, "SAYS": f"{stage.dir}/owner.{stage.count + 1}.log"},
            by_file=True,
        )
        owner.until_said("spilled")
        return owner

    def found(self, stage):
        return glob.glob(stage.place + "/pip-*")

    def kill(self, owner):
        """With the build that it started, which works on otherwise."""
        build = proving.children(owner.pid)
        owner.kill()
        for pid in build:
            os.kill(pid, 9)
        proving.until(lambda: not any(map(proving.lives, build)), "the build has ended")

    def facts(self, stage):
        owner, mine = self.born(stage)
        self.fact(len(mine) == 4, f"leaves {self.names(mine)}")
        self.say(f"besides: {self.names(set(glob.glob(stage.place + '/*')) - set(mine))}")
        self.fact(not any(map(proving.users, mine)), "nothing in them is open, with a build under way")
        self.kill(owner)
        self.fact(all(map(os.path.exists, mine)), "they stay after a kill")
        again, _ = self.born(stage)
        again.finish()
        self.fact(sorted(self.found(stage)) == mine, "they stay after the next run, which leaves none")
