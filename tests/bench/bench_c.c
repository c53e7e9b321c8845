/* SPDX-License-Identifier: MIT
 *
 * The C API's side of the measurements: what an embedding program would write.
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

static hf_persist *open_entity(const struct bench_options *o, const char *dir, const char *entity) {
  hf_persist *p;
  hf_options options = HF_OPTIONS_INIT;
  options.durability = o->synced ? HF_DURABILITY_SYNC : HF_DURABILITY_NOSYNC;
  check(hf_persist_open(hf_text(entity), dir, &options, &p, &err));
  check(hf_persist_init(p, &err));
  return p;
}

static hf_slice copy(hf_slice s) {
  char *data = bench_alloc(s.size);
  memcpy(data, s.data, s.size);
  return (hf_slice){data, s.size};
}

/* The id of the entity with this number, counted from 0. */
static hf_slice make_id(uint64_t number) {
  char id[32];
  int size = snprintf(id, sizeof id, "log-%llu", (unsigned long long)number + 1);
  return copy((hf_slice){id, (size_t)size});
}

static uint64_t count_of(hf_persist *p) {
  uint64_t count;
  check(hf_persist_count(p, &count, &err));
  if (count == 0) bench_die("nothing is stored");
  return count;
}

static hf_slice *pick_ids(hf_persist *p, const struct bench_options *o) {
  uint64_t count = count_of(p);
  hf_slice *ids = bench_alloc(o->ops * sizeof *ids);
  uint32_t state = o->seed;
  for (unsigned i = 0; i < o->ops; i++) ids[i] = make_id(bench_random(&state) % count);
  return ids;
}

/* All entities in natural order, copied. */
static hf_item *collect(hf_persist *p, size_t *count) {
  hf_item *items = bench_alloc(count_of(p) * sizeof *items);
  hf_iter *iter;
  const hf_entry *e;
  size_t n = 0;
  check(hf_iter_open(p, NULL, &iter, &err));
  for (;;) {
    check(hf_iter_next(iter, &e, &err));
    if (!e) break;
    items[n++] = (hf_item){.id = copy(e->id), .json = copy(e->json)};
  }
  hf_iter_close(iter);
  *count = n;
  return items;
}

/* ---- reading */

static volatile char seen;

static void run_get(const struct bench_options *o) {
  hf_persist *p = open_entity(o, o->dir, o->entity);
  hf_slice *ids = pick_ids(p, o);
  hf_buffer json = HF_BUFFER_INIT;
  for (int pass = 0; pass < 2; pass++) {
    double start = bench_now();
    for (unsigned i = 0; i < o->ops; i++) check(hf_persist_read(p, ids[i], &json, NULL, &err));
    if (pass) bench_print(bench_now() - start, o->ops);
  }
  hf_buffer_free(&json);
  hf_persist_close(p);
}

/* Reads the entities and touches the last byte of each value.  Prints also the KiB of memory before it and at most. */
static void run_walk(const struct bench_options *o) {
  hf_persist *p = open_entity(o, o->dir, o->entity);
  bool sampling = strcmp(o->what, "memory") == 0;
  for (int pass = sampling; pass < 2; pass++) {
    hf_iter *iter;
    const hf_entry *e;
    char touched = 0;
    size_t n = 0;
    long before = bench_anonymous_kib(), peak = before;
    double start = bench_now();
    check(hf_iter_open(p, NULL, &iter, &err));
    for (;;) {
      check(hf_iter_next(iter, &e, &err));
      if (!e) break;
      touched = (char)(touched + e->json.data[e->json.size - 1]);
      if (++n % 10000 == 0 && sampling) {
        long now = bench_anonymous_kib();
        if (now > peak) peak = now;
      }
    }
    double elapsed = bench_now() - start;
    hf_iter_close(iter);
    seen = touched;
    if (sampling)
      printf("%.6f %ld %ld\n", elapsed / (double)n, before, peak);
    else if (pass)
      bench_print(elapsed, (double)n);
  }
  hf_persist_close(p);
}

/* Reads spread over many collections, with a handle on each. */
static void run_names(const struct bench_options *o) {
  hf_persist **persists = bench_alloc(o->names * sizeof *persists);
  hf_persist **picked = bench_alloc(o->ops * sizeof *picked);
  hf_slice *ids = bench_alloc(o->ops * sizeof *ids);
  char name[64];
  for (unsigned i = 0; i < o->names; i++) {
    snprintf(name, sizeof name, "name-%u", i + 1);
    persists[i] = open_entity(o, o->dir, o->names > 1 ? name : o->entity);
  }
  uint64_t count = count_of(persists[0]);
  uint32_t state = o->seed;
  for (unsigned i = 0; i < o->ops; i++) {
    picked[i] = persists[bench_random(&state) % o->names];
    ids[i] = make_id(bench_random(&state) % count);
  }
  hf_buffer json = HF_BUFFER_INIT;
  for (int pass = 0; pass < 2; pass++) {
    double start = bench_now();
    for (unsigned i = 0; i < o->ops; i++) check(hf_persist_read(picked[i], ids[i], &json, NULL, &err));
    if (pass) bench_print(bench_now() - start, o->ops);
  }
  hf_buffer_free(&json);
  for (unsigned i = 0; i < o->names; i++) hf_persist_close(persists[i]);
}

/* ---- writing */

static double put_all(hf_persist *p, const hf_item **picked, unsigned ops) {
  double start = bench_now();
  for (unsigned i = 0; i < ops; i++) check(hf_persist_write(p, picked[i]->id, picked[i]->json, NULL, NULL, &err));
  return bench_now() - start;
}

/* Overwrites entities, one commit each. */
static void run_put(const struct bench_options *o) {
  hf_persist *p = open_entity(o, o->dir, o->entity);
  size_t count;
  hf_item *items = collect(p, &count);
  const hf_item **picked = bench_alloc(o->ops * sizeof *picked);
  uint32_t state = o->seed;
  for (unsigned i = 0; i < o->ops; i++) picked[i] = &items[bench_random(&state) % count];
  put_all(p, picked, o->ops / 10);
  bench_print(put_all(p, picked, o->ops), o->ops);
  hf_persist_close(p);
}

/* Writes all entities of the store `source` into the store `dir`, in one commit. */
static void run_load(const struct bench_options *o) {
  hf_persist *from = open_entity(o, o->source, o->entity), *to = open_entity(o, o->dir, o->entity);
  size_t count;
  hf_item *items = collect(from, &count);
  double start = bench_now();
  check(hf_persist_write_many(to, items, count, &err));
  bench_print(bench_now() - start, (double)count);
  hf_persist_close(from);
  hf_persist_close(to);
}

/* Makes an empty store. */
/* Makes the store; there is nothing to measure. */
static void run_init(const struct bench_options *o) {
  hf_persist_close(open_entity(o, o->dir, o->entity));
  puts("0");
}

const struct bench_op bench_c_ops[] = {{"get", run_get}, {"walk", run_walk}, {"memory", run_walk}, {"names", run_names},
                                       {"put", run_put}, {"load", run_load}, {"init", run_init},   {NULL, NULL}};
