/* SPDX-License-Identifier: MIT
 *
 * Which file a store is: see files.h.
 */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "status.h"

enum {
  PATH_MOST = 4096,
  LINK_TRIES = 100, /* a new store has two names for a moment, see create.c */
  LOCK_FILE_SIZE = 64 * (READERS_MAX + 2)
};

hf_status hf__lmdb_data_path(const char *dir, char *out, size_t capacity, hf_error *err) {
  if ((size_t)snprintf(out, capacity, "%s/" DATA_FILE, dir) >= capacity)
    return hf_error_set(err, HF_INVALID_ARGUMENT, "the path of the store is too long: %.200s...", dir);
  return HF_OK;
}

hf_status hf__lmdb_data_file(const char *dir, hf__lmdb_file *out, hf_error *err) {
  char path[PATH_MOST];
  struct stat st;
  *out = (hf__lmdb_file){0, 0};
  hf_status status = hf__lmdb_data_path(dir, path, sizeof path, err);
  if (status) return status;
  for (int i = 0; i <= LINK_TRIES; i++) {
    if (i) nanosleep(&(struct timespec){0, 1000000}, NULL);
    if (lstat(path, &st))
      return hf_error_set(err, errno == ENOENT ? HF_NOT_FOUND : HF_IO, "cannot look at %s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_nlink <= 1) break;
  }
  if (S_ISLNK(st.st_mode))
    return hf_error_set(err, HF_UNSUPPORTED,
                        "%s is a symbolic link: whoever opens the store by its other path has another lock file, and "
                        "both lose writes; give the folder that the link leads to, or link the folder",
                        path);
  if (S_ISREG(st.st_mode) && st.st_nlink > 1)
    return hf_error_set(err, HF_UNSUPPORTED,
                        "%s has %lu names (hard links): whoever opens the store by another one has another lock file, "
                        "and both lose writes; remove the other names, or put a copy of the file in its place",
                        path, (unsigned long)st.st_nlink);
  *out = (hf__lmdb_file){st.st_dev, st.st_ino};
  return HF_OK;
}

hf_status hf__lmdb_check_lock_file(const char *dir, hf_error *err) {
  char path[PATH_MOST];
  struct stat st;
  if ((size_t)snprintf(path, sizeof path, "%s/" LOCK_FILE, dir) >= sizeof path || lstat(path, &st)) return HF_OK;
  if (!S_ISLNK(st.st_mode) && (!S_ISREG(st.st_mode) || st.st_nlink <= 1)) return HF_OK;
  return hf_error_set(err, HF_UNSUPPORTED,
                      "%s is %s: a store that has the same lock file is written to at the same time, and both lose "
                      "writes; end the processes that have the store open and remove it, it is made again",
                      path, S_ISLNK(st.st_mode) ? "a symbolic link" : "one file with several names (hard links)");
}

hf_status hf__lmdb_fail_lock_file(const char *dir, hf_error *err) {
  return hf_error_set(err, HF_IO,
                      "%s/" LOCK_FILE " cannot be locked, or is not LMDB's: a store needs a filesystem with locks, and "
                      "a lock file of its own",
                      dir);
}

static bool is_same(const hf__lmdb_file *a, dev_t device, ino_t inode) {
  return a->device == device && a->inode == inode;
}

bool hf__lmdb_file_is(int dir_fd, const char *name, const hf__lmdb_file *file) {
  struct statx st;
  struct stat plain;
  if (statx(dir_fd, name, AT_SYMLINK_NOFOLLOW, STATX_INO, &st) == 0)
    return is_same(file, makedev(st.stx_dev_major, st.stx_dev_minor), st.stx_ino);
  if (errno == ENOENT) return false;
  if (fstatat(dir_fd, name, &plain, AT_SYMLINK_NOFOLLOW) == 0) /* statx is forbidden in some containers */
    return is_same(file, plain.st_dev, plain.st_ino);
  return errno != ENOENT;
}

hf__lmdb_file hf__lmdb_file_of(int fd) {
  struct stat st;
  if (fstat(fd, &st)) return (hf__lmdb_file){0, 0};
  return (hf__lmdb_file){st.st_dev, st.st_ino};
}

hf_status hf__lmdb_reserve_lock(const char *dir, hf_error *err) {
  char path[PATH_MOST];
  if ((size_t)snprintf(path, sizeof path, "%s/" LOCK_FILE, dir) >= sizeof path)
    return hf_error_set(err, HF_INVALID_ARGUMENT, "the path of the store is too long");
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) return HF_OK; /* LMDB will not get further either, and says more */
  hf_status status = HF_OK;
  if (fallocate(fd, 0, 0, LOCK_FILE_SIZE) && errno != EOPNOTSUPP && errno != ENOSYS)
    status = hf__lmdb_fail_errno(err, "make room for", path);
  close(fd);
  return status;
}
