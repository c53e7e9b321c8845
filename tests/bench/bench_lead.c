/* SPDX-License-Identifier: MIT
 *
 * The baselines of writing together: bare LMDB, in which whoever comes first commits what the others have brought
 * meanwhile, and wakes them; or commits many nested transactions at once; or shares the store with other processes.
 * Nothing waits for company, and nothing is checked: see bench_raw.c.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench_crowd.h"
#include "bench_raw.h"

enum { WRITES = 3 }; /* of a transaction, as a position's that opens */

/* A write that waits, on the stack of its thread. */
struct write {
  struct write *next;
  const struct bench_record *record;
  _Atomic int done;
};

struct crew {
  struct raw raw;
  const struct bench_record *records;
  const size_t *picked;
  unsigned each;
  bool nested; /* each write has a transaction of its own in the leader's */
  bool leading;
  pthread_mutex_t lock; /* leading and the list */
  struct write *first, **last;
};

static void put(struct crew *c, MDB_txn *txn, const struct bench_record *record) {
  MDB_val k = record->key, v = record->value;
  CHECK(mdb_put(txn, c->raw.dbis[0], &k, &v, 0));
}

static void put_nested(struct crew *c, MDB_txn *parent, const struct bench_record *record) {
  MDB_txn *txn;
  CHECK(mdb_txn_begin(c->raw.env, parent, 0, &txn));
  put(c, txn, record);
  CHECK(mdb_txn_commit(txn));
}

static void wake(struct write *w) {
  atomic_store(&w->done, 1);
  syscall(SYS_futex, &w->done, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void commit_list(struct crew *c, struct write *list, const struct write *own) {
  MDB_txn *txn;
  CHECK(mdb_txn_begin(c->raw.env, NULL, 0, &txn));
  for (const struct write *w = list; w; w = w->next) {
    if (c->nested)
      put_nested(c, txn, w->record);
    else
      put(c, txn, w->record);
  }
  CHECK(mdb_txn_commit(txn));
  for (struct write *w = list, *next; w; w = next) {
    next = w->next;
    if (w != own) wake(w);
  }
}

/* Takes along what waits until nothing does. */
static void lead(struct crew *c, const struct write *own) {
  for (;;) {
    pthread_mutex_lock(&c->lock);
    struct write *list = c->first;
    c->first = NULL;
    c->last = &c->first;
    if (!list) c->leading = false;
    pthread_mutex_unlock(&c->lock);
    if (!list) return;
    commit_list(c, list, own);
  }
}

static void write_together(void *arg, unsigned thread, unsigned number) {
  struct crew *c = arg;
  struct write w = {.record = &c->records[c->picked[(size_t)thread * c->each + number]]};
  pthread_mutex_lock(&c->lock);
  *c->last = &w;
  c->last = &w.next;
  bool leads = !c->leading;
  c->leading = true;
  pthread_mutex_unlock(&c->lock);
  if (leads) return lead(c, &w);
  while (!atomic_load(&w.done)) syscall(SYS_futex, &w.done, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static unsigned flags_of(const struct bench_options *o) { return o->synced ? 0 : MDB_NOSYNC; }

/* Many threads, whose writes share commits. */
static void run_threads(const struct bench_options *o) {
  size_t count;
  struct crew c = {.raw = bench_raw_open(o, o->dir, flags_of(o)), .each = bench_crowd_each(o)};
  c.last = &c.first;
  c.nested = o->what[0] == 'n';
  c.records = bench_raw_collect(&c.raw, c.raw.dbis[0], true, &count);
  c.picked = bench_crowd_pick(o, count);
  pthread_mutex_init(&c.lock, NULL);
  bench_crowd_run(o, write_together, &c);
  bench_raw_close(&c.raw);
}

/* Commits of o->group nested transactions with three writes each: prints the µs of one of these. */
static void run_transactions(const struct bench_options *o) {
  size_t count;
  struct crew c = {.raw = bench_raw_open(o, o->dir, flags_of(o))};
  uint32_t state = o->seed;
  c.records = bench_raw_collect(&c.raw, c.raw.dbis[0], true, &count);
  for (int pass = 0; pass < 2; pass++) { /* once to warm up */
    double start = bench_now();
    for (unsigned group = 0; group < o->ops; group++) {
      MDB_txn *all, *one;
      CHECK(mdb_txn_begin(c.raw.env, NULL, 0, &all));
      for (unsigned i = 0; i < o->group; i++) {
        CHECK(mdb_txn_begin(c.raw.env, all, 0, &one));
        for (int n = 0; n < WRITES; n++) put(&c, one, &c.records[bench_random(&state) % count]);
        CHECK(mdb_txn_commit(one));
      }
      CHECK(mdb_txn_commit(all));
    }
    if (pass) bench_print(bench_now() - start, (double)o->ops * o->group);
  }
  bench_raw_close(&c.raw);
}

/* One of the processes: a commit for each of its writes. */
static void write_alone(const struct bench_options *o, struct bench_board *board, unsigned which) {
  size_t count;
  struct crew c = {.raw = bench_raw_open(o, o->dir, flags_of(o))};
  uint32_t state = o->seed + which;
  c.records = bench_raw_collect(&c.raw, c.raw.dbis[0], true, &count);
  bench_board_wait(board);
  for (unsigned i = 0; i < o->ops / o->processes; i++) {
    MDB_txn *txn;
    CHECK(mdb_txn_begin(c.raw.env, NULL, 0, &txn));
    put(&c, txn, &c.records[bench_random(&state) % count]);
    CHECK(mdb_txn_commit(txn));
  }
  bench_board_done(board);
  bench_raw_close(&c.raw);
}

static void run_processes(const struct bench_options *o) {
  double elapsed = bench_processes_run(o, bench_board_make(), o->processes, o->processes, write_alone);
  bench_print(elapsed, o->ops / o->processes * o->processes);
}

const struct bench_op bench_lead_ops[] = {{"threads", run_threads},
                                          {"nested", run_threads},
                                          {"transactions", run_transactions},
                                          {"processes", run_processes},
                                          {NULL, NULL}};
