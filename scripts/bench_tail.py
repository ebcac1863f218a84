#!/usr/bin/env python3
"""The part of scripts/bench that measures `reapd tail`, against GNU tail where that does the same."""
import ctypes, os, signal, statistics, subprocess, time

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_longlong, ctypes.c_longlong]
COLLAPSE = 0x08  # FALLOC_FL_COLLAPSE_RANGE (linux/falloc.h)


def run(bench):
    where = os.path.join(bench.dir, "tail")
    os.makedirs(where)
    catching_up(bench, where, 2_000_000_000)
    latency(bench, where, 1000)
    rotations(bench, where, 1000)
    idle(bench, where)


def start(bench, *words, stdout=subprocess.DEVNULL):
    return subprocess.Popen([bench.reapd, "tail", *words], stdout=stdout, stderr=subprocess.PIPE)


def end(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()


def written(process):
    with open(f"/proc/{process.pid}/io") as stream:
        return int(next(line for line in stream if line.startswith("wchar")).split()[1])


def catching_up(bench, where, size):
    log = where + "/large.log"
    piece = b"".join(b"2026-11-20T23:11:04.%06d info request %d served in %d ms\n" % (i % 1000000, i, i % 977)
                     for i in range(600_000))
    with open(log, "wb") as stream:
        while stream.tell() < size:
            stream.write(piece)
    size = os.path.getsize(log)
    subprocess.run(["cat", log], stdout=subprocess.DEVNULL)  # into the page cache, for both
    commands = {"tail": ["tail", "-n", "+1", "-F", log], "reapd": [bench.reapd, "tail", "--from", "start", log]}
    for target in ("/dev/null", "a pipe"):
        ratios = []
        for turn in range(5):
            times = {}
            for kind in ("tail", "reapd") if turn % 2 == 0 else ("reapd", "tail"):
                began = time.monotonic()
                if target == "a pipe":
                    process = subprocess.Popen(commands[kind], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                    left, null = size, os.open("/dev/null", os.O_WRONLY)
                    while left > 0:
                        left -= os.splice(process.stdout.fileno(), null, 1 << 20)
                    os.close(null)
                else:
                    process = subprocess.Popen(commands[kind], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                    while written(process) < size:
                        time.sleep(0.002)
                times[kind] = time.monotonic() - began
                end(process)
            ratios.append(times["tail"] / times["reapd"])
        ratio = statistics.median(ratios)
        bench.row(f"tail: catching up on 2 GB into {target}",
                  f"{ratio:.2f}x GNU tail ({size / times['reapd'] / 1e9:.1f} GB/s)", "1x", ratio >= 1)
    os.unlink(log)


def latency(bench, where, count):
    log = where + "/latency.log"
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    process = start(bench, log, stdout=subprocess.PIPE)
    os.write(file, b"begin\n")
    process.stdout.readline()
    taken = []
    for number in range(count):
        time.sleep(0.003)
        began = time.monotonic_ns()
        os.write(file, b"%d\n" % number)
        process.stdout.readline()
        taken.append((time.monotonic_ns() - began) / 1000)
    end(process)
    os.close(file)
    taken.sort()
    p50, p99 = taken[count // 2], taken[count * 99 // 100]
    bench.row(f"tail: write to line, idle, {count:,} lines", f"p50 {p50:.0f} us, p99 {p99:.0f} us", "5 ms", p99 < 5000)


def rotations(bench, where, count, rate=50_000):
    """Lines at a rate; every 1,000 lines the log is renamed, replaced or cut at its head."""
    log, out = where + "/rotated.log", where + "/rotated.out"
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    with open(out, "wb") as stream:
        process = start(bench, "--from", "start", log, stdout=stream)
    os.write(file, b"0\n")
    number, total, cuts = 1, 2, 0
    while os.path.getsize(out) < total:
        time.sleep(0.001)
    began = time.monotonic()
    for turn in range(count):
        for _ in range(4):
            text = b"".join(b"%d %s\n" % (number + i, b"x" * ((number + i) % 60)) for i in range(250))
            half = len(text) - turn % 9
            os.write(file, text[:half])
            os.write(file, text[half:])
            number += 250
            total += len(text)
            time.sleep(max(0, began + number / rate - time.monotonic()))
        kind = turn % 4
        if kind == 3:
            # Only what was read may be cut off: that much is the trimmer's promise to readers.
            cut = (os.fstat(file).st_size - 16384) // 4096 * 4096
            while os.path.getsize(out) < total - 8192:
                time.sleep(0.0005)
            other = os.open(log, os.O_RDWR)
            if cut > 0 and LIBC.fallocate(other, COLLAPSE, 0, cut) == 0:
                cuts += 1
            os.close(other)
            continue
        # One scheme of names: files born within one tick of the clock (4 ms) are told apart by it.
        aside = f"{log}.{100000 + turn}"
        if os.path.exists(f"{log}.{100000 + turn - 40}"):
            os.unlink(f"{log}.{100000 + turn - 40}")
        if kind == 2:  # replaced in one step by a file made beforehand
            following = os.open(where + "/next", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.link(log, aside)
            os.rename(where + "/next", log)
        else:
            os.rename(log, aside)
            following = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        if kind == 1:  # the writer goes on with the old one for a moment
            text = b"%d late\n" % number
            os.write(file, text)
            number += 1
            total += len(text)
        os.close(file)
        file = following
    took = time.monotonic() - began
    deadline = time.monotonic() + 20
    while os.path.getsize(out) < total and time.monotonic() < deadline:
        time.sleep(0.01)
    os.close(file)
    end(process)
    with open(out, "rb") as stream:
        seen = [int(line.split(b" ")[0]) for line in stream]
    lost = number - len(set(seen))
    repeated = len(seen) - len(set(seen))
    bench.row(f"tail: {count:,} rotations ({cuts} by cutting) at {number / took:,.0f} lines/s",
              f"{lost} lost, {repeated} repeated, {'in order' if seen == sorted(seen) else 'OUT OF ORDER'}",
              "0, 0, in order", lost == 0 and repeated == 0 and seen == sorted(seen))


def idle(bench, where):
    logs = [f"{where}/idle-{number}.log" for number in range(20)]
    for log in logs:
        with open(log, "w") as stream:
            stream.write("line\n")
    # What others mount meanwhile is an event, too.
    apart = ["unshare", "-m", "--propagation", "private"] if os.geteuid() == 0 else []
    process = subprocess.Popen([*apart, bench.reapd, "tail", *logs], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    time.sleep(2)

    def switches():
        found = {}
        for task in os.listdir(f"/proc/{process.pid}/task"):
            with open(f"/proc/{process.pid}/task/{task}/status") as stream:
                found[task] = int(next(l for l in stream if l.startswith("voluntary")).split()[1])
        return found

    before = switches()
    time.sleep(20)
    after = switches()
    with open(f"/proc/{process.pid}/status") as stream:
        memory = int(next(l for l in stream if l.startswith("VmRSS")).split()[1]) / 1024
    end(process)
    woken = sum(after[task] - before.get(task, 0) for task in after)
    bench.row(f"tail: 20 s idle with 20 logs, voluntary context switches ({memory:.1f} MiB resident)", f"{woken}", "0",
              woken == 0)
