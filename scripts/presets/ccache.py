"""ccache: what it captures of the compiler, in `tmp` of the cache, open; and what it preprocessed, which is not."""

import os
import proving

# The compiler behind it: it preprocesses at once and compiles when asked to.
COMPILER = """#!/bin/bash
case " $* " in
  *" -E "*) exec /usr/bin/gcc "$@" ;;
esac
echo spilled >&3
while [[ ! -e $ENDING ]]; do echo round >&3; sleep 0.05; done
exec /usr/bin/gcc "$@"
"""


class Driver(proving.Program):
    at_once = False

    def install(self):
        self.ccache = proving.debian("ccache", command="ccache")
        return proving.output(self.ccache, "--version").splitlines()[0]

    def start(self, stage):
        os.makedirs(stage.work + "/bin", exist_ok=True)
        with open(stage.work + "/bin/gcc", "w") as stream:
            stream.write(COMPILER)
        os.chmod(stage.work + "/bin/gcc", 0o755)
        product = f"{stage.work}/{stage.count}"
        with open(product + ".c", "w") as stream:
            stream.write(f'#include <stdio.h>\nint main(void) {{ return puts("right {stage.count}") < 0; }}\n')
        # What the compiler says goes past ccache to our log.
        command = f'exec "{self.ccache}" {stage.work}/bin/gcc -c {product}.c -o {product}.o 3>&1'
        owner = proving.Owner(stage, ["bash", "-c", command], env={"CCACHE_DIR": stage.place}, by_file=True)
        owner.product = product
        owner.until_said("spilled")
        return owner

    def root(self, stage):
        return stage.place + "/tmp"

    def kill(self, owner):
        """With the compiler that it started, which works on otherwise."""
        compiler = proving.children(owner.pid)
        owner.kill()
        for pid in compiler:
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass
        proving.until(lambda: not any(map(proving.lives, compiler)), "the compiler has ended")

    def finish(self, owner):
        owner.ask_to_end()
        if owner.ended() or not os.path.exists(owner.product + ".o"):
            raise proving.Wrong(f"ended with {owner.process.returncode}: {owner.last()}")

    def facts(self, stage):
        owner, mine = self.born(stage)
        opened = {path for path in mine if proving.users(path)}
        self.fact(opened, f"leaves, open: {self.names(sorted(opened))}")
        self.fact(set(mine) - opened, f"and, not open: {self.names(sorted(set(mine) - opened))}")
        self.fact(not any(map(proving.locks, mine)), "no locks")
        compiler = [pid for pid in proving.children(owner.pid) if pid != owner.pid]
        owner.kill()
        self.fact(
            any(map(proving.lives, compiler)) and any(map(proving.users, mine)),
            "the compiler lives on when it is killed, and has them open",
        )
        owner.ask_to_end()
        proving.until(lambda: not any(map(proving.lives, compiler)), "the compiler ends")
        again, _ = self.born(stage)
        self.finish(again)
        self.fact(sorted(self.found(stage)) == mine, "they stay after the next run, which leaves none")
