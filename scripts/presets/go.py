"""go: what a build works with, `go-build*`; a program that `go run` started is in it, and outlives it."""

import os, signal
import proving

MAIN = """package main

import (
	"fmt"
	"os"
	"time"
)

func main() {
	fmt.Println("spilled")
	for {
		if _, err := os.Stat(os.Getenv("ENDING")); err == nil {
			break
		}
		fmt.Println("round")
		time.Sleep(100 * time.Millisecond)
	}
	fmt.Println("right")
}
"""


class Driver(proving.Program):
    at_once, shows_life = False, True

    def install(self):
        self.go = proving.debian("golang-go", command="go")
        return proving.output(self.go, "version")

    def start(self, stage):
        with open(stage.work + "/main.go", "w") as stream:
            stream.write(MAIN)
        owner = proving.Owner(
            stage,
            [self.go, "run", "main.go"],
            cwd=stage.work,
            by_file=True,
            env={"TMPDIR": stage.place, "GOCACHE": proving.CACHE + "/go-cache"},
        )
        owner.until_said("spilled", seconds=300)  # the first time it builds its library
        return owner

    def kill(self, owner):
        """With the program that it runs, which works on otherwise."""
        program = proving.children(owner.pid)
        owner.kill()
        for pid in program:
            os.kill(pid, signal.SIGKILL)
        proving.until(lambda: not any(map(proving.lives, program)), "the program has ended")

    def facts(self, stage):
        owner, (mine,) = self.born(stage)
        (program,) = proving.children(owner.pid)
        self.fact(
            os.path.basename(mine).startswith("go-build"), f"leaves {self.names([mine])}, {proving.size(mine):,} bytes"
        )
        self.fact(
            proving.users(mine) == {program: {"mapped"}}, "go has nothing of it open, its program is mapped from it"
        )
        owner.kill()
        self.fact(proving.lives(program), "the program lives on when go is killed")
        owner.ask_to_end()
        proving.until(lambda: not proving.lives(program), "it ends")
        again, _ = self.born(stage)
        again.finish()
        proving.output(self.go, "clean", "-cache", env={**stage.env, "TMPDIR": stage.place, "GOCACHE": stage.tmp})
        self.fact(self.found(stage) == [mine], "it stays after the next run, which leaves none, and after clean -cache")
