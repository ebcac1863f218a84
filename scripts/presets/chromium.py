"""Chromium, as its drivers start it: a profile whose link names host and pid, a directory with its socket."""

import json, os, signal, socket, urllib.request
import proving


class Driver(proving.Program):
    says_rounds = False

    def install(self):
        self.chromium = proving.debian("chromium", command="chromium")
        return proving.output(self.chromium, "--version")

    def start(self, stage):
        """With the profile's name that Puppeteer gives."""
        profile = f"{stage.place}/puppeteer_dev_chrome_profile-{stage.count:06}"
        os.mkdir(profile, 0o700)
        owner = proving.Owner(
            stage,
            [
                self.chromium,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--remote-debugging-port=0",
                f"--user-data-dir={profile}",
                "about:blank",
            ],
            env={"TMPDIR": stage.place},
        )
        proving.until(
            lambda: [line for line in owner.said() if line.startswith("DevTools listening on ")],
            lambda: f"it listens: {owner.last()}",
        )
        owner.address = next(line for line in owner.said() if line.startswith("DevTools ")).split("/")[2]
        proving.until(lambda: os.path.islink(profile + "/SingletonLock"), "its link")
        return owner

    def works(self, owner):
        """A new tab is opened and listed."""
        request = urllib.request.Request(f"http://{owner.address}/json/new?data:,works", method="PUT")
        with urllib.request.urlopen(request, timeout=20) as answer:
            made = json.load(answer)["id"]
        with urllib.request.urlopen(f"http://{owner.address}/json/list", timeout=20) as answer:
            if made not in [tab["id"] for tab in json.load(answer)]:
                raise proving.Wrong("the new tab is not listed")

    def is_proved(self, path):
        return os.path.islink(path + "/SingletonLock")

    def finish(self, owner):
        owner.process.send_signal(signal.SIGTERM)
        if owner.ended():
            raise proving.Wrong(f"ended with {owner.process.returncode}: {owner.last()}")

    def facts(self, stage):
        owner, mine = self.born(stage)
        sockets = [path for path in mine if "org.chromium.Chromium." in path]
        (profile,) = set(mine) - set(sockets)
        link = os.readlink(profile + "/SingletonLock")
        self.fact(
            link == f"{socket.gethostname()}-{owner.pid}",
            f"leaves {self.names([profile])}, its SingletonLock leads to {link}",
        )
        self.fact(
            "open" in proving.users(profile).get(owner.pid, ()),
            f"its files are open in {len(proving.users(profile))} processes",
        )
        self.fact(
            len(sockets) == 1 and sorted(os.listdir(sockets[0])) == ["SingletonCookie", "SingletonSocket"],
            f"and {self.names(sockets)}, with a socket that the profile's SingletonSocket leads to",
        )
        self.fact(
            os.readlink(profile + "/SingletonSocket") == sockets[0] + "/SingletonSocket"
            and not proving.users(sockets[0]),
            "no file of that is open, its socket listens",
        )
        below = proving.children(owner.pid)
        owner.kill()
        left = sum(map(proving.lives, below))
        proving.until(lambda: not any(map(proving.lives, below)), "the children end")
        self.fact(left, f"{left} of {len(below)} children are there after the kill, and end soon")
        self.fact(all(map(os.path.exists, mine)), "both stay after a kill")
        again, others = self.born(stage)
        self.works(again)
        self.finish(again)
        self.fact(all(map(os.path.exists, mine)), "and after the next run")
        self.fact(all(map(os.path.exists, others)), "which ends in order by SIGTERM, and leaves its own as well")
