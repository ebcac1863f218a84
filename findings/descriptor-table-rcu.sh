#!/usr/bin/env bash
# With a second thread, a process that opens many files waits for an RCU grace period at each doubling.
#
# Linux 6.1 to 6.18 (seen on 6.18, x86-64, 2 processors): the table of descriptors has room for 64 at first and
# doubles. Where another thread shares it, the kernel waits with synchronize_rcu() before it puts the larger
# table in place (expand_fdtable() in fs/file.c), some 5 to 20 ms each time. From 64 to 16,384 descriptors
# that happens eight times: a program that takes a lock file of each of 10,000 directories at its start spent
# 70 ms of its 180 asleep, with both processors idle. Without a second thread nothing waits. Asking once for a
# high number while there is one thread (fcntl with F_DUPFD) makes the whole room at once.
#
# The program opens 16,000 descriptors in each of three ways and prints how many of the calls took more than a
# millisecond. Output seen: "one thread: 0 of 16000 waited", "two threads: 6 of 16000 waited",
# "two threads, room made before: 0 of 16000 waited". Exits 0 while two threads wait at least five times.
set -euo pipefail

version=4:12.2.0-3
command -v gcc >/dev/null || apt-get install --yes --no-install-recommends "gcc=$version" libc6-dev >/dev/null
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ulimit -n 16100 2>/dev/null || { echo "needs 16,100 descriptors (ulimit -n)" >&2; exit 1; }

cat >"$work/open.c" <<'C'
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void *sleeper(void *unused) {
  pause();
  return unused;
}

int main(int count, char **words) {
  int waited = 0, opened = 0;
  pthread_t other;
  if (count > 2) close(fcntl(0, F_DUPFD, 16050));
  if (strcmp(words[1], "one") != 0 && pthread_create(&other, NULL, sleeper, NULL) != 0) return 1;
  for (; opened < 16000; opened++) {
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0) return 1;
    clock_gettime(CLOCK_MONOTONIC, &end);
    waited += (end.tv_sec - begin.tv_sec) * 1000000000L + end.tv_nsec - begin.tv_nsec > 1000000;
  }
  printf("%d\n", waited);
  return 0;
}
C
gcc -O2 -pthread -o "$work/open" "$work/open.c"
echo "Linux $(uname -r)"
one=$("$work/open" one </dev/null)
two=$("$work/open" two </dev/null)
made=$("$work/open" two before </dev/null)
echo "one thread: $one of 16000 waited"
echo "two threads: $two of 16000 waited"
echo "two threads, room made before: $made of 16000 waited"
((two >= 5 && one <= two / 2 && made <= two / 2))
