/* SPDX-License-Identifier: MIT
 *
 * When pages are walked: see page_check.h.
 */
#include "page_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "files.h"
#include "status.h"

enum {
  TRIES = 100,
  NEWEST_TRIES = 20, /* a newer commit that was not told of stays as it is, until somebody writes */
  TEXT_MOST = 400
};

hf_status hf__lmdb_check_setting(const hf_location *at, hf__lmdb_check *out, hf_error *err) {
  static const char name[] = "check=";
  static const char *const values[] = {"auto", "off", "headers", "pages"};
  *out = HF__LMDB_CHECK_AUTO;
  for (const char *p = at->query, *end; p && *p; p = *end ? end + 1 : end) {
    end = p + strcspn(p, "&");
    if (strncmp(p, name, sizeof name - 1) != 0) continue;
    const char *value = p + sizeof name - 1;
    size_t size = (size_t)(end - value), i = 0;
    while (i < 4 && (strlen(values[i]) != size || memcmp(values[i], value, size) != 0)) i++;
    if (i == 4)
      return hf_error_set(err, HF_INVALID_ARGUMENT, "check must be auto, off, headers or pages, not '%.*s'", (int)size,
                          value);
    *out = (hf__lmdb_check)i;
  }
  return HF_OK;
}

/* The header of the transaction's commit.  False: both are of other commits already; or, while `newest_only`, the other
 * one is of a newer commit.  Then this one may be what LMDB leaves of a commit that has failed, or a copy of the newer
 * one (failed_flush.h): the number of a commit with the trees of a later one. */
static bool find_header(const struct hf__lmdb_page_file *file, size_t commit, bool newest_only,
                        struct hf__lmdb_header *out) {
  struct hf__lmdb_header other;
  for (unsigned i = 0; i < 2; i++) {
    if (!hf__lmdb_read_header(file, i, out) || out->magic != HF__LMDB_MAGIC || out->commit != commit) continue;
    return !newest_only || !hf__lmdb_read_header(file, i ^ 1U, &other) || other.commit < commit;
  }
  return false;
}

hf_status hf__lmdb_find_view(MDB_txn *txn, struct hf__lmdb_page_file *file, struct hf__lmdb_header *view,
                             hf_error *err) {
  int fd;
  mdb_env_get_fd(mdb_txn_env(txn), &fd);
  for (int i = 0; i < TRIES; i++) {
    hf_status status = hf__lmdb_page_file_open(fd, file, err);
    if (status || find_header(file, mdb_txn_id(txn), i < NEWEST_TRIES, view)) return status;
    mdb_txn_reset(txn); /* commits since it began */
    if (i) nanosleep(&(struct timespec){0, 1000000}, NULL);
    int rc = mdb_txn_renew(txn);
    if (rc == MDB_MAP_RESIZED) break;
    if (rc) {
      hf_error_set(err, hf__lmdb_status(rc), "cannot begin reading: %s", mdb_strerror(rc));
      return err->status;
    }
  }
  return hf_error_set(err, HF_BUSY, "others commit faster than the header can be read: try again");
}

hf_status hf__lmdb_walk_txn(MDB_txn *txn, struct hf__lmdb_walk *walk, struct hf__lmdb_totals *totals, hf_error *err) {
  struct hf__lmdb_page_file file;
  struct hf__lmdb_header view;
  hf_status status = hf__lmdb_find_view(txn, &file, &view, err);
  if (status) return status;
  walk->file = &file;
  walk->view = &view;
  status = hf__lmdb_walk_run(walk, totals, err);
  walk->file = NULL;
  walk->view = NULL;
  return status;
}

/* What a person is told of a damaged store. */
struct damage {
  char first[TEXT_MOST];
  uint64_t count;
};

static bool note_damage(void *arg, const struct hf__lmdb_finding *f) {
  struct damage *d = arg;
  if (!f->note && !d->count++) hf__lmdb_finding_text(f, d->first, sizeof d->first);
  return true;
}

static hf_status walk_all(const char *dir, MDB_txn *txn, hf_error *err) {
  struct damage damage = {"", 0};
  struct hf__lmdb_walk walk = {.arg = &damage, .found = note_damage};
  struct hf__lmdb_totals totals;
  char more[64] = "";
  hf_status status = hf__lmdb_walk_txn(txn, &walk, &totals, err);
  hf__lmdb_walk_free(&walk);
  if (status == HF_IO) {
    char problem[TEXT_MOST];
    snprintf(problem, sizeof problem, "%.*s", (int)sizeof problem - 1, err->message);
    return hf_error_set(err, HF_IO,
                        "%s/" DATA_FILE ": %s; if it stays so, put a backup in its place on another disk, or take out "
                        "what is left with `holdfast rescue`",
                        dir, problem);
  }
  if (status || !damage.count) return status;
  if (damage.count > 1) snprintf(more, sizeof more, ", and %llu more", (unsigned long long)damage.count - 1);
  return hf_error_set(err, HF_CORRUPT,
                      "%s/" DATA_FILE " is damaged: %s%s; `holdfast verify` lists what is; put a backup in its place, "
                      "or take out what is left with `holdfast rescue`",
                      dir, damage.first, more);
}

hf_status hf__lmdb_check_at_open(const char *dir, MDB_txn *txn, hf__lmdb_check check, hf__lmdb_lock_room *room,
                                 hf_error *err) {
  struct stat st;
  int fd;
  if (check == HF__LMDB_CHECK_OFF || check == HF__LMDB_CHECK_HEADERS) return HF_OK;
  mdb_env_get_fd(mdb_txn_env(txn), &fd);
  if (fstat(fd, &st)) return hf_error_set(err, HF_IO, "cannot look at %s/" DATA_FILE ": %s", dir, strerror(errno));
  bool is_new_run = hf__lmdb_boot_note_is_old(room);
  if (check == HF__LMDB_CHECK_PAGES || st.st_size <= (is_new_run ? HF__LMDB_LARGE_FILE : HF__LMDB_SMALL_FILE)) {
    hf_status status = walk_all(dir, txn, err);
    if (status) return status;
  }
  if (is_new_run) hf__lmdb_boot_note_set(room);
  return HF_OK;
}
