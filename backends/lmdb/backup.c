/* SPDX-License-Identifier: MIT
 *
 * Backups: see backup.h.  A reader's slot keeps the pages of the moment as they are; what is replaced meanwhile goes to
 * other pages, so that the store grows by it, once: that room is used again afterwards.
 */
#include "backup.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup_trailer.h"
#include "page_copy.h"
#include "snapshot.h"
#include "status.h"

static uint64_t size_of(int fd) {
  struct stat st;
  return fstat(fd, &st) ? 0 : (uint64_t)st.st_size;
}

static hf_status end_file(const struct hf__lmdb_copy *copy, hf_backup_report *report, hf_error *err) {
  struct hf__lmdb_trailer trailer = {.bytes = copy->bytes,
                                     .header_bytes = 2 * copy->file->page_size,
                                     .revision = report->revision,
                                     .at = report->at,
                                     .pages_sum = copy->pages_sum,
                                     .headers_sum = copy->headers_sum};
  unsigned char bytes[BACKUP_TRAILER_SIZE];
  hf__lmdb_trailer_write(bytes, &trailer);
  ssize_t n = pwrite(copy->fd, bytes, sizeof bytes, (off_t)copy->bytes);
  if (n >= 0 && n < (ssize_t)sizeof bytes) errno = ENOSPC;
  if (n < (ssize_t)sizeof bytes) return hf__lmdb_fail_errno(err, "write", "the end of the backup");
  report->bytes = copy->bytes + sizeof bytes;
  return HF_OK;
}

/* One try. */
static hf_status backup(hf__lmdb_env *env, int fd, const hf_progress *progress, hf_backup_report *report,
                        hf_error *err) {
  hf__lmdb_txn moment;
  struct hf__lmdb_page_file file;
  struct hf__lmdb_header view;
  hf_status status = hf__lmdb_moment_begin(env, &moment, err);
  if (status) return status;
  report->at = hf_now_ms();
  status = hf__lmdb_find_view(moment.mdb, &file, &view, err);
  if (status == HF_OK) {
    struct hf__lmdb_copy copy = {.file = &file, .view = &view, .commit = view.commit, .fd = fd, .progress = progress};
    report->revision = view.commit;
    status = hf__lmdb_copy_pages(&copy, err);
    if (status == HF_OK) status = end_file(&copy, report, err);
  }
  hf__lmdb_snapshot_end(env, &moment);
  return status;
}

/* Our own file's names are those of a store, which may be open: renaming something to one would exchange it. */
static hf_status check_name(const char *file, hf_error *err) {
  const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
  if (strcmp(name, DATA_FILE) != 0 && strcmp(name, LOCK_FILE) != 0) return HF_OK;
  return hf_error_set(err, HF_INVALID_ARGUMENT,
                      "a file of the name %s is a store's own, and may be open: give the backup another name", name);
}

hf_status hf__lmdb_backup(void *store, const char *file, int fd, const hf_progress *progress, hf_backup_report *report,
                          hf_error *err) {
  hf__lmdb_env *env = store;
  uint64_t before = size_of(env->data_fd);
  hf_status status = check_name(file, err);
  for (int tries = 0; status == HF_OK; tries++) {
    status = backup(env, fd, progress, report, err);
    if (status != HF_BUSY || report->revision || tries == REPAIRS_MAX) break;
    status = HF_OK; /* another process may be growing the file */
  }
  uint64_t after = size_of(env->data_fd);
  report->grown = after > before ? after - before : 0;
  return status;
}
