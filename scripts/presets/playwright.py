"""Playwright: a profile, a directory of artifacts and a socket for each browser that it drives."""

import os
import proving

WORK = """
import time
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=sys.argv[1], args=["--no-sandbox"])
    page = browser.new_page()
    page.set_content("<title>works</title>")
    say("spilled")
    while not ending.is_set():
        page.set_content("<title>works</title>")
        assert page.title() == "works"
        say("round")
        time.sleep(0.2)
    browser.close()
say("right")
"""


class Driver(proving.Program):
    presets = ("chromium",)

    def install(self):
        self.chromium = proving.debian("chromium", command="chromium")
        self.binaries = proving.venv("playwright", "playwright==1.65.2")
        return "Playwright 1.65.2 with " + proving.output(self.chromium, "--version")

    def start(self, stage):
        owner = stage.python(self.binaries, WORK, self.chromium, env={"TMPDIR": stage.place})
        owner.until_said("spilled")
        return owner

    def is_proved(self, path):
        return os.path.islink(path + "/SingletonLock")

    def kill(self, owner):
        """With all that it started."""
        proving.kill_with_children(owner)

    def facts(self, stage):
        owner, mine = self.born(stage)
        mine = proving.until(lambda: len(self.found(stage)) > 2 and sorted(self.found(stage)), "all of it")
        (profile,) = [path for path in mine if os.path.islink(path + "/SingletonLock")]
        link = os.readlink(profile + "/SingletonLock")
        self.fact(
            "/playwright_chromiumdev_profile-" in profile
            and int(link.rpartition("-")[2]) in proving.children(owner.pid),
            f"leaves {self.names([profile])}, its SingletonLock leads to {link}, the browser",
        )
        bare = [path for path in mine if not os.listdir(path)]
        self.fact(
            len(bare) == 1 and "/playwright-artifacts-" in bare[0] and not proving.users(bare[0]),
            f"and {self.names(bare)}, empty and not open",
        )
        self.fact(len(mine) == 3, f"all in all {self.names(mine)}")
        self.kill(owner)
        self.fact(sorted(self.found(stage)) == mine, "they stay when all of it is killed")
        other, others = self.born(stage)
        below = proving.children(other.pid)
        other.kill()
        proving.until(lambda: not any(map(proving.lives, below)), "the browser ends")
        self.fact(not any(map(os.path.exists, others)), "when only Python is killed the rest ends and removes them")
        again, others = self.born(stage)
        again.finish()
        self.fact(sorted(self.found(stage)) == mine, "they stay after the next run, which leaves none")
