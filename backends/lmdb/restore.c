/* SPDX-License-Identifier: MIT
 *
 * Restoring: see restore.h.  The file is copied into a folder beside the store's place and compared with its trailer on
 * the way; its pages are walked; whoever asked may change it there; then it is flushed and moved into place, as any new
 * store is (create.h).  The trailer does not come along.
 */
#include "restore.h"

#include <errno.h>
#include <fcntl.h>
#include <isa-l/crc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup_trailer.h"
#include "create.h"
#include "files.h"
#include "filesystem.h"
#include "header_check.h"
#include "page_walk.h"
#include "status.h"

enum { PATH_MOST = 4096, AT_ONCE = 1 << 18, TEXT_MOST = 400 };

struct restoring {
  const hf_location *at;
  const hf_restoring *how;
  int from;
  struct hf__lmdb_trailer trailer;
};

/* ---- the file */

static hf_status read_all(int fd, void *out, size_t size, uint64_t at, hf_error *err) {
  char *p = out;
  while (size) {
    ssize_t n = pread(fd, p, size, (off_t)at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return hf__lmdb_fail_errno(err, "read", "the backup");
    if (n == 0) return hf_error_set(err, HF_CORRUPT, "it became shorter while it was read: take another backup");
    p += n;
    at += (uint64_t)n;
    size -= (size_t)n;
  }
  return HF_OK;
}

static hf_status write_all(int fd, const void *bytes, size_t size, const char *path, hf_error *err) {
  const char *p = bytes;
  while (size) {
    ssize_t n = write(fd, p, size);
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) errno = ENOSPC;
    if (n <= 0) return hf__lmdb_fail_errno(err, "write", path);
    p += n;
    size -= (size_t)n;
  }
  return HF_OK;
}

static hf_status read_trailer(int fd, struct hf__lmdb_trailer *out, hf_error *err) {
  unsigned char bytes[BACKUP_TRAILER_SIZE];
  struct stat st;
  if (fstat(fd, &st)) return hf__lmdb_fail_errno(err, "look at", "the backup");
  if (!S_ISREG(st.st_mode)) return hf_error_set(err, HF_INVALID_ARGUMENT, "it is no regular file");
  if (st.st_size < BACKUP_TRAILER_SIZE)
    return hf_error_set(err, HF_CORRUPT, "it is too short for a backup: it was cut off, or is none");
  uint64_t size = (uint64_t)st.st_size;
  hf_status status = read_all(fd, bytes, sizeof bytes, size - sizeof bytes, err);
  return status ? status : hf__lmdb_trailer_read(bytes, size, out, err);
}

/* Copies all before the trailer, and compares it with the sums there. */
static hf_status copy_sound(const struct restoring *r, int to, const char *path, unsigned char *room, hf_error *err) {
  const hf_progress *p = &r->how->progress;
  uint32_t sums[2] = {0, 0}; /* of the headers, and of all else */
  for (uint64_t done = 0, n; done < r->trailer.bytes; done += n) {
    unsigned part = done >= r->trailer.header_bytes;
    n = (part ? r->trailer.bytes : r->trailer.header_bytes) - done;
    if (n > AT_ONCE) n = AT_ONCE;
    hf_status status = read_all(r->from, room, n, done, err);
    if (status == HF_OK) status = write_all(to, room, n, path, err);
    if (status) return status;
    sums[part] = crc32_iscsi(room, (int)n, sums[part]);
    if (p->fn && !p->fn(p->arg, done + n, r->trailer.bytes)) return hf_error_set(err, HF_BUSY, "it was stopped");
  }
  if (sums[0] == r->trailer.headers_sum && sums[1] == r->trailer.pages_sum) return HF_OK;
  return hf_error_set(err, HF_CORRUPT,
                      "it was changed since it was written: its checksum does not match; take another "
                      "backup");
}

/* ---- the store */

static bool note_damage(void *arg, const struct hf__lmdb_finding *f) {
  if (f->note) return true;
  hf__lmdb_finding_text(f, arg, TEXT_MOST);
  return false;
}

/* Walks the newest commit of a file that nobody else has. */
static hf_status check_pages(int fd, const char *path, hf_error *err) {
  struct hf__lmdb_page_file file;
  struct hf__lmdb_header h[2];
  struct hf__lmdb_totals totals;
  char problem[TEXT_MOST] = "";
  hf_status status = hf__lmdb_header_check(path, err);
  if (status == HF_OK) status = hf__lmdb_page_file_open(fd, &file, err);
  if (status) return status;
  for (unsigned i = 0; i < 2; i++)
    if (!hf__lmdb_read_header(&file, i, &h[i])) return hf_error_set(err, HF_IO, "%s cannot be read back", path);
  struct hf__lmdb_walk walk = {
      .file = &file, .view = &h[h[1].commit > h[0].commit], .arg = problem, .found = note_damage};
  status = hf__lmdb_walk_run(&walk, &totals, err);
  hf__lmdb_walk_free(&walk);
  if (status == HF_OK && *problem) return hf_error_set(err, HF_CORRUPT, "its pages are damaged: %s", problem);
  return status;
}

static hf_status finish(const struct restoring *r, const char *work, hf_error *err) {
  hf_options options = *r->at->options;
  hf_location there = {r->at->scheme, work, work, "", &options};
  options.must_exist = true;
  options.read_only = false;
  return r->how->finish ? r->how->finish(r->how->arg, &there, err) : HF_OK;
}

static hf_status build(const char *work, void *arg, hf_error *err) {
  const struct restoring *r = arg;
  char path[PATH_MOST];
  hf_status status = hf__lmdb_data_path(work, path, sizeof path, err);
  if (status == HF_OK && !r->at->options->allow_network_fs) status = hf__lmdb_check_filesystem(work, err);
  if (status) return status;
  int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  unsigned char *room = malloc(AT_ONCE);
  if (fd < 0)
    status = hf__lmdb_fail_errno(err, "make", path);
  else if (!room)
    status = hf_error_no_memory(err);
  else
    status = copy_sound(r, fd, path, room, err);
  free(room);
  if (status == HF_OK) status = check_pages(fd, path, err);
  if (status == HF_OK) status = finish(r, work, err);
  if (status == HF_OK && fsync(fd)) status = hf__lmdb_fail_errno(err, "flush", path);
  if (fd >= 0) close(fd);
  return status;
}

hf_status hf__lmdb_restore(const hf_location *at, int fd, const hf_restoring *how, hf_backup_report *report,
                           hf_error *err) {
  struct restoring r = {.at = at, .how = how, .from = fd};
  char data[PATH_MOST];
  struct stat st;
  bool made_it = false;
  if (!*at->path) return hf_error_set(err, HF_INVALID_ARGUMENT, "lmdb: needs a directory, as in lmdb:./data");
  hf_status status = read_trailer(fd, &r.trailer, err);
  if (status == HF_OK) status = hf__lmdb_data_path(at->path, data, sizeof data, err);
  if (status) return status;
  bool is_there = lstat(data, &st) == 0;
  if (!is_there && errno != ENOENT && errno != ENOTDIR) return hf__lmdb_fail_errno(err, "look at", data);
  if (!is_there) status = hf__lmdb_make(at->path, build, &r, &made_it, err);
  if (status) return status;
  if (!made_it)
    return hf_error_set(err, HF_CONFLICT, "there is a store at %s: give a place where there is none, or move it away",
                        at->path);
  report->revision = r.trailer.revision;
  report->at = r.trailer.at;
  report->bytes = r.trailer.bytes + BACKUP_TRAILER_SIZE;
  return HF_OK;
}
