#!/usr/bin/env python3
"""rotator.py FORM DIR: a writer of numbered lines whose log a real rotator takes away about each second.

Says on standard output what it does: `log PATH` once there is something to follow, `rotated` each time, and
after SIGTERM, when every line is in the log, `written LINES`. Without arguments it lists its forms.
Used by the tests and by `scripts/bench rotators`.
"""
import ctypes, glob, os, signal, socket, subprocess, sys, time

RATE = 2500  # lines a second
# logrotate waits for the writer, as a careful configuration does: what it compresses is written by nobody then.
REOPEN = "kill -HUP $(cat {dir}/writer.pid); while [ ! -e {dir}/reopened ]; do sleep 0.005; done; rm {dir}/reopened"
# What is written between the copy and the truncation is lost by design: nothing is.
HOLD = "kill -STOP $(cat {dir}/writer.pid); until grep -q '^State:.T' /proc/$(cat {dir}/writer.pid)/status; do :; done"
RESUME = "kill -CONT $(cat {dir}/writer.pid)"
DATED = "dateext dateformat -%Y%m%d-%s"
LOGROTATE = {
    "create": "create", "create-compress": "create compress", "create-delaycompress": "create compress delaycompress",
    "copytruncate": "copytruncate", "copytruncate-compress": "copytruncate compress",
    "copytruncate-delaycompress": "copytruncate compress delaycompress",
    "dateext": f"create {DATED}", "dateext-compress": f"create {DATED} compress",
    "olddir": "create olddir {dir}/logs/old", "olddir-compress": "create compress olddir {dir}/logs/old",
    "olddir-elsewhere": "create olddir {dir}/old",
}


def end_with_parent():
    """Whoever kills this program by force leaves no rotator running."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG (linux/prctl.h)


def line(number):
    return b"%08d %.6f something was served %s\n" % (number, time.time(), b"x" * (number % 40))


def write(dir, give, reopen):
    """The writer, a process of its own: at its rate until SIGTERM, whole lines in each write."""
    asked = {signal.SIGHUP: False, signal.SIGTERM: False}
    for number in asked:
        signal.signal(number, lambda number, _: asked.update({number: True}))
    with open(dir + "/writer.pid", "w") as stream:
        stream.write(str(os.getpid()))
    count, began = 0, time.monotonic()
    while not asked[signal.SIGTERM]:
        if asked[signal.SIGHUP]:
            asked[signal.SIGHUP] = False
            reopen()
            open(dir + "/reopened", "w").close()
        due = int((time.monotonic() - began) * RATE)
        # At most PIPE_BUF bytes (4,096), so that no line is torn in a pipe.
        batch = min(40, due - count)
        if batch > 0:
            give([line(count + i) for i in range(batch)])
            count += batch
        if batch < 40:
            time.sleep(0.004)
    with open(dir + "/written.new", "w") as stream:
        stream.write(str(count))
    os.rename(dir + "/written.new", dir + "/written")
    os._exit(0)


class Rotator:
    def __init__(self, form, dir):
        self.form, self.dir, self.logs = form, dir, dir + "/logs"
        self.log = self.logs + "/app.log"
        self.processes, self.number, self.last = [], 0, None
        os.makedirs(self.logs)

    def say(self, text):
        print(text, flush=True)

    def fork(self, give, reopen=lambda: None):
        self.writer = os.fork()
        if self.writer == 0:
            end_with_parent()
            write(self.dir, give, reopen)

    def file_writer(self):
        def reopen():
            nonlocal file
            os.close(file)
            file = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        file = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self.fork(lambda lines: os.write(file, b"".join(lines)), reopen)
        os.close(file)

    def piped(self, *command):
        reader, writer = os.pipe()
        self.processes.append(subprocess.Popen(
            command, stdin=reader, stderr=subprocess.DEVNULL, preexec_fn=end_with_parent))
        os.close(reader)
        self.fork(lambda lines: os.write(writer, b"".join(lines)))
        os.close(writer)

    def start(self):
        form, rotate = self.form, None
        if form in LOGROTATE:
            options = LOGROTATE[form]
            os.makedirs(self.logs + "/old" if form != "olddir-elsewhere" else self.dir + "/old")
            scripts = (HOLD, RESUME) if "copytruncate" in options else (":", REOPEN)
            self.configure(options, *scripts)
            self.file_writer()
            rotate = self.logrotate
        elif form == "kubernetes":
            self.log = self.logs + "/0.log"
            self.file_writer()
            rotate = self.kubelet
        elif form in ("svlogd", "multilog"):
            self.log = self.logs + "/current"
            with open(self.logs + "/config", "w") as stream:
                stream.write(f"s{RATE * 60}\nn40\n")
            self.piped("svlogd", self.logs) if form == "svlogd" else self.piped("multilog", f"s{RATE * 60}", "n40", self.logs)
        elif form == "cronolog":
            # Without the second link this version never switches the first one.
            self.piped("cronolog", "--symlink=" + self.log, "--prev-symlink=" + self.logs + "/before.log",
                       self.logs + "/app-%Y%m%d-%H%M%S.log")
        elif form in ("rsyslog-channel", "rsyslog-logrotate"):
            rotate = self.rsyslog(form == "rsyslog-channel")
        else:
            sys.exit(f"{form} is none of: {' '.join(FORMS)}")
        return rotate

    def configure(self, options, before, after):
        with open(self.dir + "/logrotate.conf", "w") as stream:
            stream.write(f"{self.log} {{\n rotate 40\n missingok\n" + ("" if "dateext" in options else " nodateext\n"))
            # `dateformat` and `olddir` have a word each.
            words = options.format(dir=self.dir).split()
            while words:
                word = words.pop(0)
                stream.write(f" {word} {words.pop(0) if word in ('dateformat', 'olddir') else ''}\n")
            stream.write(f" prerotate\n{before.format(dir=self.dir)}\n endscript\n"
                         f" postrotate\n{after.format(dir=self.dir)}\n endscript\n}}\n")
        os.chmod(self.dir + "/logrotate.conf", 0o644)

    def logrotate(self):
        subprocess.run(["logrotate", "-f", "-s", self.dir + "/state", self.dir + "/logrotate.conf"], check=True)

    def kubelet(self):
        """As kubelet does: all but the newest of the rotated are compressed, then the log is moved and opened anew."""
        for name in sorted(glob.glob(self.log + ".*")):
            if not name.endswith(".gz"):
                with open(name + ".tmp", "wb") as packed:
                    subprocess.run(["gzip", "-c", name], stdout=packed, check=True)
                os.rename(name + ".tmp", name + ".gz")
                os.unlink(name)
        os.rename(self.log, time.strftime(self.log + ".%Y%m%d-%H%M%S"))
        subprocess.run(["sh", "-c", REOPEN.format(dir=self.dir)], check=True)

    def rsyslog(self, by_channel):
        sock, pid, script = self.dir + "/socket", self.dir + "/rsyslog.pid", self.dir + "/rotate"
        with open(script, "w") as stream:
            stream.write("#!/bin/sh\nn=40\nwhile [ $n -gt 1 ]; do m=$((n - 1))\n"
                         f"[ -e {self.log}.$m ] && mv {self.log}.$m {self.log}.$n\nn=$m; done\nmv {self.log} {self.log}.1\n")
        os.chmod(script, 0o755)
        with open(self.dir + "/rsyslog.conf", "w") as stream:
            stream.write(
                'module(load="imuxsock" SysSock.Use="off")\n'
                f'input(type="imuxsock" Socket="{sock}" RateLimit.Interval="0" FlowControl="on" UseSpecialParser="off")\n'
                'template(name="plain" type="string" string="%rawmsg-after-pri%\\n")\n')
            if by_channel:
                stream.write(f"$outchannel turn,{self.log},{RATE * 60},{script}\n*.* :omfile:$turn;plain\n")
            else:
                stream.write(f'*.* action(type="omfile" file="{self.log}" template="plain")\n')
        self.processes.append(subprocess.Popen(
            ["rsyslogd", "-n", "-f", self.dir + "/rsyslog.conf", "-i", pid], stderr=subprocess.DEVNULL,
            preexec_fn=end_with_parent))
        until(lambda: os.path.exists(sock) and os.path.exists(pid))
        out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        out.connect(sock)

        def give(lines):
            for one in lines:
                out.send(b"<13>" + one[:-1])
        self.fork(give)
        self.configure("create", ":", f"kill -HUP $(cat {pid})")
        return None if by_channel else self.logrotate

    def run(self):
        stopping = []
        signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))
        rotate = self.start()
        until(lambda: os.path.exists(self.log))
        self.say("log " + self.log)
        inode, due = None, time.monotonic() + 1.05
        while not stopping:
            time.sleep(0.02)
            if rotate and time.monotonic() >= due:
                rotate()
                due = time.monotonic() + 1.05  # names have seconds in them
                self.say("rotated")
            elif not rotate:
                try:
                    found = os.stat(self.log).st_ino
                except FileNotFoundError:
                    continue
                if inode not in (None, found):
                    self.say("rotated")
                inode = found
        os.kill(self.writer, signal.SIGTERM)
        os.waitpid(self.writer, 0)
        with open(self.dir + "/written") as stream:
            count = int(stream.read())
        # rsyslog has a queue, and the others end with their input.
        if self.form.startswith("rsyslog"):
            until(lambda: b"\n%08d " % (count - 1) in b"\n" + subprocess.run(["tail", "-n", "1", self.log], capture_output=True).stdout)
            self.processes[0].terminate()
        for process in self.processes:
            process.wait(20)
        self.say(f"written {count}")


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("waited in vain")
        time.sleep(0.01)


FORMS = [*LOGROTATE, "kubernetes", "svlogd", "multilog", "cronolog", "rsyslog-channel", "rsyslog-logrotate"]

if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("\n".join([__doc__, *FORMS]))
    Rotator(sys.argv[1], sys.argv[2]).run()
