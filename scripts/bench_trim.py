#!/usr/bin/env python3
"""Trims a log that eight processes append to, looks for what is lost, and measures how long it takes.

    bench_trim.py REAPD [load] [size] [killed] [--trims N] [--rate N] [--gigabytes N] [--directory DIR]

`load`: each byte that was written is in the log, or was cut off by a trim, which says how much it did; no line
is torn, none is there twice; and in place each writer's are in order. logrotate's copytruncate has the same to
do. `size`: a log of ten gigabytes in few extents, cold, on an ext4 without a free block; and one of a gigabyte,
beside logrotate's copytruncate. `killed`: reapd is killed again and again while it trims and drains. Without
a word: the first two. Run as root.
"""
import argparse, json, os, pathlib, random, shutil, signal, subprocess, sys, tempfile, time

WRITERS = 8
PADDING = b"x" * 60


def line(writer, number):
    return b"%d %d %s\n" % (writer, number, PADDING)


def write(path, writer, rate, reopen):
    """One writer: numbered lines, each one write at the end, until it is told to stop."""
    stopped = []
    # Whoever started this may have it blocked, and that is inherited.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
    file, number, begun = None, 0, time.monotonic()
    while not stopped:
        if file is None:
            file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.write(file, line(writer, number))
        number += 1
        if reopen and number % reopen == 0:
            os.close(file)
            file = None
        ahead = number / rate - (time.monotonic() - begun)
        if ahead > 0.002:
            time.sleep(ahead)
    print(number, flush=True)


class Seen:
    """What a look at the log found, beside what the ones before did."""

    def __init__(self):
        self.torn = self.twice = self.lost = self.disordered = self.lines = 0
        self.missing = None  # bytes that were written, and neither cut off nor left
        self.last = {}  # by writer: the last number that any look has seen

    def look(self, path, isOrdered, isAll=False):
        """isAll: nothing was cut off yet, so that a number that is missing is lost."""
        found = {}
        # A line that is just being written may be seen in part; one that stays so is torn.
        for _ in range(100):
            text = pathlib.Path(path).read_bytes()
            if not text or text.endswith(b"\n"):
                break
            time.sleep(0.01)
        lines = text.split(b"\n")
        self.lines += len(lines) - 1
        for found_line in lines[:-1]:
            words = found_line.split()
            if len(words) != 3 or words[2] != PADDING:
                self.torn += 1
                continue
            found.setdefault(int(words[0]), []).append(int(words[1]))
        if lines[-1]:
            self.torn += 1
        for writer, numbers in found.items():
            ordered = sorted(numbers)
            if isOrdered and ordered != numbers:
                self.disordered += 1
            distinct = set(ordered)
            self.twice += len(ordered) - len(distinct)
            if isAll:
                self.lost += ordered[-1] - ordered[0] + 1 - len(distinct)
            self.last[writer] = max(ordered[-1], self.last.get(writer, -1))

    def __str__(self):
        missing = "" if self.missing is None else f"bytes missing {self.missing}, "
        return f"{missing}lost {self.lost}, twice {self.twice}, torn {self.torn}, out of order {self.disordered}"


def load(how, trim, directory, arguments, reopen, keep):
    """Trims again and again under writers; `trim` does it once and is given the log's path."""
    path = str(directory / "events.log")
    writers = [
        subprocess.Popen(
            [sys.executable, __file__, "--write", path, str(n), str(arguments.rate / WRITERS), str(reopen)],
            stdout=subprocess.PIPE, text=True)
        for n in range(WRITERS)
    ]
    while not os.path.exists(path) or os.path.getsize(path) < keep * 70:
        time.sleep(0.01)
    seen, begun, cut = Seen(), time.monotonic(), 0
    isOrdered = how == "in place"
    for _ in range(arguments.trims):
        cut += trim(path)
        # With writers that stay, late lines come when the old file is drained: only the end shows all.
        if reopen or isOrdered:
            seen.look(path, isOrdered)
    seconds = time.monotonic() - begun
    for writer in writers:
        writer.terminate()
    written = [int(writer.communicate()[0]) for writer in writers]
    cut += trim(path)
    seen.look(path, isOrdered)
    # What comes between two looks may be more than is kept, so no number tells of a loss; but each byte that was
    # written was cut off by one of the trims, or is there.
    sizes = sum(len(line(n, number)) for n, count in enumerate(written) for number in range(count))
    seen.missing = sizes - cut - os.path.getsize(path)
    left = [name for name in os.listdir(directory) if name.startswith(".reapd")]
    print(
        f"load  {how:32} {arguments.trims} trims, {sum(written) / seconds / 1000:.0f} k lines/s: {seen}"
        + (f", left over: {left}" if left else ""))
    return seen


def logrotate(directory, keep_path=None):
    """One rotation by copytruncate, the copies of which are thrown away."""
    state, config = directory / "state", directory / "rotate.conf"

    def rotate(path):
        config.write_text(f"{path} {{\n  copytruncate\n  rotate 1\n  nocreate\n}}\n")
        os.chmod(config, 0o600)
        subprocess.run(["logrotate", "-f", "-s", state, config], check=True, stderr=subprocess.DEVNULL)

    return rotate


def run_load(arguments, directory):
    def reapd(*words):
        def trim(path):
            done = subprocess.run(
                [arguments.reapd, "trim", path, "--keep-lines", str(arguments.keep), "--audit-log", "none",
                 "--json", *words], capture_output=True, text=True)
            if done.returncode not in (0, 1):
                sys.exit(f"trim ended with {done.returncode}: {done.stderr}")
            reports = [json.loads(text) for text in done.stdout.splitlines()]
            # A new file begins with what stood at cut_at; in place whole blocks go, and less than that.
            return sum(
                report["cut_at"] if report["way"] == "new-file" else report["size_before"] - report["size_after"]
                for report in reports if report["action"] == "trimmed")
        return trim

    bad = 0
    for how, words, reopen in (
        ("in place", ("--in-place", "always"), 0),
        ("new file, writers reopen", ("--in-place", "never"), 20),
        ("new file, writers stay", ("--in-place", "never", "--wait", "0s"), 0),
    ):
        place = directory / how.replace(" ", "-")
        place.mkdir()
        seen = load(how, reapd(*words), place, arguments, reopen, arguments.keep)
        bad += abs(seen.missing) + seen.twice + seen.torn + seen.disordered
        shutil.rmtree(place)
    if not arguments.no_logrotate and shutil.which("logrotate"):
        place = directory / "logrotate"
        place.mkdir()
        run_logrotate(place, arguments)
    return bad


def run_logrotate(directory, arguments):
    """The same load under copytruncate. A line that is in neither the copy nor the log is lost."""
    path = str(directory / "events.log")
    writers = [
        subprocess.Popen(
            [sys.executable, __file__, "--write", path, str(n), str(arguments.rate / WRITERS), "0"],
            stdout=subprocess.PIPE, text=True)
        for n in range(WRITERS)
    ]
    while not os.path.exists(path) or os.path.getsize(path) < arguments.keep * 70:
        time.sleep(0.01)
    rotate = logrotate(directory)
    numbers, torn, rounds = {n: set() for n in range(WRITERS)}, 0, 0

    def read(file):
        nonlocal torn
        for text in pathlib.Path(file).read_bytes().replace(b"\0", b"").split(b"\n")[:-1]:
            words = text.split()
            if len(words) != 3 or words[2] != PADDING:
                torn += 1
            else:
                numbers[int(words[0])].add(int(words[1]))

    begun = time.monotonic()
    for _ in range(arguments.trims):
        rotate(path)
        rounds += 1
        read(path + ".1")
        os.unlink(path + ".1")
    seconds = time.monotonic() - begun
    for writer in writers:
        writer.terminate()
    written = [int(writer.communicate()[0]) for writer in writers]
    read(path)
    lost = sum(count - len(numbers[n]) for n, count in enumerate(written))
    print(
        f"load  {'logrotate copytruncate':32} {rounds} rotations, {sum(written) / seconds / 1000:.0f} k lines/s: "
        f"lost {lost}, torn {torn}")


def run_killed(arguments, directory):
    """No line that is written here gets old enough to be trimmed off: all must be there at the end, once."""
    seed = arguments.seed or int.from_bytes(os.urandom(4), "big")
    dice = random.Random(seed)
    path = str(directory / "events.log")
    with open(path, "wb") as file:
        for number in range(100_000):
            file.write(line(WRITERS, number))
    writers = [
        subprocess.Popen(
            [sys.executable, __file__, "--write", path, str(n), str(arguments.rate / WRITERS),
             str(20 if n % 2 else 0)], stdout=subprocess.PIPE, text=True)
        for n in range(WRITERS)
    ]
    command = [arguments.reapd, "trim", path, "--keep-lines", str(arguments.keep), "--audit-log", "none",
               "--in-place", arguments.in_place]
    for _ in range(arguments.trims):
        trim = subprocess.Popen(
            [*command, "--wait", "1s"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(dice.uniform(0.002, arguments.longest))
        trim.kill()
        trim.wait()
    left = sum(name.startswith(".reapd") for name in os.listdir(directory))
    for writer in writers:
        writer.terminate()
    written = [int(writer.communicate()[0]) for writer in writers]
    last = subprocess.run([*command, "--wait", "20s"], capture_output=True, text=True)
    seen = Seen()
    seen.look(path, False, isAll=True)
    for n, number in enumerate(written):
        seen.lost += max(0, number - 1 - seen.last.get(n, -1))
    found = pathlib.Path(path).read_bytes().count(b"\n")
    after = [name for name in os.listdir(directory) if name.startswith(".reapd")]
    print(
        f"killed {arguments.trims} times (seed {seed}), {sum(written)} lines written, {found} there, "
        f"{left} old files before the last trim: {seen}; it ended with {last.returncode}, left over: {after}")
    if sum(written) > arguments.keep:
        sys.exit("more lines were written than are kept: this shows nothing")
    return seen.lost + seen.twice + seen.torn + last.returncode + len(after)


def fill(path, size):
    """A log of that size; one line is a hundred bytes."""
    line = b'{"n":%010d,"text":"' % 0 + b"y" * 76 + b'"}\n'
    piece = line * (4 << 20 >> 6)
    with open(path, "wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError:
            pass
        left = size
        while left > 0:
            left -= file.write(piece[: min(left, len(piece))])
        file.flush()
        os.fsync(file.fileno())


def use_up(path):
    """Takes every free block of the file system."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    for size in (1 << 20, 4096):
        try:
            while True:
                os.write(file, b"\0" * size)
        except OSError:
            pass
        os.fsync(file)
    os.close(file)


def cold():
    subprocess.run(["sync"], check=True)
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")


# A process keeps the peak of the one that it was forked from, so who measures has to be smaller: 9 MiB.
TIMED = """
import os, sys, time
begun = time.monotonic()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(child, 0)
print(time.monotonic() - begun, usage.ru_maxrss / 1024, status)
"""


def timed(command):
    """Seconds, and the most memory that it had, MiB."""
    command = [shutil.which(command[0]), *command[1:]]
    done = subprocess.run([sys.executable, "-I", "-S", "-c", TIMED, *command], capture_output=True, text=True)
    seconds, memory, status = done.stdout.splitlines()[-1].split()
    if int(status):
        sys.exit(f"{command}: status {status}: {done.stderr}")
    return float(seconds), float(memory)


def run_size(arguments, directory):
    image, mount = directory / "ext4.img", directory / "mnt"
    size = arguments.gigabytes << 30
    mount.mkdir()
    subprocess.run(["truncate", "-s", str(size + (1 << 30)), image], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, mount], check=True)
    try:
        log = mount / "events.jsonl"
        fill(log, size)
        use_up(mount / "ballast")
        free = os.statvfs(mount).f_bavail
        extents = subprocess.run(["filefrag", log], capture_output=True, text=True).stdout.strip()
        cold()
        command = [arguments.reapd, "trim", str(log), "--keep-lines", "10000", "--audit-log", "none"]
        subprocess.run([arguments.reapd, "--version"], stdout=subprocess.DEVNULL)
        seconds, memory = timed(command)
        left = os.path.getsize(log)
        print(
            f"size  {arguments.gigabytes} GB, {free} blocks free ({extents.split(':')[-1].strip()}): "
            f"{seconds * 1000:.0f} ms to {left >> 10} KiB, {memory:.1f} MiB of memory")
        for name in ("ballast", "events.jsonl"):
            (mount / name).unlink()
        ratio = run_gigabyte(arguments, mount)
        return seconds, memory, ratio
    finally:
        subprocess.run(["umount", "-l", mount])
        image.unlink()


def run_gigabyte(arguments, mount):
    log = mount / "big.log"
    times = []
    for command in ("reapd", "logrotate"):
        if command == "logrotate" and not shutil.which("logrotate"):
            return None
        fill(log, 1 << 30)
        cold()
        subprocess.run([arguments.reapd, "--version"], stdout=subprocess.DEVNULL)
        if command == "reapd":
            times.append(timed([arguments.reapd, "trim", str(log), "--keep-lines", "10000", "--audit-log", "none"])[0])
        else:
            config = mount / "rotate.conf"
            config.write_text(f"{log} {{\n  copytruncate\n  rotate 1\n}}\n")
            os.chmod(config, 0o600)
            times.append(timed(["logrotate", "-f", "-s", str(mount / "state"), str(config)])[0])
        for name in os.listdir(mount):
            if name.startswith("big.log"):
                (mount / name).unlink()
    ratio = times[1] / times[0]
    print(f"size  1 GB: {times[0] * 1000:.0f} ms; logrotate copytruncate {times[1] * 1000:.0f} ms: {ratio:.0f} times")
    return ratio


def main():
    if len(sys.argv) > 1 and sys.argv[1] == "--write":
        return write(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]))
    parser = argparse.ArgumentParser()
    parser.add_argument("reapd")
    parser.add_argument("what", nargs="*")
    parser.add_argument("--trims", type=int, default=500)
    parser.add_argument("--rate", type=float, default=100_000)
    parser.add_argument("--keep", type=int, default=200_000)
    parser.add_argument("--gigabytes", type=int, default=10)
    parser.add_argument("--no-logrotate", action="store_true")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--in-place", default="never")
    parser.add_argument("--longest", type=float, default=0.08, help="seconds until it is killed")
    parser.add_argument("--directory", default="/var/tmp")
    arguments = parser.parse_args()
    arguments.reapd = os.path.abspath(arguments.reapd)
    what = arguments.what or ["load", "size"]
    directory = pathlib.Path(tempfile.mkdtemp(prefix="reapd-trim.", dir=arguments.directory))
    try:
        bad = 0
        if "load" in what:
            bad += run_load(arguments, directory)
        if "killed" in what:
            bad += run_killed(arguments, directory)
        if "size" in what:
            run_size(arguments, directory)
        sys.exit(1 if bad else 0)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
