"""`reapd usage` against du and sort on 500,000 files in 20,000 directories: warm, and cold where root may empty the caches."""
import os, random, statistics, subprocess, time


def tree(base, directories, files):
    dice = random.Random(7)
    data = b"x" * 5000
    for number in range(directories):
        path = f"{base}/part-{number % 20:02}/group-{number // 20 % 20:02}/directory-{number:05}"
        os.makedirs(path)
        for file in range(files):
            with open(f"{path}/file-{file:03}-{dice.getrandbits(32):08x}.dat", "wb") as stream:
                stream.write(data[:dice.choice((100, 100, 200, 500, 3000, 5000))])
    os.sync()  # what usage keeps for its next run would wait for the journal
    return base


def run(bench):
    path = tree(os.path.join(bench.dir, "usage"), *((200, 5) if bench.quick else (20_000, 25)))
    # The first gives the same answer: each directory's sum, and the largest files at the end. The second is
    # only each top directory's sum.
    commands = {
        "du -ax | sort -n": ["sh", "-c", f"du -ax {path} | sort -n"],
        "du -sx */ | sort -n": ["sh", "-c", f"du -sx {path}/*/ | sort -n"],
        "usage": [bench.reapd, "usage", path],
    }
    environment = {**os.environ, "XDG_CONFIG_HOME": bench.dir + "/empty", "XDG_STATE_HOME": bench.dir + "/state"}
    for cold, turns, target in ((False, 5, 2), (True, 3, 1.5)):
        if cold and os.geteuid() != 0:
            print("     the caches are root's to empty: not measured cold", flush=True)
            continue
        times = {name: [] for name in commands}
        for turn in range(turns):
            for name in list(commands) if turn % 2 == 0 else list(commands)[::-1]:
                if cold:
                    os.sync()
                    with open("/proc/sys/vm/drop_caches", "w") as file:
                        file.write("3")
                began = time.monotonic()
                subprocess.run(commands[name], check=True, stdout=subprocess.DEVNULL, env=environment)
                if turn > 0 or cold:  # the first turn warms up
                    times[name].append(time.monotonic() - began)
        found = {name: statistics.median(figures) for name, figures in times.items()}
        for name in list(commands)[:2]:
            ratio = found[name] / found["usage"]
            bench.row(f"usage of 500,000 files in 20,000 directories, {'cold' if cold else 'warm'}, against {name}",
                      f"{ratio:.2f}x as fast ({found['usage']:.2f} s, {found[name]:.2f} s)", f"{target}x", ratio >= target)
