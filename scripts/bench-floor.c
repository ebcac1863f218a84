// The floor that scripts/bench measures reapd against: raw inotify, flock and rename, and nothing
// else; and the load that both get.
//
//   bench-floor watch ROOT          watches every spill_* that is there; renames what is released
//   bench-floor own ROOT COUNT TAG  owns COUNT directories; then reads commands from stdin:
//                                   "release N": releases N of them in turn, and prints for each
//                                   the nanoseconds from before close() to the name being gone
//   bench-floor noise ROOT RATE     raises RATE events a second in ROOT until killed
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void raise_limit(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

struct watched {
  int lock;
  char name[64];
};

_Noreturn static void watch(const char *root) {
  int events = inotify_init1(IN_CLOEXEC);
  if (events < 0 || chdir(root) != 0) die(root);
  size_t room = 1024;
  struct watched *table = calloc(room, sizeof *table);
  int64_t begin = now();
  DIR *list = opendir(".");
  int held = 0;
  for (struct dirent *entry; (entry = readdir(list));) {
    if (strncmp(entry->d_name, "spill_", 6) != 0) continue;
    char path[320];
    snprintf(path, sizeof path, "%s/.lock", entry->d_name);
    int lock = open(path, O_RDONLY | O_CLOEXEC);
    int wd = inotify_add_watch(events, path, IN_CLOSE);
    if (wd < 0) die("watch");
    if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0) flock(lock, LOCK_UN);
    while ((size_t)wd >= room) {
      table = realloc(table, 2 * room * sizeof *table);
      memset(table + room, 0, room * sizeof *table);
      room *= 2;
    }
    table[wd].lock = lock;
    snprintf(table[wd].name, sizeof table[wd].name, "%.63s", entry->d_name);
    // Beyond the limit of descriptors the loop is timed all the same.
    if (++held > 15000 && lock >= 0) {
      close(lock);
      table[wd].lock = -1;
    }
  }
  closedir(list);
  printf("ready %lld\n", (long long)(now() - begin));
  fflush(stdout);
  static char buffer[65536] __attribute__((aligned(8)));
  for (;;) {
    ssize_t size = read(events, buffer, sizeof buffer);
    if (size <= 0) continue;
    for (char *at = buffer; at < buffer + size;) {
      struct inotify_event *event = (struct inotify_event *)at;
      at += sizeof *event + event->len;
      if (event->wd < 0 || (size_t)event->wd >= room || !table[event->wd].name[0]) continue;
      struct watched *it = &table[event->wd];
      if (it->lock < 0) continue;
      for (int attempt = 0; attempt < 1000; attempt++) {
        if (flock(it->lock, LOCK_EX | LOCK_NB) == 0) {
          char claimed[128];
          snprintf(claimed, sizeof claimed, ".floor.%s", it->name);
          rename(it->name, claimed);
          it->name[0] = 0;
          break;
        }
        usleep(10);
      }
    }
  }
}

static int own(const char *root, int count, const char *tag) {
  if (chdir(root) != 0) die(root);
  int *locks = calloc(count, sizeof *locks);
  char path[320], name[128];
  long stamp = time(NULL);
  for (int i = 0; i < count; i++) {
    snprintf(name, sizeof name, "spill_%ld_%s%06d", stamp, tag, i);
    snprintf(path, sizeof path, "%s/.lock", name);
    if (mkdir(name, 0777) != 0) die(name);
    locks[i] = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (locks[i] < 0 || flock(locks[i], LOCK_EX | LOCK_NB) != 0) die(path);
  }
  printf("ready\n");
  fflush(stdout);
  int next = 0, wanted;
  static char buffer[65536] __attribute__((aligned(8)));
  char line[64];
  while (fgets(line, sizeof line, stdin)) {
    if (sscanf(line, "release %d", &wanted) != 1) continue;
    int events = inotify_init1(IN_CLOEXEC);
    for (; wanted > 0 && next < count; wanted--, next++) {
      snprintf(name, sizeof name, "spill_%ld_%s%06d", stamp, tag, next);
      int wd = inotify_add_watch(events, ".", IN_MOVED_FROM | IN_DELETE);
      usleep(2000);  // both watchers are asleep again
      int64_t begin = now(), end = 0;
      close(locks[next]);
      while (!end) {
        ssize_t size = read(events, buffer, sizeof buffer);
        int64_t arrival = now();
        for (char *at = buffer; at < buffer + size;) {
          struct inotify_event *event = (struct inotify_event *)at;
          at += sizeof *event + event->len;
          if (event->mask & IN_Q_OVERFLOW && access(name, F_OK) != 0) end = arrival;
          if (event->len && strcmp(event->name, name) == 0) end = arrival;
        }
      }
      inotify_rm_watch(events, wd);
      while (read(events, buffer, sizeof(struct inotify_event)) > 0) break;
      printf("%lld\n", (long long)(end - begin));
    }
    close(events);
    printf("done\n");
    fflush(stdout);
  }
  return 0;
}

_Noreturn static void noise(const char *root, int rate) {
  if (chdir(root) != 0) die(root);
  int64_t begin = now();
  for (int64_t done = 0;; done += 2) {
    int file = open("noise", O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    close(file);
    unlink("noise");  // with the creation: two events for whoever watches names in the root
    int64_t due = begin + done * 1000000000LL / rate;
    if (due > now() + 1000000) usleep((due - now()) / 1000);
  }
}

int main(int argc, char **argv) {
  raise_limit();
  if (argc == 3 && !strcmp(argv[1], "watch")) watch(argv[2]);
  if (argc == 5 && !strcmp(argv[1], "own")) return own(argv[2], atoi(argv[3]), argv[4]);
  if (argc == 4 && !strcmp(argv[1], "noise")) noise(argv[2], atoi(argv[3]));
  fprintf(stderr, "usage: bench-floor watch ROOT | own ROOT COUNT TAG | noise ROOT RATE\n");
  return 64;
}
