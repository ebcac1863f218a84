"""rustc: an incremental session, `s-*-working`, whose lock lies beside it and has its stem without `-working`."""

import glob, os, subprocess
import proving

# A macro that is expanded for as long as we wish holds the compiler where its session is there.
HOLD = """
extern crate proc_macro;
use std::{env, io::Write, path::Path, thread, time::Duration};
fn say(word: &str) { println!("{}", word); std::io::stdout().flush().unwrap(); }
#[proc_macro]
pub fn hold(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
    say("spilled");
    while !Path::new(&env::var("ENDING").unwrap()).exists() {
        say("round");
        thread::sleep(Duration::from_millis(50));
    }
    "\\"right\\"".parse().unwrap()
}
"""
# Enough for the optimizer to be seen at work.
MANY = "".join(
    f"pub fn f{n}(mut a: Vec<u64>) -> u64 {{ a.sort(); a.iter().map(|x| x * {n}).filter(|x| x % 3 > 0).sum() }}\n"
    for n in range(400)
)


class Driver(proving.Program):
    quick = True

    def install(self):
        # The compiler itself: what stands in the PATH may need a home to find it by.
        found = proving.debian("rustc", command="rustc")
        self.rustc = proving.output(found, "--print", "sysroot") + "/bin/rustc"
        return proving.output(self.rustc, "--version")

    def start(self, stage):
        if not os.path.exists(stage.work + "/libhold.so"):
            for name, text in (
                ("hold", HOLD),
                ("main", 'fn main() { println!("{}", hold::hold!()); }'),
                ("many", MANY),
            ):
                with open(f"{stage.work}/{name}.rs", "w") as stream:
                    stream.write(text)
            subprocess.run(
                [self.rustc, "--crate-type=proc-macro", "hold.rs"], cwd=stage.work, env=stage.env, check=True
            )
        product = f"{stage.work}/main{stage.count}"
        owner = proving.Owner(
            stage,
            [self.rustc, f"-Cincremental={stage.place}", "--extern", "hold=libhold.so", "main.rs", "-o", product],
            cwd=stage.work,
            by_file=True,
        )
        owner.product = product
        owner.until_said("spilled")
        return owner

    def root(self, stage):
        """That of the crate, which a run in order has made: it is named by a hash."""
        if not glob.glob(stage.place + "/main-*"):
            self.finish(self.start(stage))
        return glob.glob(stage.place + "/main-*")[0]

    def finish(self, owner):
        owner.ask_to_end()
        if owner.ended() or proving.output(owner.product) != "right":
            raise proving.Wrong(f"the compiler ended with {owner.process.returncode}: {owner.last()}")

    def found(self, stage):
        sessions = glob.glob(stage.place + "/*/s-*-working")
        return sessions + [path.removesuffix("-working") + ".lock" for path in sessions]

    def facts(self, stage):
        owner, (mine, beside) = self.born(stage)
        self.fact(mine == beside.removesuffix(".lock") + "-working", f"leaves {mine.removeprefix(stage.place)}")
        self.fact(proving.locks(beside) == [("FLOCK", owner.pid)], f"{self.names([beside])}: {proving.locks(beside)}")
        owner.kill()
        again, (other, _) = self.born(stage)
        self.finish(again)
        self.fact(
            os.path.exists(mine) and not os.path.exists(other), "it stays after the next run, which completes its own"
        )
        many = proving.Owner(
            stage,
            [self.rustc, f"-Cincremental={stage.place}", "--crate-type=lib", "-Copt-level=3", "many.rs"],
            cwd=stage.work,
        )
        looks = quiet = 0
        while many.process.poll() is None:
            for path in glob.glob(stage.place + "/many-*/s-*-working"):
                looks, quiet = looks + 1, quiet + (not proving.users(path))
        self.fact(quiet, f"while it optimizes nothing in it is open: in {quiet} of {looks} looks")
