"""chromedriver (Selenium): profiles of its own in `org.chromium.Chromium.scoped_dir.*`; the browser outlives it."""

import json, os, signal, socket, urllib.request
import proving


class Driver(proving.Program):
    presets = ("chromium",)
    says_rounds = False

    def install(self):
        proving.debian("chromium", command="chromium")
        self.driver = proving.debian("chromium-driver", command="chromedriver")
        return proving.output(self.driver, "--version")

    def ask(self, owner, path, body=None):
        request = urllib.request.Request(
            f"http://127.0.0.1:{owner.port}{path}",
            json.dumps(body or {}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def start(self, stage):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        owner = proving.Owner(stage, [self.driver, f"--port={port}"], env={"TMPDIR": stage.place})
        owner.port = port
        proving.until(
            lambda: any("started successfully" in line for line in owner.said()), lambda: f"it listens: {owner.last()}"
        )
        options = {"args": ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]}
        owner.session = self.ask(owner, "/session", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}})[
            "sessionId"
        ]
        return owner

    def works(self, owner):
        self.ask(owner, f"/session/{owner.session}/url", {"url": "data:text/html,<title>works</title>"})
        script = {"script": "return document.title", "args": []}
        if self.ask(owner, f"/session/{owner.session}/execute/sync", script) != "works":
            raise proving.Wrong("a page does not load")

    def is_proved(self, path):
        return os.path.islink(path + "/SingletonLock")

    def kill(self, owner):
        """With its browser, as when a container's memory ends: the browser works on otherwise."""
        proving.kill_with_children(owner)

    def finish(self, owner):
        request = urllib.request.Request(f"http://127.0.0.1:{owner.port}/session/{owner.session}", method="DELETE")
        urllib.request.urlopen(request, timeout=60).close()
        owner.process.send_signal(signal.SIGTERM)
        owner.ended()

    def facts(self, stage):
        owner, mine = self.born(stage)
        profiles = [path for path in mine if os.path.islink(path + "/SingletonLock")]
        bare = [path for path in mine if not os.listdir(path)]
        self.fact(
            len(profiles) == 1 and "/org.chromium.Chromium.scoped_dir." in profiles[0],
            f"leaves {self.names(profiles)}, its SingletonLock leads to {os.readlink(profiles[0] + '/SingletonLock')}",
        )
        self.fact(len(bare) == 1 and not proving.users(bare[0]), f"and {self.names(bare)}, empty and not open")
        self.fact(len(mine) == 3, f"all in all {self.names(mine)}")
        below = proving.children(owner.pid)
        owner.kill()
        self.fact(
            proving.users(profiles[0]) and all(map(proving.lives, below[:1])), "the browser lives on when it is killed"
        )
        again = self.start(stage)
        self.works(again)
        self.finish(again)
        self.fact(all(map(os.path.exists, mine)), "they stay after the next run")
        self.say(f"which leaves {self.names(set(self.found(stage)) - set(mine))}")
