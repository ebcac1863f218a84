"""What the drivers in scripts/presets share: a real program at work, a reapd beside it, what the kernel says of both.

A driver is a class `Driver(Program)`. It says how its program is had and started, and what must be so; the scenario
that all of them go through is `Program.prove`.
"""

import collections, contextlib, ctypes, glob, itertools, json, os, pwd, shutil, signal, subprocess, sys, tempfile, time

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "reapd-tests")
HERE = os.path.dirname(os.path.realpath(__file__))
USER = pwd.getpwuid(os.geteuid()).pw_name
GRACE = 1  # seconds, of the rules here
drivers = {}  # the modules in scripts/presets, by name
rules_to_try = None  # a folder with rules of the same names, which the catalogue does not have yet
LIBC = ctypes.CDLL(None, use_errno=True)

# A child in Python: `say` is read by us, `ending` is set once we asked it to finish.
CHILD = """
import sys, threading
def say(*words): print(*words, flush=True)
ending = threading.Event()
def listen(): sys.stdin.readline(); ending.set()
threading.Thread(target=listen, daemon=True).start()
"""


# Rows for a file that is being written for as long as we wish; `schema` and `batches` are what a writer takes.
ARROW_ROWS = """
import os, sys, time
import pyarrow
schema = pyarrow.schema([("number", pyarrow.int64()), ("text", pyarrow.binary())])
def batch(rows):
    return pyarrow.record_batch([list(range(rows)), [os.urandom(500) for _ in range(rows)]], schema=schema)
def batches():
    for number in range(40):
        yield batch(2000)
    say("spilled")
    while not ending.is_set():
        say("round")
        time.sleep(0.1)
        yield batch(1)  # a file that grew too large would be finished
"""


class Wrong(Exception):
    """A promise that was not kept, or a fact that is none with this version."""


class Skipped(Exception):
    """Why a program cannot be tried here."""


def until(condition, what, seconds=60):
    """The condition's value once it is true."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Wrong(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.02)


# What the kernel says


def identity(path):
    """What stays the same as long as nobody touches the entry itself."""
    status = os.lstat(path)
    return status.st_dev, status.st_ino


def locks(path):
    """The locks on a file, as (form, pid), from /proc/locks, without asking for one."""
    status = os.stat(path)
    want = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    with open("/proc/locks") as stream:
        rows = [line.split() for line in stream]
    return [(row[1], int(row[4])) for row in rows if len(row) > 5 and row[5] == want]


def users(path):
    """Who has something of the entry in use, as {pid: {how}}: descriptors, mappings, working directories, roots."""
    found, path = collections.defaultdict(set), os.path.realpath(path)

    def within(target):
        return target == path or target.startswith(path + "/")

    for pid in filter(str.isdigit, os.listdir("/proc")):
        for how, pattern in (("open", "fd/*"), ("cwd", "cwd"), ("root", "root")):
            for link in glob.glob(f"/proc/{pid}/{pattern}"):
                try:
                    if within(os.readlink(link)):
                        found[int(pid)].add(how)
                except OSError:
                    continue
        try:
            with open(f"/proc/{pid}/maps") as stream:
                if any(within(line.split(None, 5)[5].strip()) for line in stream if line.count("/")):
                    found[int(pid)].add("mapped")
        except (OSError, IndexError):
            continue
    return dict(found)


def size(path):
    """The bytes of the files in an entry."""
    if not os.path.isdir(path):
        return os.lstat(path).st_size
    return sum(os.lstat(os.path.join(folder, name)).st_size for folder, _, names in os.walk(path) for name in names)


def children(pid):
    """All that descend from a process."""
    found, queue = [], [pid]
    while queue:
        parent = queue.pop()
        for listing in glob.glob(f"/proc/{parent}/task/*/children"):
            try:
                with open(listing) as stream:
                    mine = [int(word) for word in stream.read().split()]
            except OSError:
                continue
            found += mine
            queue += mine
    return found


def kill_with_children(owner):
    """Those that it has started work on otherwise."""
    below = children(owner.pid)
    owner.kill()
    for pid in filter(lives, below):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    until(lambda: not any(map(lives, below)), "all that it has started has ended")


def listens(pid):
    """Whether a process has a TCP socket that listens."""
    sockets = set()
    for link in glob.glob(f"/proc/{pid}/fd/*"):
        try:
            sockets.add(os.readlink(link))
        except OSError:
            continue
    for table in (f"/proc/{pid}/net/tcp", f"/proc/{pid}/net/tcp6"):
        with open(table) as stream:
            for row in (line.split() for line in stream):
                if row[3] == "0A" and f"socket:[{row[9]}]" in sockets:  # TCP_LISTEN
                    return True
    return False


def lives(pid):
    try:
        with open(f"/proc/{pid}/stat") as stream:
            return stream.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


# How programs are had


def venv(name, *packages):
    """The `bin` of a virtual environment that holds just these, made once."""
    home = os.path.join(CACHE, name)
    mark, wanted = os.path.join(home, "holds"), "\n".join(packages)
    try:
        with open(mark) as stream:
            if stream.read() == wanted:
                return home + "/bin"
    except OSError:
        pass
    shutil.rmtree(home, ignore_errors=True)
    os.makedirs(CACHE, exist_ok=True)
    print(f"   installing {', '.join(packages)}", file=sys.stderr, flush=True)
    for command in ([sys.executable, "-m", "venv", home], [home + "/bin/pip", "install", "--quiet", *packages]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise Skipped(f"cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
    with open(mark, "w") as stream:
        stream.write(wanted)
    return home + "/bin"


def debian(*packages, command):
    """A command of these Debian packages, which are installed if it is missing."""
    found = shutil.which(command)
    if not found and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"   installing {', '.join(packages)}", file=sys.stderr, flush=True)
        quiet = {
            "stdin": subprocess.DEVNULL,
            "capture_output": True,
            "text": True,
            "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        }
        subprocess.run(["apt-get", "update"], **quiet)
        subprocess.run(
            ["apt-get", "install", "--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120", *packages],
            **quiet,
        )
        found = shutil.which(command)
    if not found:
        raise Skipped(f"needs {command}: apt-get install {' '.join(packages)}")
    return found


def output(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        raise Wrong(f"{' '.join(command)[:80]}: {done.stderr[-300:]}")
    return done.stdout.strip()


class Owner:
    """A program at work."""

    def __init__(self, stage, command, env=None, cwd=None, name="owner", by_file=False):
        stage.count += 1
        # One that does not read its standard input is asked to end by a file.
        self.ending = f"{stage.dir}/end.{stage.count}" if by_file else None
        self.log = f"{stage.dir}/{name}.{stage.count}.log"
        self.command = command
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                [*stage.prefix, *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=cwd or stage.dir,
                env={**stage.env, "ENDING": self.ending or "", **(env or {})},
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        self.pid = self.process.pid
        stage.owners.append(self)

    def said(self):
        with open(self.log, errors="replace") as stream:
            return stream.read().splitlines()

    def until_said(self, word, count=1, seconds=90):
        """Until it said so often a line that begins with this word."""

        def enough():
            lines = [line for line in self.said() if line.split(" ")[0] == word]
            if len(lines) >= count:
                return lines
            if self.process.poll() is not None:
                raise Wrong(f"it ended ({self.process.returncode}) before it said {word}: {self.last()}")

        return until(enough, f"it says {word}: {self.last()}", seconds)[-1]

    def last(self):
        return " | ".join(self.said()[-4:])

    def rounds(self):
        return sum(line.startswith("round") for line in self.said())

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait()

    def ask_to_end(self):
        if self.ending:
            with open(self.ending, "w"):
                return
        try:
            self.process.stdin.write(b"end\n")
            self.process.stdin.close()
        except (BrokenPipeError, ValueError):
            pass

    def ended(self, seconds=90):
        """Its status, once it has ended by itself."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Wrong(f"does not end: {self.last()}") from None

    def finish(self):
        """It is asked to end, and must say that all it has is right."""
        self.ask_to_end()
        if self.ended() or "right" not in self.said():
            raise Wrong(f"ended with {self.process.returncode}: {self.last()}")

    def clean_up(self):
        for pid in [self.pid, *children(self.pid)]:
            try:
                os.killpg(pid, signal.SIGKILL)
            except OSError:
                pass
        self.process.stdin.close()
        self.process.wait()


def end_with_parent():
    LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG (linux/prctl.h)


class Stage:
    """A temporary folder for one program, and all that was started there."""

    def __init__(self, name):
        self.dir = tempfile.mkdtemp(prefix=f"prove-{name}.")
        self.owners, self.count, self.prefix = [], 0, []
        for folder in ("home", "tmp", "place", "work"):
            os.mkdir(f"{self.dir}/{folder}")
        self.place, self.tmp, self.work = self.dir + "/place", self.dir + "/tmp", self.dir + "/work"
        keep = ("PATH", "LANG", "SSL_CERT_FILE", "CARGO_HOME", "RUSTUP_HOME")
        self.env = {key: os.environ[key] for key in keep if key in os.environ}
        self.env |= {"HOME": self.dir + "/home", "USER": USER, "TMPDIR": self.tmp, "PYTHONDONTWRITEBYTECODE": "1"}

    def python(self, binaries, text, *words, **options):
        return Owner(self, [binaries + "/python", "-c", CHILD + text, *words], **options)

    @contextlib.contextmanager
    def namespace(self):
        """What is started meanwhile has a PID namespace of its own, where its number is 2 and ours are not known."""
        if os.geteuid():
            raise Skipped("another PID namespace takes root")
        self.prefix = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", '"$@"; exit $?', "sh"]
        yield
        self.prefix = []

    def close(self, keep=False):
        for owner in self.owners:
            owner.clean_up()
        if not keep:
            subprocess.run(["rm", "-rf", self.dir], check=False)


class Reapd:
    """reapd at work, as `watch` with rules whose roots are folders of ours."""

    def __init__(self, binary, stage, rules):
        stage.count += 1
        self.binary, self.where = binary, f"{stage.dir}/reapd.{stage.count}"
        os.mkdir(self.where)
        self.audit, self.config, self.log = self.where + "/audit.jsonl", self.where + "/reapd.yaml", self.where + "/log"
        self.env = {**stage.env, "XDG_CONFIG_HOME": self.where, "XDG_RUNTIME_DIR": self.where}
        with open(self.config, "w") as stream:
            stream.write(f"audit_log: {self.audit}\nrules:\n{rules}")

    def __enter__(self):
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [self.binary, "watch", "--config", self.config], stderr=log, env=self.env, preexec_fn=end_with_parent
            )

        def watching():
            if self.process.poll() is not None:
                raise Wrong(f"reapd ended ({self.process.returncode}): {self.text()}")
            return "watching " in self.text()

        until(watching, "reapd watches")
        return self

    def __exit__(self, kind, error, _):
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        if isinstance(error, Wrong):
            raise Wrong(f"{error}\n{self.text()}{self.rows()}") from None
        if kind is None and status:
            raise Wrong(f"reapd ended with {status}: {self.text()}")

    def text(self):
        with open(self.log, errors="replace") as stream:
            return stream.read()

    def rows(self):
        if not os.path.exists(self.audit):
            return []
        with open(self.audit) as stream:
            return [json.loads(line) for line in stream if line.endswith("\n")]

    def lines(self, *actions):
        return [row for row in self.rows() if row["action"] in actions]

    def did_nothing_else(self, paths):
        others = [row for row in self.rows() if row.get("path") not in paths]
        if others:
            raise Wrong(f"reapd also did: {others}")

    def ask(self, *words):
        """What another command of reapd says, its JSON lines."""
        done = subprocess.run(
            [self.binary, *words, "--config", self.config, "--json"], capture_output=True, text=True, env=self.env
        )
        return [json.loads(line) for line in done.stdout.splitlines()]


class Program:
    """How one program is had, started, killed and judged; what is not overridden is the way of most."""

    quick = False  # also in the short form for CI
    presets = ()  # the names in the catalogue, default: the driver's own
    # Whether something proves its owner's death; otherwise only time tells, and the leftover is kept that long.
    at_once = True
    # Without a proof: whether the kernel shows that its owner lives, whatever the quiet is.
    shows_life = False
    says_rounds = True
    clears_at_start = False  # its next start removes what the last one left, a file at a time
    reaps_within = 10.0  # seconds from the kill to the leftover's being gone

    def __init__(self, name):
        self.name, self.results = name, []

    # To be overridden

    def install(self):
        """Makes it available; returns what it is, with its version."""
        raise NotImplementedError

    def start(self, stage):
        """An owner that has spilled below the root."""
        raise NotImplementedError

    def facts(self, stage):
        """Checks the table's row with `self.fact`."""
        raise NotImplementedError

    def root(self, stage):
        return stage.place

    def roots(self, stage):
        """Where there is not just one."""
        return [self.root(stage)]

    def found(self, stage):
        """The entries that the preset is about, and what goes with them, alive or not."""
        return glob.glob(self.root(stage) + "/*")

    def stays(self, path):
        """Whether the program itself leaves such an entry alone while it works."""
        return True

    def works(self, owner):
        """Asks a program that says no rounds whether it still does what it should."""

    def is_proved(self, path):
        """Whether its owner's death proves that of an entry; asked while the owner lives."""
        return self.at_once

    def kill(self, owner):
        owner.kill()

    def finish(self, owner):
        owner.finish()

    def also(self, stage, binary):
        """What is tried for this program alone."""

    # Common

    def say(self, text):
        print(f"   {text}", flush=True)

    def fact(self, right, text):
        self.results.append((bool(right), text))
        self.say(f"{'fact ' if right else 'WRONG'} {text}")

    def names(self, paths):
        return ", ".join(os.path.basename(path) for path in paths) or "nothing"

    def rules(self, stage, *settings):
        """Rules with the catalogue's settings, but for the place and the times."""
        text = ""
        for number, (preset, root) in enumerate(itertools.product(self.presets or (self.name,), self.roots(stage))):
            lines = [f"name: {preset}-{number}", f"preset: {preset}"]
            if rules_to_try:
                with open(f"{rules_to_try}/{preset}.yaml") as stream:
                    given = stream.read().splitlines()
                lines[1:] = [
                    line for line in given if line.split(":")[0] not in {word.split(":")[0] for word in settings}
                ]
            lines += [f"root: {json.dumps(root)}", f"grace: {GRACE}s", *settings]
            text += "  - " + "\n    ".join(lines) + "\n"
        return text

    def born(self, stage, start=None):
        """An owner, and the entries that came with it."""
        before = set(self.found(stage))
        owner = (start or self.start)(stage)
        return owner, sorted(until(lambda: set(self.found(stage)) - before, "it leaves an entry"))

    def works_on(self, *owners):
        """Each does two rounds more, and longer than the grace lasts."""
        began, rounds = time.monotonic(), [owner.rounds() for owner in owners]

        def ready():
            for owner in owners:
                if owner.process.poll() is not None:
                    raise Wrong(f"it ended with {owner.process.returncode}: {owner.last()}")
            return time.monotonic() - began > 1.5 * GRACE and (
                not self.says_rounds or all(owner.rounds() >= before + 2 for owner, before in zip(owners, rounds))
            )

        until(ready, f"works on: {[owner.last() for owner in owners]}", 90)
        if not self.says_rounds:
            for owner in owners:
                self.works(owner)

    def stamps(self, paths):
        return {path: identity(path) for path in paths if self.stays(path)}

    def untouched(self, *stamps):
        for path, stamp in (pair for one in stamps for pair in one.items()):
            if not os.path.lexists(path) or identity(path) != stamp:
                raise Wrong(f"lost, while its owner lives: {path}")

    def prove(self, stage, binary):
        """It works, is killed, its leftover goes, a second one lives on, and a third works on the same place."""
        for root in self.roots(stage):
            os.makedirs(root, mode=0o700, exist_ok=True)
        with Reapd(binary, stage, self.rules(stage)) as reapd:
            first, of_first = self.born(stage)
            second, of_second = self.born(stage)
            dead, alive = self.stamps(of_first), self.stamps(of_second)
            proved = [path for path in of_first if self.is_proved(path)]
            self.works_on(first, second)
            self.untouched(dead, alive)
            began = time.monotonic()
            self.kill(first)
            if proved:
                self.goes(reapd, proved, began)
            left = [path for path in of_first if os.path.lexists(path)]
            if left:
                self.is_kept(reapd, left)
            self.works_on(second)
            third, of_third = self.born(stage)
            self.works_on(second, third)
            self.untouched(alive, self.stamps(of_third))
            reapd.did_nothing_else(proved)
            self.finish(third)
            if not self.shows_life:
                self.finish(second)
            self.after_an_end(stage, reapd)
        if left:
            if self.clears_at_start or not all(map(os.path.lexists, left)):
                left = self.killed(stage)
            self.prove_in_time(stage, binary, second, alive, left)
        if second.process.poll() is None:
            self.finish(second)
        self.also(stage, binary)

    def killed(self, stage):
        """What one that is killed leaves, where the next start removes what the last one left."""
        owner, mine = self.born(stage)
        self.kill(owner)
        return list(filter(os.path.lexists, mine))

    def prove_in_time(self, stage, binary, living, alive, left):
        """The same with times as short as nobody should have them: what is done when the real ones are over."""
        with Reapd(binary, stage, self.rules(stage, "quiet: 2s", "quarantine: 1s")) as reapd:
            self.is_condemned(reapd, left)
            if self.shows_life:
                self.works_on(living)
                self.untouched(alive)

    def after_an_end(self, stage, reapd):
        """What must be so of those that ended in order."""

    def goes(self, reapd, paths, began):
        until(
            lambda: not any(map(os.path.lexists, paths)),
            lambda: f"gone: {self.names(filter(os.path.lexists, paths))}",
            self.reaps_within,
        )
        took = time.monotonic() - began
        rows = until(lambda: [row for row in reapd.lines("reaped") if row.get("path") in paths], "an audit line")
        self.say(f"gone {took * 1000:.0f} ms after the kill: {', '.join(sorted({row['reason'] for row in rows}))}")

    def is_kept(self, reapd, paths):
        """Nothing proves that its owner is dead, so it waits for the time that the preset has."""

        def listed():
            rows = [row for row in reapd.ask("list") if row.get("path") in paths]
            # The reapd beside it may be looking at it, and has it open meanwhile.
            return rows if rows and all(row["reason"] != "file-open" for row in rows) else None

        rows = until(listed, f"listed, and not as open: {self.names(paths)}", 10)
        wrong = [row for row in rows if row["verdict"] not in ("keep", "unsure")]
        if wrong:
            raise Wrong(f"would go without a proof: {wrong}")
        self.say(f"kept: {', '.join(sorted({row['reason'] for row in rows}))}")

    def is_condemned(self, reapd, paths):
        until(
            lambda: not any(map(os.path.lexists, paths)),
            lambda: f"gone: {self.names(filter(os.path.lexists, paths))}",
            30,
        )

        def unsaid(action):
            return set(paths) - {row.get("path") for row in reapd.lines(action)}

        for action in ("condemned", "reaped"):
            until(
                lambda: not unsaid(action),
                lambda: f"an audit line for each that was {action}: {self.names(unsaid(action))}",
                10,
            )
        rows = [row for row in reapd.lines("condemned") if row.get("path") in paths]
        self.say(f"with a quiet of 2 s and a quarantine of 1 s: {', '.join(sorted({row['reason'] for row in rows}))}")
