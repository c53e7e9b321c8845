/* SPDX-License-Identifier: MIT
 *
 * Compacting: see compact.h.  LMDB opens
 * a store under a lock on the first byte of the lock file, which it keeps, shared, for as long as it has it open; so
 * whoever gets that lock for himself is alone, and nobody comes in before he lets it go.  We hold it for the exchange
 * alone: opening must not wait for the copy, so that one is made before, and is of no use if the store has been written
 * to meanwhile.  LMDB is not asked for any of this, since a descriptor of the lock file that it closed would end our
 * lock.
 *
 * The copy's commit is the next one: whoever knows the store by the number of its newest commit must not take the one
 * file for the other.  What a kill leaves of the work is removed, and the exchange flushed, by whoever opens the store
 * next (create.h).
 */
#include "compact.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "create.h"
#include "env.h"
#include "filesystem.h"
#include "header_check.h"
#include "other_processes.h"
#include "page_copy.h"
#include "status.h"

enum { PATH_MOST = 4096, LOCK_HEAD = 64 /* of the lock file: has what LMDB knows it by */ };

/* A store that is to get another file. */
struct exchange {
  const hf_location *at;
  const hf_progress *progress;
  hf_compact_report *report;
  char data[PATH_MOST], lock[PATH_MOST];
  hf__lmdb_file was; /* the data file */
};

/* ---- who else has it */

/* Whether nobody has it open, as far as can be told without a lock: see lock_alone(). */
static bool is_alone(const struct exchange *x) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
  int fd = open(x->lock, O_RDWR | O_CLOEXEC | O_NONBLOCK);
  bool alone = fd < 0 ? errno == ENOENT : fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
  if (fd >= 0) close(fd);
  return alone;
}

/* Locks the store for this process alone; the descriptor, or -1: somebody has it open, or that cannot be told.
 *
 * Who opens the store meanwhile waits, and then takes for granted that another process has made the content of the lock
 * file new, as LMDB has the first one do.  Nobody has: the number in it is of the file of before, and after a crash of
 * the machine its mutexes are locked for ever.  So its head is made one that LMDB refuses, until it is alone. */
static int lock_alone(const struct exchange *x) {
  static const char nothing[LOCK_HEAD];
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
  hf_error unused;
  if (hf__lmdb_reserve_lock(x->at->path, &unused)) return -1;
  int fd = open(x->lock, O_RDWR | O_CLOEXEC);
  if (fd < 0) return -1;
  if (fcntl(fd, F_SETLK, &lock) == 0 && pwrite(fd, nothing, sizeof nothing, 0) == (ssize_t)sizeof nothing) return fd;
  close(fd);
  return -1;
}

static void say_open(const struct exchange *x) {
  char who[PROCESS_TEXT] = "another process";
  hf__lmdb_find_other_process(x->at->path, who);
  snprintf(x->report->reason, sizeof x->report->reason, "%s has the store open", who);
}

/* ---- the copy */

static bool read_headers(const struct hf__lmdb_page_file *file, struct hf__lmdb_header out[2]) {
  return hf__lmdb_read_header(file, 0, &out[0]) && hf__lmdb_read_header(file, 1, &out[1]);
}

/* Whether the store still is that file, in which nothing was committed since. */
static bool is_unchanged(const struct exchange *x, const struct hf__lmdb_page_file *file,
                         const struct hf__lmdb_header headers[2]) {
  struct hf__lmdb_header now[2];
  struct stat st;
  return lstat(x->data, &st) == 0 && st.st_dev == x->was.device && st.st_ino == x->was.inode &&
         read_headers(file, now) && memcmp(now, headers, sizeof now) == 0;
}

/* Makes and flushes the copy, with the owner and mode of the file. */
static hf_status make_copy(int fd, int to, const char *path, struct hf__lmdb_copy *copy, hf_error *err) {
  struct stat st, made;
  hf_status status = hf__lmdb_copy_pages(copy, err);
  if (status) return status;
  if (fstat(fd, &st) || fstat(to, &made)) return hf__lmdb_fail_errno(err, "look at", path);
  bool is_other = st.st_uid != made.st_uid || st.st_gid != made.st_gid;
  if (is_other && fchown(to, st.st_uid, st.st_gid)) return hf__lmdb_fail_errno(err, "give its owner to", path);
  if (fchmod(to, st.st_mode & 07777)) return hf__lmdb_fail_errno(err, "give its mode to", path);
  return fsync(to) ? hf__lmdb_fail_errno(err, "flush", path) : HF_OK;
}

/* Puts the copy in place, unless the store was opened or written to meanwhile. */
static hf_status put_in_place(const struct exchange *x, const char *made, const struct hf__lmdb_page_file *file,
                              const struct hf__lmdb_header headers[2], hf_error *err) {
  hf_status status = HF_OK;
  int lock = lock_alone(x);
  if (lock < 0) {
    say_open(x);
    return HF_OK;
  }
  if (!is_unchanged(x, file, headers))
    snprintf(x->report->reason, sizeof x->report->reason, "it was written to meanwhile");
  else if (rename(made, x->data))
    status = hf__lmdb_fail_errno(err, "move the compact copy to", x->data);
  else
    x->report->is_exchanged = true;
  if (x->report->is_exchanged) status = hf__lmdb_sync_directory(x->at->path, err);
  close(lock);
  return status;
}

static hf_status copy_and_exchange(const struct exchange *x, int fd, int to, const char *made, hf_error *err) {
  struct hf__lmdb_page_file file;
  struct hf__lmdb_header headers[2];
  hf_status status = hf__lmdb_page_file_open(fd, &file, err);
  if (status) return status;
  if (!read_headers(&file, headers)) return hf_error_set(err, HF_IO, "the headers of %s cannot be read", x->data);
  const struct hf__lmdb_header *view = &headers[headers[1].commit > headers[0].commit];
  struct hf__lmdb_copy copy = {
      .file = &file, .view = view, .commit = view->commit + 1, .fd = to, .progress = x->progress};
  status = make_copy(fd, to, made, &copy, err);
  if (status == HF_CORRUPT && !is_unchanged(x, &file, headers)) { /* pages were used again while they were read */
    snprintf(x->report->reason, sizeof x->report->reason, "it was written to meanwhile");
    return HF_OK;
  }
  return status ? status : put_in_place(x, made, &file, headers, err);
}

static hf_status exchange(const char *work, void *arg, hf_error *err) {
  const struct exchange *x = arg;
  char made[PATH_MOST];
  hf_status status = hf__lmdb_data_path(work, made, sizeof made, err);
  if (status) return status;
  int fd = open(x->data, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  int to = fd < 0 ? -1 : open(made, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (to < 0)
    status = hf__lmdb_fail_errno(err, fd < 0 ? "open" : "make", fd < 0 ? x->data : made);
  else
    status = copy_and_exchange(x, fd, to, made, err);
  if (to >= 0) close(to);
  if (fd >= 0) close(fd);
  return status;
}

/* ---- the store */

uint64_t hf__lmdb_bytes_on_disk(const char *dir) {
  char path[PATH_MOST];
  struct stat st;
  return hf__lmdb_data_path(dir, path, sizeof path, NULL) || lstat(path, &st) ? 0 : (uint64_t)st.st_blocks * 512;
}

/* The lock file lies beside the data file, and neither may have a second name. */
static hf_status find(struct exchange *x, hf_error *err) {
  const char *dir = x->at->path;
  hf_status status = hf__lmdb_data_path(dir, x->data, sizeof x->data, err);
  if (status || (status = hf__lmdb_data_file(dir, &x->was, err)) || (status = hf__lmdb_check_lock_file(dir, err)) ||
      (status = hf__lmdb_header_check(x->data, err)))
    return status;
  if (!x->at->options->allow_network_fs && (status = hf__lmdb_check_filesystem(dir, err))) return status;
  if (x->at->options->read_only)
    return hf_error_set(err, HF_READONLY, "%s was given as read-only: compacting writes to it", dir);
  if (hf__lmdb_find_here(dir))
    return hf_error_set(err, HF_BUSY, "%s is open in this process: close its handles before it is compacted", dir);
  if ((size_t)snprintf(x->lock, sizeof x->lock, "%s/" LOCK_FILE, dir) >= sizeof x->lock)
    return hf_error_set(err, HF_INVALID_ARGUMENT, "the path of the store is too long");
  return hf__lmdb_check_other_processes(dir, &x->was, err);
}

hf_status hf__lmdb_compact(const hf_location *at, const hf_progress *progress, hf_compact_report *report,
                           hf_error *err) {
  struct exchange x = {.at = at, .progress = progress, .report = report};
  hf_status status = find(&x, err);
  if (status) return status;
  report->before = hf__lmdb_bytes_on_disk(at->path);
  if (is_alone(&x))
    status = hf__lmdb_work_in(at->path, exchange, &x, err);
  else
    say_open(&x);
  if (status == HF_FULL) { /* to give back pages needs no room */
    snprintf(report->reason, sizeof report->reason, "the disk has no room for a compact copy");
    status = HF_OK;
  }
  report->after = hf__lmdb_bytes_on_disk(at->path);
  return status;
}
