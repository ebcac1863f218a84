// What Swift's Glibc module cannot call: variadic functions, raw system calls, macros. No logic.
#pragma once
#include <sys/xattr.h>
#include <stddef.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/types.h>

// openat2(2): returns a descriptor, or -1 with errno.
int shim_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
// fcntl(2) with an integer argument.
int shim_fcntl(int fd, int command, int argument);
// F_OFD_GETLK for a write lock on the whole file: 0 free, 1 taken, -1 with errno.
int shim_ofd_test_write_lock(int fd);
// F_OFD_SETLK of a read lock on the whole file: 0, or -1 with errno.
int shim_ofd_read_lock(int fd);
// F_OFD_SETLK F_UNLCK on the whole file: 0, or -1 with errno.
int shim_ofd_unlock(int fd);
// getdents64(2): bytes read, 0 at the end, -1 with errno.
ssize_t shim_getdents64(int fd, void *buffer, size_t size);
// statx(2) fields that reapd uses; 0, or -1 with errno.
struct shim_statx {
  uint32_t mode, uid, nlink, attributes_known, is_mount_root, has_birth;
  uint64_t ino, blocks512, size, dev, mnt_id;
  int64_t birth_ns, change_ns, modification_ns;
};
int shim_statx(int dirfd, const char *path, int flags, struct shim_statx *out);

// What an entry occupies: statx(2) with the smallest mask, and what is cached will do; 0, or -1 with errno.
struct shim_occupied {
  uint32_t mode, nlink, is_mount_root;
  uint64_t ino, blocks512, size, dev;
};
int shim_occupied(int dirfd, const char *path, int flags, struct shim_occupied *out);
// Has the calling thread go after all others: ioprio_set(2) with the idle class, and nice 19.
void shim_stand_back(void);

// renameat2(2) with RENAME_NOREPLACE; 0, or -1 with errno.
int shim_rename_noreplace(int dirfd, const char *old_name, const char *new_name);
// syncfs(2); 0, or -1 with errno.
int shim_syncfs(int fd);
// renameat2(2) with RENAME_NOREPLACE from one directory into another.
int shim_move_noreplace(int old_dir, const char *old_name, int new_dir, const char *new_name);
// renameat2(2) with RENAME_EXCHANGE; 0, or -1 with errno.
int shim_rename_exchange(int dirfd, const char *one_name, const char *other_name);
// fallocate(2) of a range: FALLOC_FL_COLLAPSE_RANGE, and FALLOC_FL_PUNCH_HOLE; 0, or -1 with errno.
int shim_collapse_range(int fd, int64_t offset, int64_t length);
int shim_punch_hole(int fd, int64_t offset, int64_t length);
// f_bsize of statfs(2), or -1 with errno.
int64_t shim_block_size(int fd);
// kcmp(2): 1 where two threads share descriptors and directories, 0 where not, or -1 with errno.
int shim_shares_files(pid_t first, pid_t second);
// BTRFS_IOC_SUBVOL_GETFLAGS and _SETFLAGS; 0, or -1 with errno.
int shim_subvolume_flags(int fd, uint64_t *flags);
int shim_set_subvolume_flags(int fd, uint64_t flags);
// f_type of statfs(2), or -1 with errno.
int64_t shim_file_system_type(int fd);
// setfsuid(2), setfsgid(2), of the calling thread: the ID before.
uid_t shim_setfsuid(uid_t user);
gid_t shim_setfsgid(gid_t group);
// pidfd_open(2): a descriptor, or -1 with errno.
int shim_pidfd_open(pid_t pid);
// epoll_create1(2), close-on-exec.
int shim_epoll_create(void);
// epoll_ctl(2): until it was readable once, or for good; 0, or -1 with errno.
int shim_epoll_add(int poll, int fd, uint64_t key, int once);
int shim_epoll_remove(int poll, int fd);
// epoll_wait(2) for one descriptor, whose key is returned; -1 with errno.
int64_t shim_epoll_wait(int poll);
// sync_file_range(2) with SYNC_FILE_RANGE_WRITE; 0, or -1 with errno.
int shim_start_writeback(int fd, int64_t offset, int64_t count);
// eventfd(2), close-on-exec and non-blocking.
int shim_eventfd(void);
// Names the calling thread for ps and top; at most 15 bytes.
void shim_name_thread(const char *name);
// Has the kernel drop the pages of the program's and its libraries' read-only segments; used again, they
// are read from the page cache.
void shim_release_read_only_pages(void);
// The arguments of this process, as the C library was given them: without /proc.
int shim_argument_count(void);
const char *shim_argument(int index);
// Makes the C library's stderr drop what standard error has no room for now.
void shim_never_wait_for_stderr(void);
// The system's words for an errno; never NULL, valid for ever.
const char *shim_error_text(int code);

// posix_spawn_file_actions_addclosefrom_np(3), a GNU extension; 0, or an errno.
int shim_spawn_closefrom(posix_spawn_file_actions_t *actions, int lowest);

// memrchr(3): a GNU extension.
// fcntl(2) with F_SETPIPE_SZ: the new size, or -1 with errno.
int shim_widen_pipe(int fd, int size);
const void *shim_memrchr(const void *bytes, int byte, size_t size);

enum {
  shim_AT_EMPTY_PATH = 0x1000,
  shim_AT_NO_AUTOMOUNT = 0x800,
  shim_AT_STATX_FORCE_SYNC = 0x2000,
  shim_O_PATH = 0x200000,
  shim_O_TMPFILE = 0x410000,
  shim_SEEK_DATA = 3,
  shim_SEEK_HOLE = 4,
  shim_F_SETLEASE = 1024,
  shim_F_GETLEASE = 1025,
  shim_F_SETSIG = 10,
  shim_RESOLVE_NO_XDEV = 0x01,
  shim_RESOLVE_NO_MAGICLINKS = 0x02,
  shim_RESOLVE_NO_SYMLINKS = 0x04,
  shim_RESOLVE_BENEATH = 0x08,
  // statfs(2)
  shim_FUSE_SUPER_MAGIC = 0x65735546,
  shim_NFS_SUPER_MAGIC = 0x6969,
  // btrfs(5): the inode of every subvolume's top, and the flag that makes one read-only.
  shim_BTRFS_FIRST_FREE_OBJECTID = 256,
  shim_BTRFS_SUBVOL_RDONLY = 2,
};
