/* SPDX-License-Identifier: MIT
 *
 * Reading entities as they were, by the C API, in a store that keeps its history and of whose entities each was
 * replaced: at the revision before that, at the newest one, and a plain read, which is the baseline.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "holdfast/holdfast.h"

static hf_error err;

static void check(hf_status status) {
  if (status) bench_die("%s: %s", hf_status_name(status), err.message);
}

static hf_persist *open_collection(const struct bench_options *o) {
  hf_persist *p;
  hf_options options = HF_OPTIONS_INIT;
  options.durability = HF_DURABILITY_NOSYNC;
  check(hf_persist_open(hf_text(o->entity), o->dir, &options, &p, &err));
  check(hf_persist_init(p, &err));
  return p;
}

static hf_slice id_of(uint64_t number, char room[32]) {
  int size = snprintf(room, 32, "log-%llu", (unsigned long long)number + 1);
  return (hf_slice){room, (size_t)size};
}

/* Writes each entity once more, all of them in one commit: what was before is as of the revision before the newest. */
static void run_replace(const struct bench_options *o) {
  hf_persist *p = open_collection(o);
  hf_buffer json = HF_BUFFER_INIT;
  hf_txn *txn;
  char room[32];
  uint64_t count;
  check(hf_persist_count(p, &count, &err));
  double start = bench_now();
  check(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  for (uint64_t i = 0; i < count; i++) {
    hf_slice id = id_of(i, room);
    check(hf_persist_read(p, id, &json, NULL, &err));
    check(hf_persist_write(p, id, (hf_slice){json.data, json.size}, NULL, NULL, &err));
  }
  check(hf_txn_commit(txn, &err));
  bench_print(bench_now() - start, (double)count);
  hf_buffer_free(&json);
  hf_persist_close(p);
}

static uint64_t newest_of(const struct bench_options *o) {
  hf_store *store;
  hf_options options = HF_OPTIONS_INIT;
  uint64_t revision;
  options.durability = HF_DURABILITY_NOSYNC;
  check(hf_store_open(o->dir, &options, &store, &err));
  check(hf_store_revision(store, NULL, &revision, &err));
  hf_store_close(store);
  return revision;
}

/* at  a revision; 0: plain reads */
static void read_each(const struct bench_options *o, uint64_t at) {
  const hf_moment moment = {.revision = at};
  hf_persist *p = open_collection(o);
  hf_buffer json = HF_BUFFER_INIT;
  uint64_t count;
  check(hf_persist_count(p, &count, &err));
  for (int pass = 0; pass < 2; pass++) {
    uint32_t state = o->seed;
    double start = bench_now();
    for (unsigned i = 0; i < o->ops; i++) {
      char room[32];
      hf_slice id = id_of(bench_random(&state) % count, room);
      check(at ? hf_persist_read_at(p, id, &moment, &json, NULL, &err) : hf_persist_read(p, id, &json, NULL, &err));
    }
    if (pass) bench_print(bench_now() - start, o->ops);
  }
  hf_buffer_free(&json);
  hf_persist_close(p);
}

static void run_now(const struct bench_options *o) { read_each(o, 0); }
static void run_tip(const struct bench_options *o) { read_each(o, newest_of(o)); }
static void run_then(const struct bench_options *o) { read_each(o, newest_of(o) - 1); }

/* A loop over all entities, in a snapshot of the present, or of what was before. */
static void walk(const struct bench_options *o, uint64_t at) {
  const hf_moment moment = {.revision = at};
  hf_persist *p = open_collection(o);
  for (int pass = 0; pass < 2; pass++) {
    hf_iter *iter;
    hf_txn *txn;
    const hf_entry *e;
    size_t n = 0;
    double start = bench_now();
    check(at ? hf_txn_begin_at(&moment, &txn, &err) : hf_txn_begin(HF_TXN_READ, &txn, &err));
    check(hf_iter_open(p, NULL, &iter, &err));
    while (check(hf_iter_next(iter, &e, &err)), e) n++;
    hf_iter_close(iter);
    hf_txn_abort(txn);
    if (pass) bench_print(bench_now() - start, (double)n);
  }
  hf_persist_close(p);
}

static void run_walk_now(const struct bench_options *o) { walk(o, 0); }
static void run_walk_then(const struct bench_options *o) { walk(o, newest_of(o) - 1); }

const struct bench_op bench_past_ops[] = {
    {"replace", run_replace},    {"now", run_now}, {"tip", run_tip}, {"then", run_then}, {"walkNow", run_walk_now},
    {"walkThen", run_walk_then}, {NULL, NULL}};
