"""`reapd slim` against gzip(1) in the same run, on nodes built by renaming and archiving as the program does it."""
import collections, json, os, random, select, shutil, statistics, subprocess, sys, tarfile, time

VISIT = r"""
set -e; cd "$1"
if [ -e prompt.md ]; then
  next=visit_$(( $(ls -d visit_* 2>/dev/null | wc -l) + 1 )); mkdir .next
  for entry in *; do case $entry in visit_*) ;; *) mv "$entry" .next/;; esac; done
  mv .next $next
fi
mkdir attempt_1; echo '{"ok":true}' > status.json; echo "$3" > prompt.md; head -c 200 "$2" > attempt_1/out
mv "$2" events.json
"""
PACK = r"""
tar -cf - --exclude=./stage.tgz.tmp . | gzip -6 > "$1.packed"; mv "$1.packed" stage.tgz
"""


# Seconds, the processors' and of the clock; peak MiB; and what a reapd said of each archive.
Figures = collections.namedtuple("Figures", "seconds cpu memory said")


class Text:
    """Text that packs about as logs and source code do: to a fifth or a quarter."""

    def __init__(self, seed=7):
        self.dice = random.Random(seed)
        words = ["".join(self.dice.choices("etaoinshrdlucmfw", k=self.dice.randint(2, 9))) for _ in range(4000)]
        lines = (f'{{"n":{n},"at":{1747000000000 + n * 37},"text":"{" ".join(self.dice.choices(words, k=40))}"}}\n'
                 for n in range(60_000))
        self.base = "".join(lines).encode()

    def write(self, path, size):
        with open(path, "wb") as file:
            while size > 0:
                start = self.dice.randrange(len(self.base) // 2)
                size -= file.write(self.base[start:start + min(size, self.dice.randint(1 << 16, len(self.base) // 2))])


def enter(node, text, number, size, packs=None):
    """One more visit of a node, whose archive holds all that is there unless something else makes it."""
    os.makedirs(node, exist_ok=True)
    text.write(node + ".new", size)
    script = VISIT + ("" if packs else PACK)
    subprocess.run(["bash", "-c", script, "visit", node, node + ".new", str(number)], check=True)
    if packs:
        packs()


def timed(command, shell=False):
    began = time.monotonic()
    process = subprocess.Popen(command, shell=shell, stdout=subprocess.PIPE,
                               env={"HOME": "/nowhere", "PATH": os.environ["PATH"]})
    # What a wait tells is at least this process's own size. The peak is asked for while the child lives.
    peak = 0
    while not select.select([process.stdout], [], [], 0.005)[0]:
        peak = max(peak, high_water(process.pid))
    said = b""
    while piece := os.read(process.stdout.fileno(), 1 << 16):
        said += piece
        peak = max(peak, high_water(process.pid))
    _, process.returncode, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    process.stdout.close()
    return Figures(seconds, usage.ru_utime + usage.ru_stime, peak, [] if shell else [json.loads(x) for x in said.splitlines()])


def high_water(pid):
    try:
        with open(f"/proc/{pid}/status") as file:
            return int(next(line for line in file if line.startswith("VmHWM:")).split()[1]) / 1024
    except (OSError, StopIteration):
        return 0


def slim(bench, path, *options, actions=("slimmed",)):
    figures = timed([bench.reapd, "slim", path, "--json", "--audit-log", "none", *options])
    for line in figures.said[:-1]:
        if line["action"] not in actions:
            sys.exit(f"not {actions}: {line}")
    return figures


def sizes(node, archives=True):
    """Bytes of all files, or of all but the archives."""
    return sum(os.path.getsize(os.path.join(where, name)) for where, _, names in os.walk(node) for name in names
               if archives or name != "stage.tgz")


def same(source, target):
    """A fresh copy, in the page cache."""
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["cp", "-a", source, target], check=True)
    subprocess.run(f"find {target} -type f -exec cat {{}} + > /dev/null; sync", shell=True, check=True)
    return target


def recursion(bench, directory, text, most):
    """Processor seconds for each byte on the disk must not grow with the nesting: newest first, where older archives prove
    newer ones, and where the older ones are no more, so that what is inside of the last one is all there is."""
    node, aside = directory + "/node", directory + "/aside"
    rates = {"slim": [], "slim --drop": [], "slim --drop, the last one alone": []}
    for visit in range(1, most + 1):
        enter(node, text, visit, 50_000)
        if visit < most - 8 or (most - visit) % 2:
            continue
        # To the disk, and from there: what is not written yet slows down what is measured.
        subprocess.run(f"sync; find {node} -type f -exec cat {{}} + > /dev/null", shell=True, check=True)
        for name, found in rates.items():
            older = [f"{node}/visit_{n}" for n in range(1, visit)] if "alone" in name else []
            for number, place in enumerate(older):
                os.rename(place + "/stage.tgz", f"{aside}.{number}")
            there = sizes(node)
            options, action = (["--drop"], "dropped") if "drop" in name else ([], "slimmed")
            figures = [slim(bench, node, "--dry-run", *options, actions=(action,)) for _ in range(3 if there < 1 << 30 else 1)]
            for number, place in enumerate(older):
                os.rename(f"{aside}.{number}", place + "/stage.tgz")
            # Of the processors, so that whatever else runs counts little.
            seconds = statistics.median(each.cpu for each in figures)
            memory = max(each.memory for each in figures)
            found.append((visit, there, seconds / there * (1 << 30), memory))
            print(f"     {name}, {visit} visits, {there / 1e6:.0f} MB on the disk: {seconds:.2f} s, "
                  f"{found[-1][2]:.2f} s/GiB, {memory:.1f} MiB", flush=True)
        if visit == 8:
            unique(bench, same(node, directory + "/copy"), visit)
    unique(bench, node, most)
    for name, found in rates.items():
        found = [each for each in found if each[1] > 20 << 20]  # below, the start of a process shows
        first, last = found[0], found[-1]
        bench.row(f"{name}: seconds for each byte on the disk, {last[0]} visits against {first[0]}",
                  f"{last[2] / first[2]:.2f}x ({last[1] / first[1]:.0f}x the bytes)", "1.3x", last[2] <= 1.3 * first[2])
        bench.row(f"{name}: peak memory at {last[0]} visits", f"{last[3]:.1f} MiB", "64 MiB", last[3] < 64)
    shutil.rmtree(directory)


def unique(bench, node, visits):
    before, own = sizes(node), sizes(node, archives=False)
    slim(bench, node)
    after = sizes(node)
    bench.row(f"{visits} nested visits, {before / 1e6:.1f} MB, end at their unique content and",
              f"{(after / own - 1) * 100:.1f} % ({after / 1e6:.2f} MB)", "5 %", after <= own * 1.05)


def throughput(bench, directory, text, size):
    """One archive of text, warm, beside gzip(1) on the same file."""
    visits = [f"{directory}/run/node-{n}/visit_1" for n in (1, 2)]
    os.makedirs(visits[0])
    count = 16
    for number in range(count):
        text.write(f"{visits[0]}/part-{number:02}.log", size // count)
    subprocess.run("tar -cf - . | gzip -6 > ../stage && mv ../stage stage.tgz", shell=True, check=True, cwd=visits[0])
    archive = visits[0] + "/stage.tgz"
    gzip, repack = f"gzip -dc {archive} > /dev/null", f"gzip -dc {archive} | gzip -6 > {directory}/repacked"
    drop = [bench.reapd, "slim", archive, "--drop", "--dry-run", "--json"]
    kept = directory + "/kept.tgz"
    times = {"gzip": [], "drop": [], "repack": [], "slim": []}
    memory = 0
    shutil.copyfile(archive, kept)
    for turn in range(5):
        for which in ("gzip", "drop") if turn % 2 == 0 else ("drop", "gzip"):
            found = timed(gzip if which == "gzip" else drop, shell=which == "gzip")
            if which == "drop":
                memory = max(memory, found.memory)
                if found.said[0]["action"] != "dropped":
                    sys.exit(f"not proved: {found.said}")
            if turn > 0:
                times[which].append(found.seconds)
    ratio(bench, f"drop verdict on {size / 1e9:.0f} GB of text, against gzip -dc", times["gzip"], times["drop"], 0.8)
    jobs(bench, directory, visits, 0)
    # One part is on the disk as it was: all else is packed again.
    for number in range(1, count):
        with open(f"{visits[0]}/part-{number:02}.log", "r+b") as file:
            file.seek(-1, 2)
            file.write(b"?")
    for turn in range(3):
        for which in ("repack", "slim") if turn % 2 == 0 else ("slim", "repack"):
            if which == "repack":
                found = timed(repack, shell=True)
            else:
                shutil.copyfile(kept, archive + ".new")
                os.rename(archive + ".new", archive)
                os.sync()
                found = slim(bench, archive)
                memory = max(memory, found.memory)
            times[which].append(found.seconds)
    ratio(bench, "slim where 15 of 16 parts stay, against gzip -dc | gzip -6", times["repack"], times["slim"], 0.9)
    shutil.copyfile(kept, archive)
    jobs(bench, directory, visits, 1)
    bench.row("peak memory of those", f"{memory:.1f} MiB", "64 MiB", memory < 64)
    shutil.rmtree(directory)


def ratio(bench, what, theirs, ours, target):
    a, b = statistics.median(theirs), statistics.median(ours)
    bench.row(what, f"{a / b:.2f}x ({b:.2f} s, {a:.2f} s)", f"{target}x", a / b >= target)


def jobs(bench, directory, visits, packs):
    """Two nodes' archives on two cores against one after another."""
    run = directory + "/run"
    os.makedirs(os.path.dirname(visits[1]), exist_ok=True)
    same(visits[0], visits[1])
    times = {1: [], 2: []}
    for turn in range(3):
        for number in (1, 2) if turn % 2 == 0 else (2, 1):
            dry = ["--drop"] if packs == 0 else []
            found = slim(bench, run, "--dry-run", "--jobs", str(number), *dry, actions=("dropped", "slimmed"))
            times[number].append(found.seconds)
    one, two = (statistics.median(times[n]) for n in (1, 2))
    bench.row(f"two archives on two cores, {'slim' if packs else 'drop'}, against one after another",
              f"{one / two:.2f}x ({two:.2f} s, {one:.2f} s)", "1.7x", one / two >= 1.7)
    shutil.rmtree(os.path.dirname(visits[1]))


def members(bench, directory, text, count):
    """As many members as there may be, all of them on the disk."""
    visit = directory + "/node/visit_1"
    for number in range(count):
        if number % 1000 == 0:
            place = f"{visit}/attempt_1/worktree/directory-{number // 1000:04}"
            os.makedirs(place)
        with open(f"{place}/file-{number:07}.txt", "w") as file:
            file.write(f"{number * 2654435761 % (1 << 32):x}\n")
    # Directories are entries, too.
    subprocess.run("find attempt_1 -type f | tar -cf - -T - | gzip -1 > ../stage && mv ../stage stage.tgz",
                   shell=True, check=True, cwd=visit)
    before = os.path.getsize(visit + "/stage.tgz")
    seconds, _, memory, _ = slim(bench, directory + "/node", "--drop", "--dry-run", actions=("dropped",))
    bench.row(f"peak memory with {count:,} members, all of them on the disk", f"{memory:.1f} MiB ({seconds:.1f} s)", "64 MiB",
              memory < 64)
    # Every second one stays: that takes the longest plan.
    subprocess.run("find attempt_1 -name '*[13579].txt' -exec sh -c 'for f; do echo x >> $f; done' sh {} +", shell=True, check=True, cwd=visit)
    seconds, _, memory, said = slim(bench, directory + "/node")
    bench.row(f"peak memory with {count:,} members, half of them on the disk",
              f"{memory:.1f} MiB ({seconds:.1f} s, {before >> 20} → {said[0]['bytes_after'] >> 20} MiB)", "64 MiB", memory < 64)
    shutil.rmtree(directory)


def large(bench, directory, text, size):
    visit = directory + "/node/visit_1"
    os.makedirs(visit)
    text.write(visit + "/large", size)
    subprocess.run("tar -cf - . | gzip -1 > ../stage && mv ../stage stage.tgz", shell=True, check=True, cwd=visit)
    for options, action in ((["--dry-run", "--drop"], "dropped"), ([], "slimmed")):
        seconds, _, memory, _ = slim(bench, directory + "/node", *options, actions=(action,))
        bench.row(f"peak memory with a member of {size / 1e9:.1f} GB, {action}", f"{memory:.1f} MiB ({seconds:.1f} s)", "64 MiB",
                  memory < 64)
    shutil.rmtree(directory)


def deep(bench, directory, text, depth):
    """Archives in each other, none of which the disk has."""
    visit = directory + "/node/visit_1"
    os.makedirs(visit)
    text.write(visit + "/content", 50 << 20)
    build = "tar -cf - content | gzip -1 > ../stage; for n in $(seq %d); do mkdir ../in; mv ../stage ../in/in.tgz; " \
            "tar -C ../in -cf - in.tgz | gzip -1 > ../stage; rm -r ../in; done; mv ../stage stage.tgz"
    subprocess.run(build % depth, shell=True, check=True, cwd=visit)
    seconds, _, memory, _ = slim(bench, directory + "/node", "--drop", actions=("dropped",))
    bench.row(f"peak memory with {depth} archives in each other", f"{memory:.1f} MiB ({seconds:.1f} s)", "64 MiB", memory < 64)
    shutil.rmtree(directory)


def pack(node, left_out, linked):
    """A stage archive by another rule than the program's."""
    with tarfile.open(node + ".packed", "w:gz", compresslevel=6) as archive:
        for where, directories, names in os.walk(node):
            place = os.path.relpath(where, node)
            directories[:] = sorted(name for name in directories if place != "." or not left_out(name))
            for name in sorted(names):
                path = os.path.normpath(os.path.join(place, name))
                if linked and place != "." and name == "stage.tgz":
                    member = tarfile.TarInfo(path)
                    member.type, member.linkname = tarfile.SYMTYPE, "../" + path
                    archive.addfile(member)
                else:
                    archive.add(os.path.join(where, name), path)
    os.rename(node + ".packed", node + "/stage.tgz")


def histories(bench, directory, text, visits):
    """What a run takes on the disk by what a program puts into its archives of what was before."""
    number = lambda name: int(name[6:]) if name.startswith("visit_") else None
    ways = {
        "everything (doubles)": None,
        "visits left out": (lambda now: lambda name: number(name) is not None, False),
        "older archives as links": (lambda now: lambda name: False, True),
        "the newest earlier visit only": (lambda now: lambda name: number(name) not in (None, now - 1), False),
        "the two newest earlier visits": (lambda now: lambda name: number(name) not in (None, now - 1, now - 2), False),
        "the three newest earlier visits": (lambda now: lambda name: number(name) not in (None, now - 1, now - 2, now - 3), False),
    }
    for what, way in ways.items():
        node, found = f"{directory}/{what.replace(' ', '-')}", []
        for visit in range(1, visits + 1):
            enter(node, text, visit, 50_000, None if way is None else lambda: pack(node, way[0](visit), way[1]))
            if visit in (4, 8, 12, 16, 18):
                found.append(f"{sizes(node) / 1e6:.1f} MB after {visit}")
        print(f"     {what}: {', '.join(found)}", flush=True)
        if way is None:
            slim(bench, node)
            print(f"     the same, slimmed: {sizes(node) / 1e6:.2f} MB", flush=True)
        shutil.rmtree(node)


def run(bench, wanted=()):
    text = Text()
    quick = bench.quick
    wanted = dict((each.split("=") + [""])[:2] for each in wanted)
    gigabytes = int(wanted.get("throughput") or 1)
    parts = {
        "recursion": lambda place: recursion(bench, place, text, 10 if quick else int(wanted.get("recursion") or 18)),
        "throughput": lambda place: throughput(bench, place, text, 50 << 20 if quick else gigabytes * 1_000_000_000),
        "members": lambda place: members(bench, place, text, 5_000 if quick else 1_000_000),
        "large": lambda place: large(bench, place, text, 100 << 20 if quick else (4 << 30) + (1 << 20)),
        "histories": lambda place: histories(bench, place, text, 8 if quick else 16),
        "deep": lambda place: deep(bench, place, text, 20),
    }
    for name, part in parts.items():
        if wanted and name not in wanted:
            continue
        place = f"{bench.dir}/slim-{name}"
        os.makedirs(place)
        part(place)
