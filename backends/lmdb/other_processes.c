/* SPDX-License-Identifier: MIT
 *
 * Which other processes have a store open: see other_processes.h.  Candidates are the owners of locks on the lock file,
 * from /proc/locks and from fcntl; one counts when it has the lock file open.  /proc/PID/fd can be read for processes
 * of the same user.
 */
#include "other_processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
  PATH_MOST = 4096,
  NAME_MOST = 32,
  LOOKS = 40, /* a process has the lock file open for a moment before the data file, and after it */
  LOOK_MS = 5
};

/* What a process has open of a store. */
struct view {
  bool known; /* whether we may look */
  bool lock_file, data_file;
};

static bool is_file(const struct stat *st, const hf__lmdb_file *file) {
  return st->st_dev == file->device && st->st_ino == file->inode;
}

static struct view look_at(pid_t pid, const hf__lmdb_file *lock, const hf__lmdb_file *data) {
  struct view v = {false, false, false};
  char path[PATH_MOST];
  snprintf(path, sizeof path, "/proc/%ld/fd", (long)pid);
  DIR *d = opendir(path);
  if (!d) return v;
  v.known = true;
  for (struct dirent *e; (e = readdir(d));) {
    struct stat st;
    if (e->d_name[0] == '.' || fstatat(dirfd(d), e->d_name, &st, 0)) continue;
    v.lock_file |= is_file(&st, lock);
    v.data_file |= is_file(&st, data);
  }
  closedir(d);
  return v;
}

/* Whether somebody has the lock that LMDB holds on the first byte for as long as an environment is open; true where
 * that cannot be told.  The owner is one of those who have it; 0: nobody we can see. */
static bool is_locked(const char *lock_path, pid_t *owner) {
  *owner = 0;
  int fd = open(lock_path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return true;
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
  bool told = fcntl(fd, F_GETLK, &lock) == 0;
  close(fd); /* this process has no environment on it, and so no locks to lose */
  if (!told) return true;
  if (lock.l_type != F_UNLCK && lock.l_pid > 0) *owner = lock.l_pid;
  return lock.l_type != F_UNLCK;
}

/* Calls fn for the owner of each lock on a file with this inode until it returns true; that pid, or 0.  Some
 * filesystems have two device numbers, so the device is left to fn.  To be asked only where somebody has the lock:
 * reading the list takes the kernel 10 ms and more, in which nobody on the machine can lock a file. */
static pid_t each_owner(ino_t inode, bool (*fn)(pid_t pid, void *arg), void *arg) {
  FILE *locks = fopen("/proc/locks", "re");
  if (!locks) return 0;
  char line[256];
  pid_t found = 0;
  while (!found && fgets(line, sizeof line, locks)) {
    long pid;
    unsigned long long locked;
    if (sscanf(line, "%*u: POSIX %*s %*s %ld %*x:%*x:%llu", &pid, &locked) != 2) continue;
    if (pid > 0 && (pid_t)pid != getpid() && locked == inode && fn((pid_t)pid, arg)) found = (pid_t)pid;
  }
  fclose(locks);
  return found;
}

struct store {
  hf__lmdb_file lock, data;
  char lock_path[PATH_MOST];
};

static bool find_store(const char *dir, const hf__lmdb_file *data, struct store *out) {
  struct stat st;
  if ((size_t)snprintf(out->lock_path, sizeof out->lock_path, "%s/" LOCK_FILE, dir) >= sizeof out->lock_path ||
      stat(out->lock_path, &st))
    return false;
  out->lock = (hf__lmdb_file){st.st_dev, st.st_ino};
  out->data = *data;
  return true;
}

static bool has_lock_file(pid_t pid, void *arg) {
  const struct store *s = arg;
  return look_at(pid, &s->lock, &s->data).lock_file;
}

static bool has_other_data_file(pid_t pid, void *arg) {
  const struct store *s = arg;
  struct view v = look_at(pid, &s->lock, &s->data);
  return v.known && v.lock_file && !v.data_file;
}

void hf__lmdb_process_text(pid_t pid, char out[PROCESS_TEXT]) {
  char path[64], name[NAME_MOST] = "";
  snprintf(path, sizeof path, "/proc/%ld/comm", (long)pid);
  FILE *file = fopen(path, "re");
  if (file && fgets(name, sizeof name, file)) name[strcspn(name, "\n")] = '\0';
  if (file) fclose(file);
  snprintf(out, PROCESS_TEXT, *name ? "process %ld (%s)" : "process %ld", (long)pid, name);
}

bool hf__lmdb_find_other_process(const char *dir, char out[PROCESS_TEXT]) {
  static const hf__lmdb_file none;
  struct store s;
  if (!find_store(dir, &none, &s)) return false;
  pid_t pid;
  if (!is_locked(s.lock_path, &pid)) return false;
  if (!pid) pid = each_owner(s.lock.inode, has_lock_file, &s);
  if (pid) hf__lmdb_process_text(pid, out);
  return pid != 0;
}

static bool has_both_files(pid_t pid, void *arg) {
  const struct store *s = arg;
  struct view v = look_at(pid, &s->lock, &s->data);
  return v.lock_file && v.data_file;
}

bool hf__lmdb_find_other_holder(const hf__lmdb_file *lock, const hf__lmdb_file *data, char out[PROCESS_TEXT]) {
  struct store s = {.lock = *lock, .data = *data};
  pid_t pid = each_owner(lock->inode, has_both_files, &s);
  if (!pid) return false;
  hf__lmdb_process_text(pid, out);
  return true;
}

hf_status hf__lmdb_check_other_processes(const char *dir, const hf__lmdb_file *data, hf_error *err) {
  struct store s;
  pid_t pid = 0;
  if (!find_store(dir, data, &s)) return HF_OK;
  for (int i = 0; i < LOOKS; i++) {
    if (i) nanosleep(&(struct timespec){0, LOOK_MS * 1000000L}, NULL);
    if (!is_locked(s.lock_path, &pid)) return HF_OK;
    if (pid && !has_other_data_file(pid, &s)) pid = 0;
    if (!pid) pid = each_owner(s.lock.inode, has_other_data_file, &s);
    if (!pid) return HF_OK;
  }
  char who[PROCESS_TEXT];
  hf__lmdb_process_text(pid, who);
  return hf_error_set(err, HF_UNAVAILABLE,
                      "%s/" DATA_FILE " was put in the place of a file that %s still has open: end that process before "
                      "the store is opened, or what is written would be lost",
                      dir, who);
}
