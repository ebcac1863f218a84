// The floor that scripts/bench measures kind generations against: raw inotify, flock and rename,
// and nothing else; and the load that both get.
//
//   bench-generations make ROOT COUNT        makes COUNT partitions of three generations each: the
//                                            live one, whose lock is free, and two for `own`
//   bench-generations watch ROOT             watches every partition; renames what a flip leaves
//   bench-generations own ROOT FROM COUNT    locks the other two in COUNT partitions, as their
//                                            writer; then reads commands from stdin: "flip N":
//                                            flips N cursors in turn, and prints for each the
//                                            nanoseconds from before rename() to the old name gone
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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

static const char *const generations[] = {"table-1795216876001", "table-1795216876002",
                                          "table-1795216876003"};

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void put(const char *path, const char *text) {
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0 || write(file, text, strlen(text)) < 0) die(path);
  close(file);
}

static void partition(int number, char *path, size_t size) {
  snprintf(path, size, "datasets/d%03d/source=%05d", number / 100, number);
}

static void cursor(const char *name, char *text, size_t size) {
  snprintf(text, size,
           "{\n  \"epoch\": 0,\n  \"rowCount\": 1,\n  \"compaction\": null,\n"
           "  \"layout\": \"source-table\",\n  \"tableDir\": \"%s\"\n}", name);
}

static int make(int count) {
  char where[128], path[512], text[256];
  mkdir("datasets", 0777);
  for (int i = 0; i < count; i++) {
    snprintf(path, sizeof path, "datasets/d%03d", i / 100);
    mkdir(path, 0777);
    partition(i, where, sizeof where);
    if (mkdir(where, 0777) != 0) die(where);
    for (int g = 0; g < 3; g++) {
      const char *directories[] = {"", "/metadata", "/data"};
      for (int d = 0; d < 3; d++) {
        snprintf(path, sizeof path, "%s/%s%s", where, generations[g], directories[d]);
        if (mkdir(path, 0777) != 0) die(path);
      }
      const char *files[] = {".lock", "metadata/v1.metadata.json", "data/rows.jsonl"};
      for (int f = 0; f < 3; f++) {
        snprintf(path, sizeof path, "%s/%s/%s", where, generations[g], files[f]);
        put(path, f == 0 ? "" : "{}\n");
      }
    }
    snprintf(path, sizeof path, "%s/cursor.json", where);
    cursor(generations[0], text, sizeof text);
    put(path, text);
  }
  return 0;
}

struct watched {
  char path[64];
  char live[32];
};

/// Reads the name that a cursor gives; no more of a parser than it takes.
static int read_live(const char *where, char *live, size_t size) {
  char path[128], text[512];
  snprintf(path, sizeof path, "%s/cursor.json", where);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  if (length <= 0) return 0;
  text[length] = 0;
  char *at = strstr(text, "\"tableDir\": \"");
  if (!at) return 0;
  at += strlen("\"tableDir\": \"");
  size_t end = strcspn(at, "\"");
  if (end >= size) return 0;
  memcpy(live, at, end);
  live[end] = 0;
  return 1;
}

static struct watched *table;
static size_t room;
static int events;

static struct watched *watch_path(const char *path, uint32_t mask) {
  int wd = inotify_add_watch(events, path, mask);
  if (wd < 0) die("watch");
  while ((size_t)wd >= room) {
    size_t bigger = room ? 2 * room : 1024;
    table = realloc(table, bigger * sizeof *table);
    memset(table + room, 0, (bigger - room) * sizeof *table);
    room = bigger;
  }
  return &table[wd];
}

static void begin_partition(const char *where) {
  static int held;
  struct watched *it = watch_path(where, IN_MOVED_TO | IN_CREATE | IN_ONLYDIR);
  snprintf(it->path, sizeof it->path, "%.63s", where);
  char live[sizeof it->live];
  if (!read_live(where, live, sizeof live)) return;
  memcpy(it->live, live, sizeof live);
  DIR *list = opendir(where);
  for (struct dirent *entry; (entry = readdir(list));) {
    if (strncmp(entry->d_name, "table-", 6) != 0 || !strcmp(entry->d_name, live)) continue;
    char path[1024];
    snprintf(path, sizeof path, "%s/%s/.lock", where, entry->d_name);
    int lock = open(path, O_RDONLY | O_CLOEXEC);
    watch_path(path, IN_CLOSE);
    if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0) flock(lock, LOCK_UN);
    // Beyond the limit of descriptors the loop is timed all the same.
    if (lock >= 0 && ++held > 15000) close(lock);
  }
  closedir(list);
}

static void flipped(struct watched *it) {
  char live[sizeof it->live], path[256], claimed[256];
  if (!read_live(it->path, live, sizeof live) || !strcmp(live, it->live)) return;
  snprintf(path, sizeof path, "%s/%s/.lock", it->path, it->live);
  int lock = open(path, O_RDONLY | O_CLOEXEC);
  if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0) {
    snprintf(path, sizeof path, "%s/%s", it->path, it->live);
    snprintf(claimed, sizeof claimed, "%s/.floor.%s", it->path, it->live);
    rename(path, claimed);
  }
  if (lock >= 0) close(lock);
  memcpy(it->live, live, sizeof live);
}

_Noreturn static void watch(void) {
  events = inotify_init1(IN_CLOEXEC);
  int64_t begin = now();
  DIR *datasets = opendir("datasets");
  if (!datasets) die("datasets");
  for (struct dirent *entry; (entry = readdir(datasets));) {
    if (entry->d_name[0] == '.') continue;
    char where[300];
    snprintf(where, sizeof where, "datasets/%s", entry->d_name);
    watch_path(where, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
    DIR *partitions = opendir(where);
    for (struct dirent *inner; (inner = readdir(partitions));) {
      if (inner->d_name[0] == '.') continue;
      char path[600];
      snprintf(path, sizeof path, "%s/%s", where, inner->d_name);
      begin_partition(path);
    }
    closedir(partitions);
  }
  closedir(datasets);
  printf("ready %lld\n", (long long)(now() - begin));
  fflush(stdout);
  static char buffer[65536] __attribute__((aligned(8)));
  for (;;) {
    ssize_t size = read(events, buffer, sizeof buffer);
    for (char *at = buffer; size > 0 && at < buffer + size;) {
      struct inotify_event *event = (struct inotify_event *)at;
      at += sizeof *event + event->len;
      if (event->wd < 0 || (size_t)event->wd >= room || !event->len) continue;
      if (strcmp(event->name, "cursor.json") == 0) flipped(&table[event->wd]);
    }
  }
}

/// Nanoseconds from before the flip to the old generation's name being gone.
static int64_t flip(const char *where, const char *from, const char *to) {
  char text[256], prepared[256], path[256], old[256];
  static char buffer[65536] __attribute__((aligned(8)));
  snprintf(prepared, sizeof prepared, "%s/cursor.json.%d.0123456789ab.tmp", where, getpid());
  snprintf(path, sizeof path, "%s/cursor.json", where);
  snprintf(old, sizeof old, "%s/%s", where, from);
  cursor(to, text, sizeof text);
  put(prepared, text);
  int seen = inotify_init1(IN_CLOEXEC);
  inotify_add_watch(seen, where, IN_MOVED_FROM | IN_DELETE);
  usleep(2000);  // both watchers are asleep again
  int64_t begin = now(), end = 0;
  if (rename(prepared, path) != 0) die(path);
  while (!end) {
    ssize_t size = read(seen, buffer, sizeof buffer);
    int64_t arrival = now();
    for (char *at = buffer; size > 0 && at < buffer + size;) {
      struct inotify_event *event = (struct inotify_event *)at;
      at += sizeof *event + event->len;
      if (event->len && strcmp(event->name, from) == 0) end = arrival;
    }
  }
  close(seen);
  return end - begin;
}

static int own(int from, int count) {
  char where[128], path[512];
  for (int i = from; i < from + count; i++) {
    partition(i, where, sizeof where);
    for (int g = 1; g < 3; g++) {
      snprintf(path, sizeof path, "%s/%s/.lock", where, generations[g]);
      int lock = open(path, O_WRONLY | O_CLOEXEC);
      if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) != 0) die(path);
    }
  }
  printf("ready\n");
  fflush(stdout);
  int next = from, wanted;
  char line[64];
  while (fgets(line, sizeof line, stdin)) {
    if (sscanf(line, "flip %d", &wanted) != 1) continue;
    for (; wanted > 0 && next < from + count; wanted--, next++) {
      partition(next, where, sizeof where);
      printf("%lld\n", (long long)flip(where, generations[0], generations[1]));
    }
    printf("done\n");
    fflush(stdout);
  }
  return 0;
}

int main(int argc, char **argv) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (argc > 2 && chdir(argv[2]) != 0) die(argv[2]);
  if (argc == 4 && !strcmp(argv[1], "make")) return make(atoi(argv[3]));
  if (argc == 3 && !strcmp(argv[1], "watch")) watch();
  if (argc == 5 && !strcmp(argv[1], "own")) return own(atoi(argv[3]), atoi(argv[4]));
  fprintf(stderr, "usage: bench-generations make ROOT COUNT | watch ROOT | own ROOT FROM COUNT\n");
  return 64;
}
