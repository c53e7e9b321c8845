/* SPDX-License-Identifier: MIT
 *
 * Writing together by the C API: threads of one process, transactions in one commit, processes on one store.  Their
 * baselines are in bench_lead.c.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench_crowd.h"
#include "holdfast/holdfast.h"

enum { WRITES = 3 }; /* of a transaction, as a position's that opens */

static _Thread_local hf_error err;

static void check(hf_status status) {
  if (status) bench_die("%s: %s", hf_status_name(status), err.message);
}

/* The entities of a store, in natural order, and a handle on them for each thread: one is used by one at a time. */
struct shelf {
  hf_persist **persists;
  unsigned threads;
  hf_item *items;
  size_t count;
  const size_t *picked; /* for threads */
  unsigned each;
};

static hf_slice copy(hf_slice s) {
  char *data = bench_alloc(s.size);
  memcpy(data, s.data, s.size);
  return (hf_slice){data, s.size};
}

static hf_persist *open_entity(const struct bench_options *o) {
  hf_persist *p;
  hf_options options = HF_OPTIONS_INIT;
  options.durability = o->synced ? HF_DURABILITY_SYNC : HF_DURABILITY_NOSYNC;
  check(hf_persist_open(hf_text(o->entity), o->dir, &options, &p, &err));
  check(hf_persist_init(p, &err));
  return p;
}

static struct shelf open_shelf(const struct bench_options *o) {
  struct shelf s = {.threads = o->threads, .each = bench_crowd_each(o)};
  hf_iter *iter;
  const hf_entry *e;
  uint64_t count;
  s.persists = bench_alloc(s.threads * sizeof *s.persists);
  for (unsigned i = 0; i < s.threads; i++) s.persists[i] = open_entity(o);
  check(hf_persist_count(s.persists[0], &count, &err));
  if (count == 0) bench_die("nothing is stored");
  s.items = bench_alloc(count * sizeof *s.items);
  check(hf_iter_open(s.persists[0], NULL, &iter, &err));
  while (s.count < count) {
    check(hf_iter_next(iter, &e, &err));
    if (!e) break;
    s.items[s.count++] = (hf_item){.id = copy(e->id), .json = copy(e->json)};
  }
  hf_iter_close(iter);
  return s;
}

static void close_shelf(const struct shelf *s) {
  for (unsigned i = 0; i < s->threads; i++) hf_persist_close(s->persists[i]);
}

static uint64_t write_item(const struct shelf *s, unsigned thread, size_t which) {
  const hf_item *item = &s->items[which];
  hf_info info;
  check(hf_persist_write(s->persists[thread], item->id, item->json, NULL, &info, &err));
  return info.revision;
}

static void write_picked(void *arg, unsigned thread, unsigned number) {
  const struct shelf *s = arg;
  write_item(s, thread, s->picked[(size_t)thread * s->each + number]);
}

/* Single writes of many threads. */
static void run_threads(const struct bench_options *o) {
  struct shelf s = open_shelf(o);
  s.picked = bench_crowd_pick(o, s.count);
  bench_crowd_run(o, write_picked, &s);
  close_shelf(&s);
}

/* ---- transactions */

static uint64_t write_some(const struct shelf *s, unsigned thread, uint32_t *state) {
  uint64_t revision = 0;
  for (int n = 0; n < WRITES; n++) revision = write_item(s, thread, bench_random(state) % s->count);
  return revision;
}

static uint64_t write_transaction(const struct shelf *s, unsigned thread, uint32_t *state) {
  hf_txn *txn;
  check(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  uint64_t revision = write_some(s, thread, state);
  check(hf_txn_commit(txn, &err));
  return revision;
}

/* Commits of o->group nested transactions, begun and ended by hand: prints the µs of one of these. */
static void run_nested(const struct bench_options *o) {
  struct shelf s = open_shelf(o);
  uint32_t state = o->seed;
  for (int pass = 0; pass < 2; pass++) { /* once to warm up */
    double start = bench_now();
    for (unsigned group = 0; group < o->ops; group++) {
      hf_txn *all;
      check(hf_txn_begin(HF_TXN_WRITE, &all, &err));
      for (unsigned i = 0; i < o->group; i++) write_transaction(&s, 0, &state);
      check(hf_txn_commit(all, &err));
    }
    if (pass) bench_print(bench_now() - start, (double)o->ops * o->group);
  }
  close_shelf(&s);
}

/* What a part of hf_transactions() writes with. */
struct part {
  const struct shelf *shelf;
  uint32_t *state;
};

static hf_status run_part(void *arg, hf_error *unused) {
  const struct part *part = arg;
  (void)unused;
  write_some(part->shelf, 0, part->state);
  return HF_OK;
}

/* Commits of o->group transactions by hf_transactions(): prints the µs of one of these. */
static void run_transactions(const struct bench_options *o) {
  struct shelf s = open_shelf(o);
  uint32_t state = o->seed;
  struct part part = {&s, &state};
  hf_txn_part *parts = bench_alloc(o->group * sizeof *parts);
  for (unsigned i = 0; i < o->group; i++) parts[i] = (hf_txn_part){.run = run_part, .arg = &part};
  for (int pass = 0; pass < 2; pass++) { /* once to warm up */
    double start = bench_now();
    for (unsigned group = 0; group < o->ops; group++) {
      check(hf_transactions(parts, o->group, &err));
      for (unsigned i = 0; i < o->group; i++) check(parts[i].status);
    }
    if (pass) bench_print(bench_now() - start, (double)o->ops * o->group);
  }
  free(parts);
  close_shelf(&s);
}

/* ---- processes */

static void write_alone(const struct bench_options *o, struct bench_board *board, unsigned which) {
  struct shelf s = open_shelf(o);
  uint32_t state = o->seed + which;
  bench_board_wait(board);
  for (unsigned i = 0; i < o->ops / o->processes; i++) write_item(&s, 0, bench_random(&state) % s.count);
  bench_board_done(board);
  close_shelf(&s);
}

/* Processes that each write alone. */
static void run_processes(const struct bench_options *o) {
  double elapsed = bench_processes_run(o, bench_board_make(), o->processes, o->processes, write_alone);
  bench_print(elapsed, o->ops / o->processes * o->processes);
}

/* One of the threads of a process that writes all the time: transactions in "besideTransactions". */
struct busy {
  const struct bench_options *o;
  const struct shelf *shelf;
  struct bench_board *board;
  unsigned number;
  uint32_t state;
  pthread_t thread;
};

static void *write_on(void *arg) {
  struct busy *b = arg;
  bool transactions = strcmp(b->o->what, "beside") != 0;
  while (!atomic_load(&b->board->stop)) {
    uint64_t revision = transactions ? write_transaction(b->shelf, b->number, &b->state)
                                     : write_item(b->shelf, b->number, bench_random(&b->state) % b->shelf->count);
    bench_board_raise(&b->board->newest, revision);
  }
  return NULL;
}

static void write_all_the_time(const struct bench_options *o, struct bench_board *board) {
  struct shelf s = open_shelf(o);
  struct busy *all = bench_alloc(o->threads * sizeof *all);
  bench_board_wait(board);
  for (unsigned i = 0; i < o->threads; i++) {
    all[i] = (struct busy){.o = o, .shelf = &s, .board = board, .number = i, .state = o->seed + 100 + i};
    if (pthread_create(&all[i].thread, NULL, write_on, &all[i])) bench_die("cannot make a thread");
  }
  for (unsigned i = 0; i < o->threads; i++) pthread_join(all[i].thread, NULL);
  close_shelf(&s);
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

enum { PAUSE_MOST = 3000 }; /* µs between two writes of the one that is measured */

/* Writes now and then.  Prints the µs within which half of its writes were done, and 99 of 100, and the µs of a commit
 * in all this time. */
static void write_now_and_then(const struct bench_options *o, struct bench_board *board) {
  struct shelf s = open_shelf(o);
  double *took = bench_alloc(o->ops * sizeof *took);
  uint32_t state = o->seed;
  bench_board_wait(board);
  while (!atomic_load(&board->newest)) usleep(100);
  uint64_t first = atomic_load(&board->newest);
  double start = bench_now();
  for (unsigned i = 0; i < o->ops; i++) {
    usleep(bench_random(&state) % PAUSE_MOST);
    double asked = bench_now();
    write_item(&s, 0, bench_random(&state) % s.count);
    took[i] = bench_now() - asked;
  }
  double elapsed = bench_now() - start;
  uint64_t commits = atomic_load(&board->newest) - first;
  qsort(took, o->ops, sizeof *took, compare);
  printf("%.6f %.6f %.6f\n", took[o->ops / 2], took[o->ops - 1 - o->ops / 100],
         elapsed / (double)(commits ? commits : 1));
  close_shelf(&s);
}

static void measure_beside(const struct bench_options *o, struct bench_board *board, unsigned which) {
  if (which == 0)
    write_now_and_then(o, board);
  else
    write_all_the_time(o, board);
}

/* A process that writes now and then beside one whose threads write all the time. */
static void run_beside(const struct bench_options *o) {
  bench_processes_run(o, bench_board_make(), 2, 1, measure_beside);
}

const struct bench_op bench_together_ops[] = {{"threads", run_threads},
                                              {"nested", run_nested},
                                              {"transactions", run_transactions},
                                              {"processes", run_processes},
                                              {"beside", run_beside},
                                              {"besideTransactions", run_beside},
                                              {NULL, NULL}};
