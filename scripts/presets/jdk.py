"""JDK: a file for each JVM in /tmp/hsperfdata_<user>, whose lock is held by a mapping alone."""

import os, signal, subprocess
import proving


class Driver(proving.Program):
    quick = True
    says_rounds = False

    def install(self):
        self.java = proving.debian("openjdk-17-jre-headless", command="java")
        said = subprocess.run([self.java, "-version"], capture_output=True, text=True).stderr
        return said.splitlines()[0]

    def start(self, stage, number=None):
        """The RMI registry, which is in every JRE and waits; its port is the kernel's choice."""
        owner = proving.Owner(stage, [self.java, "-Xmx64m", "-m", "java.rmi/sun.rmi.registry.RegistryImpl", "0"])
        mine = f"{self.root(stage)}/{number or owner.pid}"
        proving.until(lambda: os.path.exists(mine) and proving.locks(mine), f"{mine} is locked: {owner.last()}")
        return owner

    def root(self, stage):
        return f"/tmp/hsperfdata_{proving.USER}"

    def works(self, owner):
        proving.until(lambda: proving.listens(owner.pid), lambda: f"the registry listens: {owner.last()}")

    def finish(self, owner):
        owner.process.send_signal(signal.SIGTERM)
        if owner.ended() != 143:
            raise proving.Wrong(f"ended with {owner.process.returncode}: {owner.last()}")
        if os.path.exists(f"/tmp/hsperfdata_{proving.USER}/{owner.pid}"):
            raise proving.Wrong("it left its file after an end in order")

    def prove(self, stage, binary):
        # The place is no folder of ours: any JVM removes what earlier ones left there.
        subprocess.run([self.java, "-version"], capture_output=True, check=True)
        super().prove(stage, binary)

    def facts(self, stage):
        owner, mine = self.born(stage)
        mine = [path for path in mine if path.endswith(f"/{owner.pid}")][0]
        self.fact(proving.size(mine) == 32768, f"leaves {mine}, {proving.size(mine):,} bytes")
        self.fact(proving.users(mine) == {owner.pid: {"mapped"}}, f"used by {proving.users(mine)}: no descriptor")
        self.fact(proving.locks(mine) == [("FLOCK", owner.pid)], f"and yet locked: {proving.locks(mine)}")
        owner.kill()
        self.fact(os.path.exists(mine) and not proving.locks(mine), "after a kill it stays, its lock free")
        again = self.start(stage)
        self.fact(not os.path.exists(mine), "the next JVM removes it")
        self.works(again)
        kept = f"{self.root(stage)}/{again.pid}"
        with stage.namespace():
            other = self.start(stage, 2)
        self.fact(os.path.exists(kept), "one that starts in another PID namespace leaves a living one's")
        other.kill()
        # Another process has its number here, so no JVM will remove it.
        os.unlink(f"{self.root(stage)}/2")
        self.finish(again)
