/* SPDX-License-Identifier: MIT
 *
 * Threads and processes that begin at once: see bench_crowd.h.
 */
#include "bench_crowd.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

unsigned bench_crowd_each(const struct bench_options *o) {
  unsigned each = o->ops / o->threads;
  return each ? each : 1;
}

size_t *bench_crowd_pick(const struct bench_options *o, size_t count) {
  unsigned each = bench_crowd_each(o);
  size_t *picked = bench_alloc((size_t)o->threads * each * sizeof *picked), *next = picked;
  uint32_t state = o->seed;
  for (size_t thread = 0; thread < o->threads; thread++)
    for (unsigned i = 0; i < each; i++)
      *next++ = (o->near ? thread * BENCH_NEIGHBOURS + i % BENCH_NEIGHBOURS : bench_random(&state)) % count;
  return picked;
}

/* ---- threads */

struct crowd {
  bench_write *write;
  void *arg;
  unsigned each;
  pthread_barrier_t start;
};

struct worker {
  struct crowd *crowd;
  unsigned number;
  pthread_t thread;
};

static void *do_writes(void *arg) {
  const struct worker *w = arg;
  pthread_barrier_wait(&w->crowd->start);
  for (unsigned i = 0; i < w->crowd->each; i++) w->crowd->write(w->crowd->arg, w->number, i);
  return NULL;
}

void bench_crowd_run(const struct bench_options *o, bench_write *write, void *arg) {
  struct crowd crowd = {.write = write, .arg = arg, .each = bench_crowd_each(o)};
  struct worker *workers = bench_alloc(o->threads * sizeof *workers);
  pthread_barrier_init(&crowd.start, NULL, o->threads + 1);
  for (unsigned i = 0; i < o->threads; i++) {
    workers[i] = (struct worker){.crowd = &crowd, .number = i};
    if (pthread_create(&workers[i].thread, NULL, do_writes, &workers[i])) bench_die("cannot make a thread");
  }
  pthread_barrier_wait(&crowd.start);
  double start = bench_now();
  for (unsigned i = 0; i < o->threads; i++) pthread_join(workers[i].thread, NULL);
  bench_print(bench_now() - start, (double)crowd.each * o->threads);
  pthread_barrier_destroy(&crowd.start);
  free(workers);
}

/* ---- processes */

struct bench_board *bench_board_make(void) {
  struct bench_board *board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (board == MAP_FAILED) bench_die("no memory for processes to share");
  return board;
}

void bench_board_wait(struct bench_board *board) {
  atomic_fetch_add(&board->ready, 1);
  while (!atomic_load(&board->go)) usleep(100);
}

void bench_board_raise(_Atomic uint64_t *greatest, uint64_t number) {
  uint64_t seen = atomic_load(greatest);
  while (seen < number && !atomic_compare_exchange_weak(greatest, &seen, number)) continue;
}

void bench_board_done(struct bench_board *board) { bench_board_raise(&board->ended, (uint64_t)bench_now()); }

static void wait_for(pid_t pid) {
  int status;
  if (waitpid(pid, &status, 0) != pid || status) bench_die("a process of the measurement has failed");
}

double bench_processes_run(const struct bench_options *o, struct bench_board *board, unsigned count, unsigned until,
                           void (*work)(const struct bench_options *o, struct bench_board *board, unsigned which)) {
  pid_t *pids = bench_alloc(count * sizeof *pids);
  for (unsigned i = 0; i < count; i++) {
    pids[i] = fork();
    if (pids[i] < 0) bench_die("cannot make a process");
    if (pids[i] > 0) continue;
    work(o, board, i);
    exit(0);
  }
  while (atomic_load(&board->ready) < count) {
    usleep(100);
    if (waitpid(-1, NULL, WNOHANG)) bench_die("a process of the measurement has ended before it began");
  }
  double start = bench_now();
  atomic_store(&board->go, true);
  for (unsigned i = 0; i < until; i++) wait_for(pids[i]);
  atomic_store(&board->stop, true);
  for (unsigned i = until; i < count; i++) wait_for(pids[i]);
  free(pids);
  return (double)atomic_load(&board->ended) - start;
}
