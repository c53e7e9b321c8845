/* SPDX-License-Identifier: MIT
 *
 * What watching costs who writes, and how soon a commit of one process is seen in another.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "holdfast/holdfast.h"

enum { WARM = 10 };

static hf_error err;

static void check(hf_status status) {
  if (status) bench_die("%s: %s", hf_status_name(status), err.message);
}

static hf_store *open_store(const struct bench_options *o) {
  hf_options options = HF_OPTIONS_INIT;
  hf_store *store;
  options.durability = o->synced ? HF_DURABILITY_SYNC : HF_DURABILITY_NOSYNC;
  options.given = HF_GIVEN_DURABILITY;
  check(hf_store_open(o->dir, &options, &store, &err));
  return store;
}

static hf_persist *open_collection(const struct bench_options *o) {
  hf_options options = HF_OPTIONS_INIT;
  hf_persist *p;
  options.durability = o->synced ? HF_DURABILITY_SYNC : HF_DURABILITY_NOSYNC;
  options.given = HF_GIVEN_DURABILITY;
  check(hf_persist_open(hf_text("watched"), o->dir, &options, &p, &err));
  return p;
}

static void *shared(size_t size) {
  void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) bench_die("no memory");
  return p;
}

static void pause_us(long us) { nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL); }

/* ---- how soon */

struct board {
  _Atomic unsigned ready;
  double times[]; /* [2 * i]: when the i-th commit had returned; [2 * i + 1]: when it was seen */
};

static void see_all(const struct bench_options *o, struct board *board) {
  hf_change c;
  hf_watch *w;
  check(hf_watch_open(open_store(o), NULL, &w, &err));
  atomic_store(&board->ready, 1);
  for (unsigned i = 0; i < o->ops + WARM; i++) {
    check(hf_watch_next(w, -1, &c, &err));
    board->times[2 * i + 1] = bench_now();
  }
  _exit(0);
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Prints median and 99 % of what is between a commit's return here and its change there, commits being far apart. */
static void run_seen(const struct bench_options *o) {
  size_t all = o->ops + WARM;
  struct board *board = shared(sizeof *board + 2 * all * sizeof(double));
  pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    see_all(o, board);
  }
  while (!atomic_load(&board->ready)) pause_us(1000);
  hf_persist *p = open_collection(o);
  uint32_t state = o->seed;
  for (size_t i = 0; i < all; i++) {
    pause_us(2000 + bench_random(&state) % 4000);
    check(hf_persist_write(p, hf_text("id"), hf_text("{\"v\":1}"), NULL, NULL, &err));
    board->times[2 * i] = bench_now();
  }
  int status;
  waitpid(child, &status, 0);
  if (status) bench_die("the watching process has failed");
  double *us = bench_alloc(o->ops * sizeof *us);
  for (unsigned i = 0; i < o->ops; i++) {
    double took = board->times[2 * (i + WARM) + 1] - board->times[2 * (i + WARM)];
    us[i] = took > 0 ? took : 0; /* seen before the call had returned */
  }
  qsort(us, o->ops, sizeof *us, compare);
  printf("%.3f %.3f\n", us[o->ops / 2], us[o->ops * 99 / 100]);
}

/* ---- what it costs who writes */

struct watchers {
  hf_store *store;
  _Atomic unsigned ready;
  _Atomic bool stop;
};

static void *watch_on(void *arg) {
  struct watchers *all = arg;
  hf_error own;
  hf_change c;
  hf_watch *w;
  if (hf_watch_open(all->store, NULL, &w, &own)) bench_die("%s", own.message);
  atomic_fetch_add(&all->ready, 1);
  while (!atomic_load(&all->stop)) {
    hf_status status = hf_watch_next(w, 200, &c, &own);
    if (status && status != HF_TIMEOUT) bench_die("%s", own.message);
  }
  hf_watch_close(w);
  return NULL;
}

static void begin_processes(const struct bench_options *o, _Atomic unsigned *ready) {
  for (unsigned i = 0; i + 1 < o->processes; i++)
    if (fork() == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      struct watchers own = {.store = open_store(o)};
      hf_change c;
      hf_watch *w;
      check(hf_watch_open(own.store, NULL, &w, &err));
      atomic_fetch_add(ready, 1);
      for (;;) check(hf_watch_next(w, -1, &c, &err));
    }
  while (atomic_load(ready) + 1 < o->processes) pause_us(1000);
}

/* Prints what a write takes while all other ones of -t threads, and of -p processes, watch the store. */
static void run_watched(const struct bench_options *o) {
  _Atomic unsigned *ready = shared(sizeof *ready);
  begin_processes(o, ready);
  struct watchers all = {.store = open_store(o)};
  pthread_t *threads = bench_alloc(o->threads * sizeof *threads);
  for (unsigned i = 0; i + 1 < o->threads; i++)
    if (pthread_create(&threads[i], NULL, watch_on, &all)) bench_die("no thread");
  while (atomic_load(&all.ready) + 1 < o->threads) pause_us(1000);
  hf_persist *p = open_collection(o);
  uint32_t state = o->seed;
  double start = 0;
  for (unsigned i = 0; i < o->ops + o->ops / 10; i++) {
    char id[24];
    if (i == o->ops / 10) start = bench_now(); /* it warms up */
    snprintf(id, sizeof id, "%u", bench_random(&state) % 1000);
    check(hf_persist_write(p, hf_text(id), hf_text("{\"price\":40000.5,\"side\":\"long\"}"), NULL, NULL, &err));
  }
  bench_print(bench_now() - start, o->ops);
  fflush(stdout);
  _exit(0); /* with those who watch */
}

const struct bench_op bench_watch_ops[] = {{"seen", run_seen}, {"watched", run_watched}, {NULL, NULL}};
