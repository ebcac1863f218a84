"""git: packs that are being written; the child of a killed `repack` lives on and goes on writing."""

import glob, os, random, signal, subprocess, time
import proving


class Driver(proving.Program):
    quick = True
    at_once, shows_life, says_rounds = False, True, False

    def install(self):
        self.git = proving.debian("git", command="git")
        return proving.output(self.git, "--version")

    def repository(self, stage):
        """Many versions of one text: a repack of it with a wide window takes some seconds."""
        where = stage.work + "/repository"
        if not os.path.isdir(where):
            chance = random.Random(11)
            words = [f"word{number}" for number in range(500)]
            text, stream = chance.choices(words, k=20_000), []
            for number in range(120):
                for _ in range(300):
                    text[chance.randrange(len(text))] = chance.choice(words)
                blob = " ".join(text)
                stream.append(
                    f"commit refs/heads/main\ncommitter A <a@example.org> {number + 1} +0000\ndata 1\n.\n"
                    f"M 644 inline file\ndata {len(blob)}\n{blob}\n"
                )
            proving.output(self.git, "init", "-q", where)
            proving.output(self.git, "-C", where, "fast-import", "--quiet", "--depth=0", input="".join(stream))
        return where

    def root(self, stage):
        return self.repository(stage) + "/.git/objects/pack"

    def found(self, stage):
        return [path for pattern in ("tmp_*", ".tmp-*") for path in glob.glob(f"{self.root(stage)}/{pattern}")]

    def start(self, stage):
        """A pack that arrives slowly, as in a fetch: half of it is there."""
        self.root(stage)
        if not os.path.exists(stage.work + "/pack"):
            with open(stage.work + "/pack", "wb") as stream:
                subprocess.run(
                    [self.git, "-C", self.repository(stage), "pack-objects", "--all", "--stdout", "-q"],
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    check=True,
                )
        with open(stage.work + "/pack", "rb") as stream:
            data = stream.read()
        before = set(self.found(stage))
        owner = proving.Owner(stage, [self.git, "-C", self.repository(stage), "index-pack", "--stdin"])
        owner.process.stdin.write(data[: len(data) // 2])
        owner.process.stdin.flush()
        owner.rest = data[len(data) // 2 :]
        proving.until(
            lambda: [path for path in set(self.found(stage)) - before if proving.size(path) > 100_000],
            "a temporary pack",
        )
        return owner

    def finish(self, owner):
        owner.process.stdin.write(owner.rest)
        owner.process.stdin.close()
        if owner.ended():
            raise proving.Wrong(f"index-pack ended with {owner.process.returncode}: {owner.last()}")

    def repack(self, stage):
        """A repack whose child is stopped while it writes, and the child."""
        before = set(self.found(stage))
        owner = proving.Owner(
            stage,
            [
                self.git,
                "-C",
                self.repository(stage),
                "-c",
                "pack.threads=1",
                "repack",
                "-adfq",
                "--window=100",
                "--depth=50",
            ],
        )
        proving.until(lambda: set(self.found(stage)) - before, "the repack writes")
        (child,) = proving.children(owner.pid)
        os.kill(child, signal.SIGSTOP)
        return owner, child, sorted(set(self.found(stage)) - before)

    def facts(self, stage):
        owner, (mine,) = self.born(stage)
        self.fact(
            "/tmp_pack_" in mine and list(proving.users(mine)) == [owner.pid], f"leaves {self.names([mine])}, open"
        )
        owner.kill()
        parent, child, ours = self.repack(stage)
        self.fact(
            len(ours) == 1 and list(proving.users(ours[0])) == [child],
            f"repack: {self.names(ours)} is open in the child {child} of {parent.pid}",
        )
        parent.kill()
        self.fact(proving.lives(child), "the child lives on when its parent is killed")
        os.kill(child, signal.SIGCONT)
        proving.until(lambda: not proving.lives(child), "the child ends")
        left = set(self.found(stage)) - {mine}
        self.fact(
            left and all(f"/.tmp-{parent.pid}-pack-" in path for path in left),
            f"it leaves {len(left)} finished files, {self.names(sorted(left)[:1])} …, named by its parent's pid",
        )
        proving.output(self.git, "-C", self.repository(stage), "gc", "--quiet", "--prune=now")
        self.fact(not os.path.exists(mine), "gc --prune=now removes a tmp_pack")
        self.fact(all(map(os.path.exists, left)), "and never a .tmp-<pid>-pack")

    def also(self, stage, binary):
        with proving.Reapd(binary, stage, self.rules(stage, "quiet: 1s", "quarantine: 1s")) as reapd:
            parent, child, ours = self.repack(stage)
            stamps = self.stamps(ours)
            parent.kill()
            time.sleep(4)  # longer than all of these times together
            self.untouched(stamps)
            os.kill(child, signal.SIGCONT)
            proving.until(lambda: not proving.lives(child), "the child ends")
            proving.until(lambda: not self.found(stage), lambda: f"gone: {self.names(self.found(stage))}", 30)
            self.say(
                f"the child of a killed repack worked on; then: "
                f"{', '.join(sorted({row['reason'] for row in reapd.lines('reaped')}))}"
            )
        proving.output(self.git, "-C", self.repository(stage), "fsck", "--full", "--strict")
