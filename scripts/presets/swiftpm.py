"""SwiftPM: directories in TMPDIR, some for each build, even where there is nothing to build and nobody is killed."""

import glob, os, shutil
import proving

# A manifest is a program: this one is evaluated for as long as we wish.
MANIFEST = """// swift-tools-version: 5.9
import Glibc
import PackageDescription
while let ending = getenv("ENDING"), ending.pointee != 0, access(ending, F_OK) != 0 { usleep(50_000) }
let package = Package(name: "Small", targets: [.executableTarget(name: "Small")])
"""


class Driver(proving.Program):
    at_once, says_rounds = False, False

    def install(self):
        self.swift = shutil.which("swift")
        if not self.swift:
            raise proving.Skipped("needs swift")
        return proving.output(self.swift, "--version").splitlines()[0]

    def build(self, stage, where, **options):
        if not os.path.isdir(where):
            os.makedirs(where + "/Sources/Small")
            for name, text in (("Package.swift", MANIFEST), ("Sources/Small/main.swift", 'print("right")\n')):
                with open(f"{where}/{name}", "w") as stream:
                    stream.write(text)
        return proving.Owner(
            stage, [self.swift, "build", "--disable-sandbox"], env={"TMPDIR": stage.place}, cwd=where, **options
        )

    def start(self, stage):
        before = set(self.found(stage))
        where = f"{stage.work}/package{stage.count}"
        owner = self.build(stage, where, by_file=True)
        owner.where = where
        proving.until(
            lambda: set(self.found(stage)) - before and self.manifests(owner), "the manifest is evaluated", 180
        )
        return owner

    def manifests(self, owner):
        """The programs of manifests that it runs."""
        found = []
        for pid in proving.children(owner.pid):
            try:
                found.append(os.readlink(f"/proc/{pid}/exe"))
            except OSError:
                continue
        return [path for path in found if path.endswith("-manifest")]

    def found(self, stage):
        return glob.glob(stage.place + "/TemporaryDirectory.*")

    def kill(self, owner):
        below = proving.children(owner.pid)
        owner.kill()
        for pid in filter(proving.lives, below):
            os.kill(pid, 9)
        proving.until(lambda: not any(map(proving.lives, below)), "what it started has ended")

    def finish(self, owner):
        owner.ask_to_end()
        if owner.ended(300) or proving.output(owner.where + "/.build/debug/Small") != "right":
            raise proving.Wrong(f"ended with {owner.process.returncode}: {owner.last()}")

    def facts(self, stage):
        where = stage.work + "/package"
        counts = []
        for _ in range(3):
            before = len(self.found(stage))
            if self.build(stage, where).ended(300):
                raise proving.Wrong("the build fails")
            counts.append(len(self.found(stage)) - before)
        self.fact(counts[-1] == 6, f"leaves {counts} directories in three builds, the last two with nothing to do")
        self.fact(all(os.listdir(path) == [".keep-directory"] for path in self.found(stage)), "all but empty")
        owner, mine = self.born(stage)
        beside = [path for path in glob.glob(stage.place + "/*.build.lock") if proving.locks(path)]
        self.fact(len(beside) == 1, f"while it works a lock is held on {self.names(beside)}")
        idle = [path for path in mine if not proving.users(path)]
        self.fact(idle, f"in {len(idle)} of {len(mine)} nothing is open meanwhile")
        self.kill(owner)
        self.fact(all(map(os.path.exists, mine)), "they stay after a kill")
