#!/usr/bin/env python3
"""The part of scripts/bench that follows logs under real rotators, without a restart, beside GNU `tail -F`."""
import os, signal, subprocess, time

HERE = os.path.dirname(os.path.realpath(__file__))
SECONDS = 12  # of writing: some 30,000 lines


def run(bench):
    forms = subprocess.run([HERE + "/rotator.py"], capture_output=True, text=True).stderr.split("\n\n")[-1].split()
    table = ["| rotator | rotations, lines | GNU `tail -F`: lost, repeated | `reapd tail`: lost, repeated |",
             "| --- | --- | --- | --- |"]
    for form in forms:
        where = os.path.join(bench.dir, "rotators-" + form)
        os.makedirs(where)
        rotator = subprocess.Popen([HERE + "/rotator.py", form, where + "/work"], stdout=subprocess.PIPE, text=True)
        log = rotator.stdout.readline().split(None, 1)[1].strip()
        commands = {"GNU": ["tail", "-n", "+1", "-F", log], "reapd": [bench.reapd, "tail", "--from", "start", log]}
        tails = {}
        for name, command in commands.items():
            with open(f"{where}/{name}", "wb") as out, open(f"{where}/{name}.errors", "wb") as errors:
                tails[name] = subprocess.Popen(command, stdout=out, stderr=errors)
        time.sleep(SECONDS)
        rotator.send_signal(signal.SIGTERM)
        said = rotator.stdout.read().split("\n")
        if rotator.wait() != 0:
            raise SystemExit(f"{form} failed")
        count = next(int(line.split()[1]) for line in said if line.startswith("written"))
        found = {name: judge(f"{where}/{name}", count) for name in tails}
        for process in tails.values():
            process.terminate()
            process.wait()
        lost, repeated, in_order = found["reapd"]
        table.append(f"| {form} | {said.count('rotated')}, {count:,} | {found['GNU'][0]:,}, {found['GNU'][1]:,} "
                     f"| {lost:,}, {repeated:,} |")
        bench.row(f"tail under {form}, {count:,} lines", f"{lost} lost, {repeated} repeated, "
                  f"{'in order' if in_order else 'OUT OF ORDER'}; GNU {found['GNU'][0]}, {found['GNU'][1]}",
                  "0, 0, in order", lost == 0 and repeated == 0 and in_order)
    print("\n".join(table))


def judge(path, count):
    """Lines lost and repeated, once the last one is there or nothing comes any more."""
    deadline = time.monotonic() + 5
    while True:
        with open(path, "rb") as stream:
            numbers = [int(line[:8]) for line in stream.read().split(b"\n") if line[:8].isdigit() and len(line) > 26]
        if numbers and numbers[-1] == count - 1 or time.monotonic() > deadline:
            unique = set(numbers)
            return count - len(unique), len(numbers) - len(unique), numbers == sorted(numbers)
        time.sleep(0.1)
