/* SPDX-License-Identifier: MIT
 *
 * Giving free pages back: see punch.h.  Free are the pages in the free list of the newest commit, while the writer's
 * lock is held, so that none of them is used meanwhile.  Nobody can read those which were given back by a commit before
 * the oldest that is read; what a commit gave back the one before it still has.  Whoever begins to read does so at the
 * newest commit.  LMDB takes the same pages for new ones and overwrites them, by the same rule, and never reads them
 * before.
 *
 * What was given to the disk is not undone by a power cut, so what it relies on must not be undone either: the newest
 * commit is flushed first, also where the store's durability leaves that to the system.  And pages that a damaged free
 * list names are not touched: all pages are walked before.
 */
#include "punch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "page_check.h"
#include "pool.h"
#include "snapshot.h"
#include "status.h"
#include "writer.h"

static const int64_t TURN_NS = 3000000; /* how long writers wait for it at a time */

enum { FREE_DBI = 0, TEXT_MOST = 400 };

/* Where the work is. */
struct punching {
  hf__lmdb_env *env;
  MDB_txn *reader; /* at the newest commit, while nobody writes: LMDB shows the free list to readers only */
  size_t oldest;   /* commit that is read */
  size_t record;   /* of the free list, to go on with */
  size_t done;     /* pages of that */
  int64_t end;     /* of this turn */
  bool is_over;    /* all was done */
};

/* ---- pages */

static hf_status punch(const struct punching *p, uint64_t page, uint64_t pages, hf_error *err) {
  off_t from = (off_t)(page * p->env->page_size), size = (off_t)(pages * p->env->page_size);
  off_t data = lseek(p->env->data_fd, from, SEEK_DATA);
  if (data >= from + size || (data < 0 && errno == ENXIO)) return HF_OK; /* nothing is there */
  int rc;
  do rc = fallocate(p->env->data_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, size);
  while (rc && errno == EINTR);
  if (rc && (errno == EOPNOTSUPP || errno == ENOSYS))
    return hf_error_set(err, HF_UNSUPPORTED,
                        "the filesystem of %s cannot give back single pages: end the processes that have the store "
                        "open, and compact it then",
                        p->env->path);
  return rc ? hf__lmdb_fail_errno(err, "give back pages of", p->env->path) : HF_OK;
}

/* The number at a place of a record, which is as aligned as LMDB likes. */
static size_t number_at(const MDB_val *v, size_t place) {
  size_t n;
  memcpy(&n, (const char *)v->mv_data + place * sizeof n, sizeof n);
  return n;
}

/* The pages of one record, the largest first, in runs. */
static hf_status punch_record(struct punching *p, const MDB_val *v, hf_error *err) {
  size_t count = v->mv_size >= sizeof count ? number_at(v, 0) : 0;
  hf_status status = HF_OK;
  if (count > v->mv_size / sizeof count - 1) count = v->mv_size / sizeof count - 1;
  while (p->done < count && status == HF_OK && hf_clock_ns() < p->end) {
    size_t first = number_at(v, 1 + p->done), pages = 1;
    while (p->done + pages < count && number_at(v, 1 + p->done + pages) == first - pages) pages++;
    status = punch(p, first - pages + 1, pages, err);
    p->done += pages;
  }
  return status;
}

/* Goes on with the free list until it is through, or the turn is over. */
static hf_status punch_free_list(struct punching *p, hf_error *err) {
  MDB_cursor *c;
  size_t from = p->record;
  MDB_val k = {sizeof from, &from}, v;
  int rc = mdb_cursor_open(p->reader, FREE_DBI, &c);
  if (rc) return hf__lmdb_fail(p->env, rc, "read the free list", err);
  hf_status status = HF_OK;
  for (rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE); rc == 0 && status == HF_OK;
       rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) {
    size_t record;
    memcpy(&record, k.mv_data, sizeof record);
    if (record >= p->oldest) break;
    if (record != p->record) p->done = 0;
    p->record = record;
    status = punch_record(p, &v, err);
    if (hf_clock_ns() >= p->end) break;
  }
  mdb_cursor_close(c);
  if (status == HF_OK && rc && rc != MDB_NOTFOUND) status = hf__lmdb_fail(p->env, rc, "read the free list", err);
  p->is_over = hf_clock_ns() < p->end;
  return status;
}

/* What lies beyond the last page: a commit that failed may have left it. */
static hf_status punch_tail(const struct punching *p, hf_error *err) {
  MDB_envinfo info;
  struct stat st;
  if (mdb_env_info(p->env->mdb, &info) || fstat(p->env->data_fd, &st)) return HF_OK;
  uint64_t used = info.me_last_pgno + 1, pages = (uint64_t)st.st_size / p->env->page_size;
  return pages > used ? punch(p, used, pages - used, err) : HF_OK;
}

/* ---- turns */

static int keep_oldest(const char *line, void *arg) {
  size_t *oldest = arg, commit;
  if (sscanf(line, "%*d %*s %zu", &commit) == 1 && commit < *oldest) *oldest = commit;
  return 0;
}

/* With the writer's lock. */
static hf_status take_turn(struct punching *p, const hf__lmdb_txn *writer, hf_error *err) {
  p->oldest = mdb_txn_id(writer->mdb) - 1;
  int rc = mdb_env_sync(p->env->mdb, 1);
  if (rc) return hf__lmdb_fail(p->env, rc, "flush", err);
  if (mdb_reader_list(p->env->mdb, keep_oldest, &p->oldest) < 0)
    return hf_error_set(err, HF_IO, "%s: who reads it cannot be told", p->env->path);
  rc = hf__lmdb_begin_read_txn(p->env, &p->reader);
  if (rc) return hf__lmdb_fail(p->env, rc, "begin reading", err);
  p->end = hf_clock_ns() + TURN_NS;
  hf_status status = punch_free_list(p, err);
  if (status == HF_OK && p->is_over) status = punch_tail(p, err);
  mdb_txn_abort(p->reader);
  return status;
}

static bool note_damage(void *arg, const struct hf__lmdb_finding *f) {
  if (f->note) return true;
  hf__lmdb_finding_text(f, arg, TEXT_MOST);
  return false;
}

static hf_status check_pages(hf__lmdb_env *env, hf_error *err) {
  char problem[TEXT_MOST] = "";
  hf_status status = HF_BUSY;
  for (int tries = 0; status == HF_BUSY && tries < REPAIRS_MAX; tries++) { /* another process may be growing the file */
    hf__lmdb_txn moment;
    struct hf__lmdb_totals totals;
    struct hf__lmdb_walk walk = {.arg = problem, .found = note_damage};
    status = hf__lmdb_moment_begin(env, &moment, err);
    if (status) return status;
    status = hf__lmdb_walk_txn(moment.mdb, &walk, &totals, err);
    hf__lmdb_walk_free(&walk);
    hf__lmdb_snapshot_end(env, &moment);
  }
  if (status || !*problem) return status;
  return hf_error_set(err, HF_CORRUPT, "%s/" DATA_FILE " is damaged: %s; `holdfast verify` lists what is", env->path,
                      problem);
}

hf_status hf__lmdb_punch(hf__lmdb_env *env, hf_error *err) {
  struct punching p = {.env = env};
  hf_status status = check_pages(env, err);
  mdb_reader_check(env->mdb, NULL);
  while (status == HF_OK && !p.is_over) {
    hf__lmdb_txn writer;
    status = hf__lmdb_write_begin(env, &writer, true, err);
    if (status) break;
    status = take_turn(&p, &writer, err);
    hf__lmdb_write_abort(env, &writer);
  }
  return status;
}
