#!/usr/bin/env bash
# A Unix socket that is bound under one name and renamed is told of under the name that is gone, for ever.
#
# Linux 6.18 (unix(7), proc_pid_net(5)): servers bind `s.tmp` and rename it to `s`, so that nobody meets a socket that
# does not answer yet. Whoever connects to `s` is served. But /proc/net/unix and getsockname(2) go on saying
# `s.tmp`: no line there has a name that exists, and the inode in it is the socket's own, not that of the file. To know
# whether `s` is alive one has to connect, to ask sock_diag(7) for UNIX_DIAG_VFS, or to count the directory of
# the vanished name. Exits 0 while it is so.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
uname -sr
python3 - "$work" <<'PYTHON'
import os, socket, struct, sys

old, new = sys.argv[1] + "/s.tmp", sys.argv[1] + "/s"
server = socket.socket(socket.AF_UNIX)
server.bind(old)
server.listen()
os.rename(old, new)

client = socket.socket(socket.AF_UNIX)
client.connect(new)
print("connecting to the new name: served")
with open("/proc/net/unix") as stream:
    told = {line.split()[-1] for line in stream if sys.argv[1] in line}
names = {"/" + path.rpartition("/")[2] for path in told}
print("names in /proc/net/unix:", *sorted(names), "- getsockname:", os.path.basename(server.getsockname()))

# unix_diag_req: UDIAG_SHOW_VFS of one socket, by its own inode (linux/unix_diag.h, linux/sock_diag.h).
inode = os.fstat(server.fileno()).st_ino
diag = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4)
request = struct.pack("=BBHIIIII", socket.AF_UNIX, 0, 0, 0xFFFFFFFF, inode, 2, 0xFFFFFFFF, 0xFFFFFFFF)
diag.send(struct.pack("=IHHII", 16 + len(request), 20, 1, 0, 0) + request)
answer = diag.recv(8192)
# nlmsghdr, unix_diag_msg, then the first attribute: length, type 1 (UNIX_DIAG_VFS), inode, device.
length, kind, file = struct.unpack_from("=HHI", answer, 32)
print("UNIX_DIAG_VFS names the file of the new name:", kind == 1 and file == os.stat(new).st_ino)
sys.exit(not (names == {"/s.tmp"} and not os.path.exists(old) and kind == 1 and file == os.stat(new).st_ino))
PYTHON
