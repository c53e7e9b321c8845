/* SPDX-License-Identifier: MIT
 *
 * Backups and room: hf_store_backup(), hf_store_restore(), hf_store_compact().  The core brings a new file into its
 * place, the storage fills it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/redact.h"
#include "core/open_stores.h"
#include "core/revert.h"
#include "core/transaction.h"
#include "core/url.h"

/* ---- a file that takes a name when it is whole */

struct new_file {
  char folder[PATH_MAX], work[PATH_MAX];
  int fd;
  mode_t mode; /* of the file that it replaces; 0: there is none */
};

static hf_status fail_file(const char *doing, const char *path, hf_error *err) {
  int e = errno;
  hf_status status = e == ENOSPC || e == EDQUOT || e == EFBIG           ? HF_FULL
                     : e == EACCES || e == EROFS || e == EPERM          ? HF_READONLY
                     : e == ENOENT || e == ENOTDIR || e == ENAMETOOLONG ? HF_INVALID_ARGUMENT
                                                                        : HF_IO;
  hf__fail(err, status, "cannot %s %s: %s", doing, path, strerror(e));
  hf_error_cause(err, "errno %d", e);
  return status;
}

/* Opens the file that is to be written, which has the same name each time: what a killed process has left of it is used
 * again.  Who makes it has it locked. */
static hf_status open_work(struct new_file *f, hf_error *err) {
  struct stat st, there;
  for (;;) {
    f->fd = open(f->work, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (f->fd < 0) return fail_file("make", f->work, err);
    if (flock(f->fd, LOCK_EX | LOCK_NB))
      return errno == EWOULDBLOCK
                 ? hf__fail(err, HF_BUSY, "another process is writing %s: try again when it has ended", f->work)
                 : fail_file("lock", f->work, err);
    bool is_it = fstat(f->fd, &st) == 0 && lstat(f->work, &there) == 0 && st.st_ino == there.st_ino;
    if (is_it && ftruncate(f->fd, 0) == 0) return HF_OK;
    if (is_it) {
      hf_status status = fail_file("empty", f->work, err);
      unlink(f->work);
      return status;
    }
    close(f->fd); /* who had it has just renamed or removed it */
  }
}

static hf_status open_new(struct new_file *f, const char *path, hf_error *err) {
  struct stat st;
  if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
    return hf__fail(err, HF_INVALID_ARGUMENT, "%s is no regular file: give the name of a file", path);
  const char *slash = strrchr(path, '/');
  size_t size = slash ? (size_t)(slash - path) + (slash == path) : 1;
  if (!*path || size >= sizeof f->folder || (slash && !slash[1]) ||
      (size_t)snprintf(f->work, sizeof f->work, "%s.holdfast-new", path) >= sizeof f->work)
    return hf__fail(err, HF_INVALID_ARGUMENT, "no file can be at the path '%.200s'", path);
  memcpy(f->folder, slash ? path : ".", size);
  f->folder[size] = '\0';
  f->mode = stat(path, &st) == 0 ? st.st_mode & 07777 : 0;
  return open_work(f, err);
}

static hf_status flush_folder(const char *folder, hf_error *err) {
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool failed = fd < 0 || (fsync(fd) && errno != EINVAL);
  hf_status status = failed ? fail_file("flush", folder, err) : HF_OK;
  if (fd >= 0) close(fd);
  return status;
}

/* Flushes the file and has it take the place of the one at the path. */
static hf_status put_in_place(struct new_file *f, const char *path, hf_error *err) {
  if (f->mode && fchmod(f->fd, f->mode)) return fail_file("give the mode of the file before to", f->work, err);
  if (fsync(f->fd)) return fail_file("flush", f->work, err);
  if (rename(f->work, path)) return fail_file("rename the new file to", path, err);
  hf_status status = flush_folder(f->folder, err);
  if (status) hf__fail(err, HF_IO, "%s is new, but its folder could not be flushed: a power cut may take it", path);
  return status;
}

/* Says of which file the error is. */
static hf_status name_file(hf_status status, const char *path, hf_error *err) {
  char said[sizeof err->message];
  if (!status) return status;
  hf__copy_text(said, sizeof said, err->message, strlen(err->message));
  bool retryable = err->retryable;
  hf__fail(err, status, "%s: %.*s", path, (int)sizeof said, said);
  err->retryable = retryable;
  return status;
}

/* ---- the three */

hf_status hf_store_backup(hf_store *s, const char *file, hf_progress_fn fn, void *arg, hf_backup_report *report,
                          hf_error *err) {
  hf_error own;
  hf_backup_report unused;
  struct new_file f = {.fd = -1};
  hf_progress progress = {fn, arg};
  if (!err) err = &own;
  if (!report) report = &unused;
  *report = (hf_backup_report){0};
  if (hf__store_is_inherited(s)) return hf__store_inherited(s, err);
  if (!s->backend->backup)
    return hf__store_name_backend(s,
                                  hf__fail(err, HF_UNSUPPORTED,
                                           "%s stores have no backup of their own: write their entities to a file "
                                           "by `holdfast export`, or use the server's own means",
                                           s->backend->name),
                                  err);
  if (hf__txn_is_open())
    return hf__store_name_backend(s, hf__fail(err, HF_UNSUPPORTED, "backup cannot run inside a transaction"), err);
  hf__store_ref(s); /* the function may close the caller's handle */
  hf_status status = open_new(&f, file, err);
  if (status == HF_OK) {
    status = name_file(s->backend->backup(s->impl, file, f.fd, &progress, report, err), file, err);
    if (status == HF_OK) status = put_in_place(&f, file, err);
    if (status) unlink(f.work); /* where it has its own name already, there is none */
  }
  if (f.fd >= 0) close(f.fd);
  hf__store_name_backend(s, status, err);
  hf__store_release(s);
  return status;
}

static hf_status restore(const hf__url *url, const char *file, const hf_restoring *how, hf_backup_report *report,
                         hf_error *err) {
  const hf_backend *backend = hf__url_backend(url);
  if (!backend->restore)
    return hf__fail(err, HF_UNSUPPORTED,
                    "%s stores are not made of a backup: restore it into a store of LMDB, and bring that here by "
                    "`holdfast copy`",
                    backend->name);
  int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 && errno == ENOENT) return hf__fail(err, HF_NOT_FOUND, "there is no file %s", file);
  if (fd < 0) return fail_file("open", file, err);
  hf_status status = backend->restore(&url->at, fd, how, report, err);
  close(fd);
  return status == HF_CORRUPT || status == HF_BUSY ? name_file(status, file, err) : status;
}

hf_status hf_store_restore(const char *file, const char *base, const hf_moment *at, hf_progress_fn fn, void *arg,
                           hf_backup_report *report, hf_error *err) {
  hf_error own;
  hf_backup_report unused;
  hf__url url;
  if (!err) err = &own;
  if (!report) report = &unused;
  *report = (hf_backup_report){0};
  hf_status status = hf__url_parse(base, NULL, &url, err);
  if (status) return status;
  struct hf__reverting reverting = {.at = at};
  hf_restoring how = {.progress = {fn, arg}, .arg = &reverting};
  if (at && (at->revision || at->time)) how.finish = hf__revert;
  if (hf__txn_is_open())
    status = hf__fail(err, HF_UNSUPPORTED, "restore cannot run inside a transaction");
  else
    status = restore(&url, file, &how, report, err);
  if (status == HF_OK && reverting.revision) report->revision = reverting.revision;
  if (status) {
    hf__copy_text(err->backend, sizeof err->backend, url.at.scheme, strlen(url.at.scheme));
    hf__error_redact(err, base);
  }
  hf__url_free(&url);
  return status;
}

struct compacting {
  hf_progress progress;
  hf_compact_report *report;
};

static hf_status compact(const hf_backend *backend, const hf_location *at, hf_store *store, void *arg, hf_error *err) {
  const struct compacting *c = arg;
  if (!backend->compact)
    return hf__fail(err, HF_UNSUPPORTED, "%s stores have no free room that could be given back by Holdfast",
                    backend->name);
  if (store)
    return hf__fail(err, HF_BUSY, "%s is open in this process: close its handles before it is compacted", at->path);
  return backend->compact(at, &c->progress, c->report, err);
}

hf_status hf_store_compact(const char *base, hf_progress_fn fn, void *arg, hf_compact_report *report, hf_error *err) {
  hf_error own;
  hf_compact_report unused;
  if (!err) err = &own;
  if (!report) report = &unused;
  *report = (hf_compact_report){0};
  struct compacting c = {{fn, arg}, report};
  return hf__store_look(base, NULL, compact, &c, err);
}
