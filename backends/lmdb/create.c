/* SPDX-License-Identifier: MIT
 *
 * Making a new store.  LMDB writes its first two pages without flushing them, so
 * a power cut before the first commit's flush can leave a data file that cannot
 * be opened.  A store is therefore made in a directory beside its final place,
 * with the format record committed and flushed, and its data file is moved into
 * place in one step that never replaces an existing one.  Whenever this is
 * interrupted there is either no data file or a whole one; what is left of the
 * work directory is swept by the next process that opens the store.
 */
#include "create.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "env.h"
#include "filesystem.h"
#include "meta.h"
#include "other_processes.h"
#include "status.h"

#define WORK_PREFIX ".holdfast-new-"
enum { PATH_MAX_HERE = 4096, CREATE_TRIES = 16 };

hf_status hf__lmdb_sync_directory(const char *path, hf_error *err) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return hf__lmdb_fail_errno(err, "open directory", path);
  int rc = fsync(fd);
  hf_status status = rc ? hf__lmdb_fail_errno(err, "flush directory", path) : HF_OK;
  close(fd);
  return status;
}

/* The directory that a path is in: "." for a name, and for "/" the same.  False: it is too long. */
static bool parent_of(const char *path, char parent[PATH_MAX_HERE]) {
  size_t n = strlen(path);
  while (n > 1 && path[n - 1] == '/') n--;
  while (n > 0 && path[n - 1] != '/') n--;
  while (n > 1 && path[n - 1] == '/') n--;
  if (n >= PATH_MAX_HERE) return false;
  memcpy(parent, n ? path : ".", n ? n : 1);
  parent[n ? n : 1] = '\0';
  return true;
}

/* Flushes the directories above one that is there: a process that was killed may have made it, or any of them, and not
 * flushed it.  Those that we may not read were not made by us. */
static hf_status sync_above(const char *path, hf_error *err) {
  char of[PATH_MAX_HERE], parent[PATH_MAX_HERE];
  if ((size_t)snprintf(of, sizeof of, "%s", path) >= sizeof of) return HF_OK;
  while (strcmp(of, ".") != 0 && parent_of(of, parent) && strcmp(of, parent) != 0) {
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool failed = fd >= 0 && fsync(fd) && errno != EINVAL && errno != EROFS;
    hf_status status = failed ? hf__lmdb_fail_errno(err, "flush directory", parent) : HF_OK;
    if (fd >= 0) close(fd);
    if (status) return status;
    memcpy(of, parent, sizeof of);
  }
  return HF_OK;
}

/* Makes the directory and those above it, flushing each parent, so that the store is still reachable after a power
 * cut.  One whose parent cannot be flushed goes again: flushing the parent later would not bring it to the disk. */
static hf_status make_directories(const char *path, hf_error *err) {
  struct stat st;
  if (stat(path, &st) == 0) {
    if (S_ISDIR(st.st_mode)) return sync_above(path, err);
    return hf_error_set(err, HF_INVALID_ARGUMENT, "%s is a file: a store needs a directory of its own", path);
  }
  if (errno == ENOTDIR)
    return hf_error_set(err, HF_INVALID_ARGUMENT, "%s: a file stands where a directory should be", path);
  if (errno != ENOENT) return hf__lmdb_fail_errno(err, "look at", path);
  char parent[PATH_MAX_HERE];
  if (!parent_of(path, parent)) return hf_error_set(err, HF_INVALID_ARGUMENT, "the path of the store is too long");
  hf_status status = make_directories(parent, err);
  if (status) return status;
  bool made = mkdir(path, 0777) == 0;
  if (!made && errno != EEXIST) return hf__lmdb_fail_errno(err, "make directory", path);
  status = hf__lmdb_sync_directory(parent, err);
  if (status && made) rmdir(path);
  return status;
}

/* Deletes a work directory and the files LMDB made in it. */
static void remove_work(const char *work) {
  static const char *const files[] = {"data.mdb", "lock.mdb"};
  char path[PATH_MAX_HERE + 16];
  for (int i = 0; i < 2; i++)
    if ((size_t)snprintf(path, sizeof path, "%s/%s", work, files[i]) < sizeof path) unlink(path);
  rmdir(work);
}

/* Deletes work directories that no living process holds a lock on.  Where there are any, the directory is flushed
 * first: whoever made one may have moved its data file into place, and not come to flush that. */
static hf_status sweep(const char *dir, hf_error *err) {
  hf_status status = HF_OK;
  bool is_flushed = false;
  DIR *d = opendir(dir);
  if (!d) return HF_OK;
  for (struct dirent *e; status == HF_OK && (e = readdir(d));) {
    if (strncmp(e->d_name, WORK_PREFIX, sizeof WORK_PREFIX - 1) != 0) continue;
    if (!is_flushed && (status = hf__lmdb_sync_directory(dir, err))) break;
    is_flushed = true;
    char work[PATH_MAX_HERE];
    if ((size_t)snprintf(work, sizeof work, "%s/%s", dir, e->d_name) >= sizeof work) continue;
    int fd = open(work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) continue;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) remove_work(work);
    close(fd);
  }
  closedir(d);
  return status;
}

/* Makes a locked work directory.  Returns its descriptor, or -1. */
static int make_work(const char *dir, char *work, size_t capacity) {
  for (int i = 0; i < CREATE_TRIES; i++) {
    if ((size_t)snprintf(work, capacity, "%s/" WORK_PREFIX "%ld-XXXXXX", dir, (long)getpid()) >= capacity) {
      errno = ENAMETOOLONG;
      return -1;
    }
    if (!mkdtemp(work)) return -1;
    int fd = open(work, O_RDONLY | O_DIRECTORY | O_CLOEXEC), e = errno;
    struct stat st;
    if (fd < 0 && e != ENOENT) {
      rmdir(work);
      errno = e;
      return -1;
    }
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && stat(work, &st) == 0) return fd;
    if (fd >= 0) close(fd); /* a sweeping process was faster: take another name */
  }
  errno = EBUSY;
  return -1;
}

static int write_format(MDB_env *mdb) {
  MDB_txn *txn;
  MDB_dbi meta, quarantine;
  char text[128];
  int n = snprintf(text, sizeof text, "{\"format\":%d,\"createdAt\":%lld,\"createdBy\":\"holdfast %s\"}", FORMAT_FIRST,
                   (long long)hf_now_ms(), HF_VERSION_STRING);
  MDB_val key = {sizeof META_FORMAT - 1, (void *)META_FORMAT}, value = {(size_t)n, text};
  int rc = mdb_txn_begin(mdb, NULL, 0, &txn);
  if (rc) return rc;
  rc = mdb_dbi_open(txn, META_DB, MDB_CREATE, &meta);
  if (!rc) rc = mdb_dbi_open(txn, QUARANTINE_DB, MDB_CREATE, &quarantine);
  if (!rc) rc = mdb_put(txn, meta, &key, &value, 0);
  if (rc) {
    mdb_txn_abort(txn);
    return rc;
  }
  return mdb_txn_commit(txn);
}

/* The data file of a new store. */
static hf_status build(const char *work, void *arg, hf_error *err) {
  (void)arg;
  hf_status status = hf__lmdb_reserve_lock(work, err);
  if (status) return status;
  MDB_env *mdb;
  int rc = mdb_env_create(&mdb);
  if (rc) return hf_error_set(err, hf__lmdb_status(rc), "cannot make a store: %s", mdb_strerror(rc));
  mdb_env_set_maxdbs(mdb, 4);
  mdb_env_set_mapsize(mdb, 1 << 20);
  rc = mdb_env_open(mdb, work, MDB_NOTLS, 0666);
  if (!rc) rc = write_format(mdb);
  if (!rc) rc = mdb_env_sync(mdb, 1);
  mdb_env_close(mdb);
  if (!rc) return HF_OK;
  if (rc == MDB_INVALID) return hf__lmdb_fail_lock_file(work, err);
  rc = hf__lmdb_explain_eio(rc, work);
  return hf_error_set(err, hf__lmdb_status(rc), "cannot make a store in %s: %s", work, mdb_strerror(rc));
}

/* Moves a file unless there is one of the new name.  0, or -1 with errno (EEXIST). */
static int move_new(const char *from, const char *to) {
#ifdef SYS_renameat2
  if (syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 1U /* RENAME_NOREPLACE */) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return -1;
#endif
  if (link(from, to)) return -1;
  unlink(from);
  return 0;
}

/* After the new name could not be flushed: takes the store back, so that it is made again, and so is its name; flushing
 * the directory later would not bring this one to the disk.  Not where somebody has opened it already. */
static void move_back(const char *dir, const char *data, const char *made) {
  char lock[PATH_MAX_HERE + 16];
  struct stat st;
  if ((size_t)snprintf(lock, sizeof lock, "%s/" LOCK_FILE, dir) < sizeof lock && lstat(lock, &st) && errno == ENOENT)
    rename(data, made);
}

/* LMDB's lock file outlives a data file that was deleted, and whoever has the old store open still holds its locks: a
 * new store beside it would share them and lose them. */
static hf_status check_deleted(const char *dir, const char *data, hf_error *err) {
  struct stat st;
  char who[PROCESS_TEXT] = "this process";
  if (!hf__lmdb_find_here(dir) && !hf__lmdb_find_other_process(dir, who)) return HF_OK;
  if (lstat(data, &st) == 0) return HF_OK; /* another process has just made it */
  return hf_error_set(err, HF_UNAVAILABLE,
                      "%s was deleted, but %s still has the store open: close it there before making a new one", data,
                      who);
}

hf_status hf__lmdb_work_in(const char *dir, hf__lmdb_work *fn, void *arg, hf_error *err) {
  char work[PATH_MAX_HERE];
  int lock = make_work(dir, work, sizeof work);
  if (lock < 0) return hf__lmdb_fail_errno(err, "make a folder in", dir);
  hf_status status = fn(work, arg, err);
  remove_work(work);
  close(lock);
  return status;
}

/* A store that is being made. */
struct making {
  const char *dir, *data;
  hf__lmdb_work *fn;
  void *arg;
  bool *made_it;
};

static hf_status build_and_move(const char *work, void *arg, hf_error *err) {
  const struct making *m = arg;
  char made[PATH_MAX_HERE + 16];
  hf_status status = m->fn(work, m->arg, err);
  if (status) return status;
  snprintf(made, sizeof made, "%s/" DATA_FILE, work);
  *m->made_it = move_new(made, m->data) == 0;
  if (!*m->made_it && errno != EEXIST) return hf__lmdb_fail_errno(err, "move the new store to", m->data);
  status = hf__lmdb_sync_directory(m->dir, err);
  if (status && *m->made_it) move_back(m->dir, m->data, made);
  return status;
}

hf_status hf__lmdb_make(const char *dir, hf__lmdb_work *fn, void *arg, bool *made_it, hf_error *err) {
  char data[PATH_MAX_HERE];
  struct stat st;
  struct making m = {dir, data, fn, arg, made_it};
  *made_it = false;
  hf_status status = hf__lmdb_data_path(dir, data, sizeof data, err);
  if (status) return status;
  if (stat(dir, &st) == 0 && !S_ISDIR(st.st_mode))
    return hf_error_set(err, HF_INVALID_ARGUMENT, "%s is a file: a store needs a directory of its own", dir);
  if ((status = check_deleted(dir, data, err)) || (status = make_directories(dir, err)) || (status = sweep(dir, err)))
    return status;
  return hf__lmdb_work_in(dir, build_and_move, &m, err);
}

hf_status hf__lmdb_create(const hf_location *at, hf_error *err) {
  char data[PATH_MAX_HERE];
  struct stat st;
  bool unused;
  hf_status status = hf__lmdb_data_path(at->path, data, sizeof data, err);
  if (status) return status;
  if (lstat(data, &st) == 0) return at->options->read_only ? HF_OK : sweep(at->path, err);
  if (errno != ENOENT && errno != ENOTDIR) return hf__lmdb_fail_errno(err, "look at", data);
  if (!at->options->must_exist && !at->options->read_only) return hf__lmdb_make(at->path, build, NULL, &unused, err);
  if (stat(at->path, &st) == 0 && !S_ISDIR(st.st_mode))
    return hf_error_set(err, HF_INVALID_ARGUMENT, "%s is a file: a store needs a directory of its own", at->path);
  status = check_deleted(at->path, data, err);
  return status ? status : hf_error_set(err, HF_NOT_FOUND, "there is no store at %s", at->path);
}
