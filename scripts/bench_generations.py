"""Part `generations` of scripts/bench: 10,000 partitions with three generations each, and one with many."""
import os, shutil, subprocess, sys, time

HERE = os.path.dirname(os.path.realpath(__file__))
OWNERS = 2  # each holds 10,000 locks; a process may have 20,000 descriptors here


class Load:
    """Partitions whose live generation has a free lock, and whose other two are locked."""

    def __init__(self, bench, count):
        self.bench, self.count = bench, count
        self.program = os.path.join(bench.dir, "bench-generations")
        subprocess.run(["gcc", "-O2", "-Wall", "-o", self.program, HERE + "/bench-generations.c"], check=True)
        self.root = os.path.join(bench.dir, "generations", "cache")
        os.makedirs(self.root)
        subprocess.run([self.program, "make", self.root, str(count)], check=True)
        share = count // OWNERS
        self.owners = [self.run("own", str(n * share), str(share), stdin=subprocess.PIPE) for n in range(OWNERS)]
        for owner in self.owners:
            if owner.stdout.readline() != "ready\n":
                sys.exit("an owner failed")
        self.flips_left = [share] * OWNERS
        self.rule = os.path.join(bench.dir, "generations.yaml")
        with open(self.rule, "w") as file:
            file.write(f"rules:\n  - name: bench\n    kind: generations\n    root: {self.root}\n    grace: 1ms\n"
                       "    lock: .lock\n    retired_after: 0s\n    quiet: 1h\n")

    def run(self, mode, *words, **streams):
        return subprocess.Popen([self.program, mode, self.root, *words], stdout=subprocess.PIPE, text=True, **streams)

    def start_floor(self):
        process = self.run("watch")
        return process, int(process.stdout.readline().split()[1]) / 1e9

    def start_reapd(self, kind):
        return self.bench.start([self.bench.binary(kind), "watch", "--config", self.rule, "--audit-log",
                                 self.bench.dir + "/audit.jsonl"])

    def flip(self, count):
        """Microseconds from each flip to the superseded name being gone."""
        number = max(range(OWNERS), key=lambda n: self.flips_left[n])
        self.flips_left[number] -= count
        owner, result = self.owners[number], []
        owner.stdin.write(f"flip {count}\n")
        owner.stdin.flush()
        while (line := owner.stdout.readline().strip()) != "done":
            result.append(int(line) / 1000)
        return result


def generations(bench, end, part, status, partitions=10_000, flips=1000):
    load = Load(bench, partitions)
    times, figures = ({kind: [] for kind in bench.kinds} for _ in range(2))
    memory = {kind: 0 for kind in bench.kinds}
    # In turn, a part of the flips each time, so that drift of the machine meets both.
    for turn in range(4):
        for kind in bench.in_turn(turn):
            process, seconds = load.start_floor() if kind == "floor" else load.start_reapd(kind)
            times[kind].append(seconds)
            time.sleep(1)
            memory[kind] = max(memory[kind], status(process, "VmRSS") / 1024)
            figures[kind] += load.flip(flips // 4)
            end(process)
    end(*load.owners)
    what = f"{partitions:,} partitions of 3 generations"
    found = {kind: sorted(times[kind])[len(times[kind]) // 2] for kind in times}
    a, b = found["reapd"], found["floor"]
    bench.row(f"start with {what}", f"{a:.2f} s, floor's loop {b:.2f} s, {a / b:.2f}x"
              + bench.beside(lambda x: f"{x:.2f} s", a, found.get("that"), b), "2x", a <= 2 * b)
    a = memory["reapd"]
    bench.row(f"resident with {what}", f"{a:.1f} MiB" + bench.beside(lambda x: f"{x:.1f} MiB", a, memory.get("that")),
              "80 MiB", a <= 80)
    for share, target in ((0.5, 2), (0.99, 3)):
        found = {kind: part(sorted(figures[kind]), share) for kind in figures}
        a, b = found["reapd"], found["floor"]
        bench.row(f"cursor flip to superseded name gone, p{share * 100:.0f}",
                  f"{a:.0f} us, floor {b:.0f} us, {a / b:.2f}x"
                  + bench.beside(lambda x: f"{x:.0f} us", a, found.get("that"), b), f"{target}x", a <= target * b)


def many(bench, count=6400):
    """One partition whose writer died again and again: no listing of all of it for each."""
    root = os.path.join(bench.dir, "many", "cache")
    partition = root + "/datasets/a/source=x"
    ratios = []
    for turn in range(3):
        times = {}
        for kind in ("rm", "reapd") if turn % 2 == 0 else ("reapd", "rm"):
            for number in range(count + 1):
                place = f"{partition}/table-{1795000000000 + number}"
                os.makedirs(place + "/data")
                os.makedirs(place + "/metadata")
                for name in ("data/rows.jsonl", "metadata/v1.metadata.json"):
                    with open(f"{place}/{name}", "w") as file:
                        file.write("{}\n")
            with open(partition + "/cursor.json", "w") as file:
                file.write('{"epoch": 0, "rowCount": 1, "compaction": null, "layout": "source-table", '
                           '"tableDir": "table-1795000000000"}')
            time.sleep(1.2)  # past the grace
            began = time.monotonic()
            if kind == "rm":
                subprocess.run(["rm", "-rf", root], check=True)
            else:
                subprocess.run([bench.reapd, "sweep", "--config", rule(bench, root)], check=True, stdout=subprocess.DEVNULL)
                if len(os.listdir(partition)) != 2:
                    sys.exit(f"left over: {os.listdir(partition)[:3]}")
            times[kind] = time.monotonic() - began
            shutil.rmtree(root, ignore_errors=True)
        ratios.append(times["rm"] / times["reapd"])
    ratio = sorted(ratios)[len(ratios) // 2]
    bench.row(f"sweep of one partition with {count:,} orphaned generations",
              f"{ratio:.2f}x rm -rf (each: {', '.join(f'{r:.2f}' for r in ratios)})", "0.4x", ratio >= 0.4)


def rule(bench, root):
    path = os.path.join(bench.dir, "many.yaml")
    with open(path, "w") as file:
        file.write(f"rules:\n  - name: many\n    kind: generations\n    root: {root}\n    grace: 1s\n"
                   "    quiet: 1s\n    retired_after: 0s\n    quarantine: 0s\n    owner: any\n")
    return path
