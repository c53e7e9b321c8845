/* SPDX-License-Identifier: MIT
 *
 * Looking at all pages of a store: see store_check.h.  Where they are sound, what they hold is compared with what was
 * written (sums_check.h), which the walk has counted on the way: all of it is of one commit.  A store that is not open
 * in this process gets an environment for the time of the walk, of which nothing is used but the reader's slot: opening
 * it and beginning to read touch no page beyond the headers, which are checked before.  Where LMDB cannot open it,
 * nobody else writes to it either, and the newest commit is walked as it is.
 */
#include "store_check.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "begin.h"
#include "files.h"
#include "header_check.h"
#include "log_check.h"
#include "page_check.h"
#include "snapshot.h"
#include "sums_check.h"

enum { PATH_MOST = 4096, TEXT_MOST = 400 };

/* What a walk tells whoever asked. */
struct asker {
  hf_check_fn fn;
  void *arg;
  hf_check_report *report;
  struct hf__lmdb_tally tally;
  struct hf__lmdb_log_check log;
  bool stopped;
};

static bool tell(struct asker *a, const hf_finding *f) {
  *(f->is_damage ? &a->report->damaged : &a->report->notes) += 1;
  if (f->is_incomplete) a->report->incomplete++;
  a->stopped = a->fn && !a->fn(a->arg, f);
  return !a->stopped;
}

static bool tell_finding(void *arg, const struct hf__lmdb_finding *f) {
  char text[TEXT_MOST];
  hf__lmdb_finding_text(f, text, sizeof text);
  uint64_t page = f->page == HF__LMDB_NO_PAGE ? 0 : f->page;
  return tell(arg, &(hf_finding){.entity_name = f->name, .page = page, .problem = text, .is_damage = !f->note});
}

static bool tell_sum(void *arg, hf_slice name, const char *text, bool damage) {
  return tell(arg, &(hf_finding){.entity_name = name, .problem = text, .is_damage = damage, .is_incomplete = damage});
}

static bool tell_log(void *arg, hf_slice name, const char *text, bool damage) {
  return tell(arg, &(hf_finding){.entity_name = name, .problem = text, .is_damage = damage});
}

/* Names under which no operation can reach anything. */
static void check_names(struct asker *a) {
  unsigned char unused[HF_ORDER_KEY_MAX];
  for (size_t i = 0; i < a->tally.count && !a->stopped; i++) {
    const struct hf__lmdb_counted *c = &a->tally.collections[i];
    if (c->is_there && !hf_order_key(c->name, unused))
      tell(a, &(hf_finding){.entity_name = c->name, .problem = "the entity name is damaged", .is_damage = true});
  }
}

static void visit(void *arg, const struct hf__lmdb_visit *v) {
  struct asker *a = arg;
  hf__lmdb_tally_visit(&a->tally, v);
  hf__lmdb_log_check_visit(&a->log, v);
}

/* Walks, by whichever function, and compares. */
static hf_status look(struct asker *a,
                      hf_status (*run)(MDB_txn *txn, struct hf__lmdb_walk *walk, struct hf__lmdb_totals *totals,
                                       hf_error *err),
                      MDB_txn *txn, struct hf__lmdb_walk *walk, hf_error *err) {
  struct hf__lmdb_totals totals;
  walk->arg = a;
  walk->found = tell_finding;
  walk->visited = visit;
  a->tally.walk = a->log.walk = walk;
  hf_status status = run(txn, walk, &totals, err);
  hf__lmdb_walk_free(walk);
  hf__lmdb_tally_end(&a->tally);
  if (status == HF_OK && (a->tally.out_of_memory || a->log.out_of_memory)) status = hf_error_no_memory(err);
  if (status == HF_OK) {
    a->report->pages = totals.branch + totals.leaf + totals.overflow;
    a->report->entities = totals.entries;
    if (!a->report->damaged && !a->stopped) check_names(a);
    if (!a->report->damaged && !a->stopped) hf__lmdb_sums_check(&a->tally, totals.commit, tell_sum, a);
    if (!a->report->damaged && !a->stopped && a->tally.mark == totals.commit)
      hf__lmdb_log_check_end(&a->log, totals.commit, tell_log, a);
  }
  hf__lmdb_log_check_free(&a->log);
  hf__lmdb_tally_free(&a->tally);
  return status;
}

static hf_status walk_with(struct asker *a, MDB_txn *txn, hf_error *err) {
  struct hf__lmdb_walk walk = {.file = NULL};
  return look(a, hf__lmdb_walk_txn, txn, &walk, err);
}

static hf_status run_alone(MDB_txn *txn, struct hf__lmdb_walk *walk, struct hf__lmdb_totals *totals, hf_error *err) {
  (void)txn;
  return hf__lmdb_walk_run(walk, totals, err);
}

/* Walks the newest commit of a file that nobody has open. */
static hf_status walk_alone(struct asker *a, const char *path, hf_error *err) {
  struct hf__lmdb_page_file file;
  struct hf__lmdb_header headers[2] = {{.commit = 0}};
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return hf_error_set(err, HF_IO, "cannot open %s: %s", path, strerror(errno));
  hf_status status = hf__lmdb_page_file_open(fd, &file, err);
  if (status == HF_OK) {
    for (unsigned i = 0; i < 2; i++) hf__lmdb_read_header(&file, i, &headers[i]);
    struct hf__lmdb_walk walk = {.file = &file, .view = &headers[headers[1].commit > headers[0].commit]};
    status = look(a, run_alone, NULL, &walk, err);
  }
  close(fd);
  return status;
}

/* An environment for reading alone; NULL: LMDB cannot open the store. */
static MDB_env *open_reader(const char *dir, MDB_txn **txn) {
  MDB_env *env;
  hf_error unused;
  if (hf__lmdb_reserve_lock(dir, &unused)) return NULL;
  for (int tries = 0; tries < REPAIRS_MAX; tries++) {
    if (mdb_env_create(&env)) return NULL;
    mdb_env_set_maxreaders(env, READERS_MAX);
    int rc = mdb_env_open(env, dir, MDB_RDONLY | MDB_NOTLS, 0666);
    if (rc == 0 && hf__lmdb_begin_following(env, txn) == 0) return env;
    mdb_env_close(env);
    if (rc != MDB_INVALID) return NULL; /* else who made the lock file was killed: somebody does it again, see open.c */
  }
  return NULL;
}

static hf_status check_closed(struct asker *a, const char *dir, hf_error *err) {
  char path[PATH_MOST];
  MDB_txn *txn;
  hf_status status = hf__lmdb_data_path(dir, path, sizeof path, err);
  if (status) return status;
  status = hf__lmdb_header_check(path, err);
  if (status == HF_CORRUPT) {
    tell(a, &(hf_finding){.problem = err->message, .is_damage = true});
    return HF_OK;
  }
  if (status) return status;
  for (int tries = 0;; tries++) {
    MDB_env *env = open_reader(dir, &txn);
    if (!env) return walk_alone(a, path, err);
    status = walk_with(a, txn, err);
    mdb_txn_abort(txn);
    mdb_env_close(env);
    if (status != HF_BUSY || tries == REPAIRS_MAX) return status; /* another process may be growing the file */
  }
}

hf_status hf__lmdb_check_store(const hf_location *at, void *store, hf_check_fn fn, void *arg, hf_check_report *report,
                               hf_error *err) {
  struct asker asker = {.fn = fn, .arg = arg, .report = report};
  hf__lmdb_env *env = store;
  hf__lmdb_txn moment;
  if (!env) return check_closed(&asker, at->path, err);
  for (int tries = 0;; tries++) {
    hf_status status = hf__lmdb_moment_begin(env, &moment, err);
    if (status) return status;
    status = walk_with(&asker, moment.mdb, err);
    hf__lmdb_snapshot_end(env, &moment);
    if (status != HF_BUSY || tries == REPAIRS_MAX) return status;
  }
}
