#define _GNU_SOURCE
#include <linux/kcmp.h>
#include "linux_shims.h"
#include <errno.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

int shim_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
  return (int)syscall(SYS_openat2, dirfd, path, &how, sizeof how);
}

int shim_fcntl(int fd, int command, int argument) { return fcntl(fd, command, argument); }

int shim_ofd_test_write_lock(int fd) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  if (fcntl(fd, F_OFD_GETLK, &lock) != 0) return -1;
  return lock.l_type == F_UNLCK ? 0 : 1;
}

int shim_ofd_read_lock(int fd) {
  struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
  return fcntl(fd, F_OFD_SETLK, &lock);
}

int shim_ofd_unlock(int fd) {
  struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
  return fcntl(fd, F_OFD_SETLK, &lock);
}

ssize_t shim_getdents64(int fd, void *buffer, size_t size) {
  return syscall(SYS_getdents64, fd, buffer, size);
}

#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000U
#endif
#ifndef STATX_ATTR_MOUNT_ROOT
#define STATX_ATTR_MOUNT_ROOT 0x2000
#endif

// Beyond 2116, or before 1823, a stamp says that instant: so no sum of two of them is beyond 64 bits.
static int64_t shim_nanoseconds(struct statx_timestamp time) {
  const int64_t limit = INT64_C(1) << 62;
  if (time.tv_sec >= limit / 1000000000) return limit;
  if (time.tv_sec <= -limit / 1000000000) return -limit;
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int shim_statx(int dirfd, const char *path, int flags, struct shim_statx *out) {
  struct statx raw;
  if (statx(dirfd, path, flags, STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID, &raw) != 0) return -1;
  out->mode = raw.stx_mode;
  out->uid = raw.stx_uid;
  out->nlink = raw.stx_nlink;
  out->attributes_known = (raw.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0;
  out->is_mount_root = (raw.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
  out->has_birth = (raw.stx_mask & STATX_BTIME) != 0 && raw.stx_btime.tv_sec != 0;
  out->ino = raw.stx_ino;
  out->blocks512 = raw.stx_blocks;
  out->size = raw.stx_size;
  out->dev = makedev(raw.stx_dev_major, raw.stx_dev_minor);
  out->mnt_id = raw.stx_mnt_id;
  out->birth_ns = shim_nanoseconds(raw.stx_btime);
  out->change_ns = shim_nanoseconds(raw.stx_ctime);
  out->modification_ns = shim_nanoseconds(raw.stx_mtime);
  return 0;
}

int shim_occupied(int dirfd, const char *path, int flags, struct shim_occupied *out) {
  struct statx raw;
  unsigned mask = STATX_TYPE | STATX_NLINK | STATX_INO | STATX_SIZE | STATX_BLOCKS;
  if (statx(dirfd, path, flags | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, mask, &raw) != 0) return -1;
  out->mode = raw.stx_mode;
  out->nlink = raw.stx_nlink;
  out->is_mount_root = (raw.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
  out->ino = raw.stx_ino;
  out->blocks512 = raw.stx_blocks;
  out->size = raw.stx_size;
  out->dev = makedev(raw.stx_dev_major, raw.stx_dev_minor);
  return 0;
}

void shim_stand_back(void) {
  // linux/ioprio.h: IOPRIO_WHO_PROCESS, and class 3 (idle) above bit 13; 0 is the calling thread.
  syscall(SYS_ioprio_set, 1, 0, 3 << 13);
  setpriority(PRIO_PROCESS, (id_t)gettid(), 19);
}

int shim_rename_exchange(int dirfd, const char *one_name, const char *other_name) {
  return renameat2(dirfd, one_name, dirfd, other_name, RENAME_EXCHANGE);
}

int shim_collapse_range(int fd, int64_t offset, int64_t length) {
  return fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, offset, length);
}

int shim_syncfs(int fd) { return syncfs(fd); }

int shim_punch_hole(int fd, int64_t offset, int64_t length) {
  return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
}

int64_t shim_block_size(int fd) {
  struct statfs raw;
  return fstatfs(fd, &raw) == 0 ? (int64_t)raw.f_bsize : -1;
}

int shim_rename_noreplace(int dirfd, const char *old_name, const char *new_name) {
  return renameat2(dirfd, old_name, dirfd, new_name, RENAME_NOREPLACE);
}

int shim_shares_files(pid_t first, pid_t second) {
  long files = syscall(SYS_kcmp, first, second, KCMP_FILES, 0, 0);
  if (files != 0) return files < 0 ? -1 : 0;
  long directories = syscall(SYS_kcmp, first, second, KCMP_FS, 0, 0);
  return directories < 0 ? -1 : directories == 0;
}

int shim_move_noreplace(int old_dir, const char *old_name, int new_dir, const char *new_name) {
  return renameat2(old_dir, old_name, new_dir, new_name, RENAME_NOREPLACE);
}

int shim_subvolume_flags(int fd, uint64_t *flags) {
  __u64 raw = 0;
  int result = ioctl(fd, BTRFS_IOC_SUBVOL_GETFLAGS, &raw);
  *flags = raw;
  return result;
}

int shim_set_subvolume_flags(int fd, uint64_t flags) {
  __u64 raw = flags;
  return ioctl(fd, BTRFS_IOC_SUBVOL_SETFLAGS, &raw);
}

int64_t shim_file_system_type(int fd) {
  struct statfs raw;
  return fstatfs(fd, &raw) == 0 ? (int64_t)raw.f_type : -1;
}

uid_t shim_setfsuid(uid_t user) { return (uid_t)setfsuid(user); }
gid_t shim_setfsgid(gid_t group) { return (gid_t)setfsgid(group); }

const char *shim_error_text(int code) {
  const char *text = strerrordesc_np(code);
  return text ? text : "unknown error";
}

int shim_start_writeback(int fd, int64_t offset, int64_t count) {
  return sync_file_range(fd, offset, count, SYNC_FILE_RANGE_WRITE);
}

int shim_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

void shim_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

int shim_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }
int shim_epoll_add(int poll, int fd, uint64_t key, int once) {
  struct epoll_event event = {.events = EPOLLIN | (once ? EPOLLONESHOT : 0), .data.u64 = key};
  return epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
}
int shim_epoll_remove(int poll, int fd) { return epoll_ctl(poll, EPOLL_CTL_DEL, fd, NULL); }
int64_t shim_epoll_wait(int poll) {
  struct epoll_event event;
  return epoll_wait(poll, &event, 1, -1) == 1 ? (int64_t)event.data.u64 : -1;
}

static int release_read_only(struct dl_phdr_info *object, size_t size, void *unused) {
  (void)size, (void)unused;
  for (int index = 0; index < object->dlpi_phnum; index++) {
    const ElfW(Phdr) *part = &object->dlpi_phdr[index];
    if (part->p_type != PT_LOAD || part->p_flags & PF_W) continue;
    uintptr_t begin = (object->dlpi_addr + part->p_vaddr) & ~(uintptr_t)4095;
    madvise((void *)begin, object->dlpi_addr + part->p_vaddr + part->p_memsz - begin, MADV_DONTNEED);
  }
  return 0;
}
void shim_release_read_only_pages(void) { dl_iterate_phdr(release_read_only, NULL); }

int shim_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }
const void *shim_memrchr(const void *bytes, int byte, size_t size) { return memrchr(bytes, byte, size); }

int shim_spawn_closefrom(posix_spawn_file_actions_t *actions, int lowest) {
  return posix_spawn_file_actions_addclosefrom_np(actions, lowest);
}

int shim_widen_pipe(int fd, int size) { return fcntl(fd, F_SETPIPE_SZ, size); }

static int argument_count;
static char **arguments;

// glibc hands main's arguments to constructors, too.
__attribute__((constructor)) static void keep_arguments(int count, char **values) {
  argument_count = count;
  arguments = values;
}

int shim_argument_count(void) { return argument_count; }
const char *shim_argument(int index) { return arguments[index]; }

static ssize_t write_where_there_is_room(void *cookie, const char *bytes, size_t size) {
  (void)cookie;
  struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
  if (poll(&room, 1, 0) == 1 && (room.revents & POLLOUT) != 0)
    (void)!write(STDERR_FILENO, bytes, size);
  return (ssize_t)size;
}

void shim_never_wait_for_stderr(void) {
  FILE *file = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_where_there_is_room});
  if (!file) return;
  setvbuf(file, NULL, _IONBF, 0);
  stderr = file;
}
