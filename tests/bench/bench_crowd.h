/* SPDX-License-Identifier: MIT
 *
 * Many threads, or processes, that write at the same time: what bench_lead.c and bench_together.c share, so that both
 * do the same writes to the same ids.
 */
#ifndef HF_TESTS_BENCH_CROWD_H
#define HF_TESTS_BENCH_CROWD_H

#include "bench.h"

enum { BENCH_NEIGHBOURS = 50 }; /* with -w: to how many ids, one after the other, each thread writes */

/* The write with this number, counted from 0, of a thread. */
typedef void bench_write(void *arg, unsigned thread, unsigned number);

/* How many writes each thread does: all together about o->ops. */
unsigned bench_crowd_each(const struct bench_options *o);

/* Which of `count` entities, in natural order, that write of a thread goes to: room for bench_crowd_each() numbers for
 * each thread, one thread's after the other's. */
size_t *bench_crowd_pick(const struct bench_options *o, size_t count);

/* Has o->threads threads do their writes, all beginning at once, and prints the µs of one write. */
void bench_crowd_run(const struct bench_options *o, bench_write *write, void *arg);

/* What processes of a measurement share. */
struct bench_board {
  _Atomic unsigned ready; /* how many can begin */
  _Atomic bool go, stop;
  _Atomic uint64_t ended;  /* µs, bench_now(), when the last of them was done */
  _Atomic uint64_t newest; /* the greatest revision that was told to one of them */
};

/* Memory that processes made by bench_processes_run() see. */
struct bench_board *bench_board_make(void);

/* Says that the caller can begin, and waits until all may. */
void bench_board_wait(struct bench_board *board);

/* Says that the caller has done its work. */
void bench_board_done(struct bench_board *board);

/* Makes a number the greatest of those that were told. */
void bench_board_raise(_Atomic uint64_t *greatest, uint64_t number);

/* Runs work(o, board, which) in `count` processes of their own, which call bench_board_wait() once.  When those whose
 * numbers are below `until` have ended, it has the others stop.  Returns the µs from when all were ready until the last
 * bench_board_done(). */
double bench_processes_run(const struct bench_options *o, struct bench_board *board, unsigned count, unsigned until,
                           void (*work)(const struct bench_options *o, struct bench_board *board, unsigned which));

#endif
