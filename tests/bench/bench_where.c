/* SPDX-License-Identifier: MIT
 *
 * Asking by the C API: a condition as text, without Lua.
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "holdfast/holdfast.h"

static hf_error err;

static void check(hf_status status) {
  if (status) bench_die("%s: %s", hf_status_name(status), err.message);
}

static volatile char seen;

static uint64_t count(hf_persist *p, const hf_range *range) {
  uint64_t n;
  check(hf_persist_count_where(p, range, &n, &err));
  return n;
}

/* Touches the last byte of each that is found. */
static uint64_t iterate(hf_persist *p, const hf_range *range) {
  hf_iter *iter;
  const hf_entry *e;
  uint64_t n = 0;
  check(hf_iter_open(p, range, &iter, &err));
  for (;; n++) {
    check(hf_iter_next(iter, &e, &err));
    if (!e) break;
    seen = e->json.data[e->json.size - 1];
  }
  hf_iter_close(iter);
  return n;
}

/* Prints the µs of an entity, and how many there were; a first time to warm up. */
static void measure(const struct bench_options *o, uint64_t (*ask)(hf_persist *p, const hf_range *range)) {
  hf_persist *p;
  hf_range range = HF_RANGE_INIT;
  uint64_t all, n = 0;
  double us = 0;
  check(hf_persist_open(hf_text(o->entity), o->dir, NULL, &p, &err));
  check(hf_persist_init(p, &err));
  check(hf_persist_count(p, &all, &err));
  check(hf_condition_parse(hf_text("v.metadata.symbol == 'BTCUSDT'"), &range.where, &err));
  for (int pass = 0; pass < 2; pass++) {
    double start = bench_now();
    n = ask(p, &range);
    us = bench_now() - start;
  }
  printf("%.6f %llu\n", us / (double)all, (unsigned long long)n);
  hf_condition_free(range.where);
  hf_persist_close(p);
}

static void run_count(const struct bench_options *o) { measure(o, count); }
static void run_walk(const struct bench_options *o) { measure(o, iterate); }

const struct bench_op bench_where_ops[] = {{"count", run_count}, {"walk", run_walk}, {NULL, NULL}};
