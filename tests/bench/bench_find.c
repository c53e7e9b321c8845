/* SPDX-License-Identifier: MIT
 *
 * Finding by indexes in C: a few of many, beside reading them by their ids; writing to a collection that has indexes;
 * and building one while somebody writes.  The baselines of writing are in bench_keep.c.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "bench_find.h"
#include "holdfast/holdfast.h"

static hf_error err;

static void check(hf_status status) {
  if (status) bench_die("%s: %s", hf_status_name(status), err.message);
}

static hf_persist *open_entity(const struct bench_options *o) {
  hf_persist *p;
  hf_options options = HF_OPTIONS_INIT;
  options.durability = o->synced ? HF_DURABILITY_SYNC : HF_DURABILITY_NOSYNC;
  check(hf_persist_open(hf_text(o->entity), o->dir, &options, &p, &err));
  check(hf_persist_init(p, &err));
  return p;
}

static void make_index(hf_persist *p, const char *path) { check(hf_persist_index_create(p, &path, 1, false, &err)); }

/* ---- finding */

static volatile char seen;

struct ids {
  hf_slice *list;
  size_t count;
};

/* All that a range has; their ids into `ids`, if that is wanted. */
static size_t iterate(hf_persist *p, const hf_range *range, struct ids *ids) {
  hf_iter *iter;
  const hf_entry *e;
  size_t n = 0;
  check(hf_iter_open(p, range, &iter, &err));
  for (;; n++) {
    check(hf_iter_next(iter, &e, &err));
    if (!e) break;
    seen = e->json.data[e->json.size - 1];
    if (!ids) continue;
    ids->list = realloc(ids->list, (n + 1) * sizeof *ids->list);
    char *copy = bench_alloc(e->id.size);
    memcpy(copy, e->id.data, e->id.size);
    ids->list[n] = (hf_slice){copy, e->id.size};
    ids->count = n + 1;
  }
  hf_iter_close(iter);
  return n;
}

static void read_many(hf_persist *p, const struct ids *ids, hf_page *page) {
  size_t count;
  check(hf_persist_read_many(p, ids->list, ids->count, page, &err));
  const hf_entry *entries = hf_page_entries(page, &count);
  for (size_t i = 0; i < count; i++) seen = entries[i].json.data[entries[i].json.size - 1];
}

/* Those for which the condition is true beside a read of the same ids: µs of one of each, and how many. */
static void find(const struct bench_options *o, const char *condition) {
  hf_persist *p = open_entity(o);
  hf_range range = HF_RANGE_INIT;
  struct ids ids = {NULL, 0};
  hf_page *page = hf_page_new();
  double found = 0, read = 0;
  check(hf_condition_parse(hf_text(condition), &range.where, &err));
  if (!iterate(p, &range, &ids)) bench_die("nothing was found: %s", condition);
  for (unsigned i = 0; i <= o->ops; i++) {
    double start = bench_now();
    iterate(p, &range, NULL);
    double middle = bench_now();
    read_many(p, &ids, page);
    if (i == 0) continue; /* it warms up */
    found += middle - start;
    read += bench_now() - middle;
  }
  double all = (double)o->ops * (double)ids.count;
  printf("%.6f %.6f %zu\n", found / all, read / all, ids.count);
  hf_condition_free(range.where);
  hf_page_free(page);
  hf_persist_close(p);
}

static void run_symbol(const struct bench_options *o) { find(o, FIND_SYMBOL); }

/* One of ten thousand by its price, each time of another range. */
static void run_prices(const struct bench_options *o) {
  hf_persist *p = open_entity(o);
  hf_range range = HF_RANGE_INIT;
  hf_page *page = hf_page_new();
  struct ids *ids = bench_alloc(o->ops * sizeof *ids);
  double found = 0, read = 0;
  size_t all = 0;
  check(hf_condition_parse(hf_text("v.priceOpen >= ? and v.priceOpen < ?"), &range.where, &err));
  for (unsigned turn = 0; turn <= 2; turn++) {
    double start = bench_now();
    for (unsigned i = 0; i < o->ops; i++) {
      double low = 10 + i * 60000.0 / o->ops;
      check(hf_condition_set_number(range.where, 1, low, &err));
      check(hf_condition_set_number(range.where, 2, low + FIND_PRICES, &err));
      if (turn == 0) ids[i] = (struct ids){NULL, 0};
      size_t n = iterate(p, &range, turn == 0 ? &ids[i] : NULL);
      if (turn == 0) all += n;
    }
    double middle = bench_now();
    for (unsigned i = 0; i < o->ops; i++)
      if (ids[i].count) read_many(p, &ids[i], page);
    if (turn > 0) found += middle - start, read += bench_now() - middle;
  }
  if (!all) bench_die("nothing was found");
  printf("%.6f %.6f %zu\n", found / 2 / (double)all, read / 2 / (double)all, all);
  hf_condition_free(range.where);
  hf_page_free(page);
  hf_persist_close(p);
}

/* An entity, and the value that it alone has. */
struct known {
  char id[32];
  size_t size;
  char value[36];
};

static void know(hf_persist *p, struct known *k, uint64_t number, hf_buffer *json) {
  k->size = (size_t)snprintf(k->id, sizeof k->id, "log-%llu", (unsigned long long)number);
  check(hf_persist_read(p, (hf_slice){k->id, k->size}, json, NULL, &err));
  const char *value = strstr(json->data, "\"id\":\"");
  if (!value) bench_die("it has no id: %s", json->data);
  memcpy(k->value, value + 6, sizeof k->value);
}

static void find_each(hf_persist *p, hf_range *range, const struct known *list, unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    check(hf_condition_set_text(range->where, 1, (hf_slice){list[i].value, sizeof list[i].value}, &err));
    if (iterate(p, range, NULL) != 1) bench_die("%s was not found", list[i].id);
  }
}

static void read_each(hf_persist *p, const struct known *list, unsigned count, hf_buffer *json) {
  for (unsigned i = 0; i < count; i++)
    check(hf_persist_read(p, (hf_slice){list[i].id, list[i].size}, json, NULL, &err));
}

/* One of many by a value that it alone has; then a read by its id.  All are found before all are read: what was just
 * found would be in the processor's caches. */
static void run_one(const struct bench_options *o) {
  hf_persist *p = open_entity(o);
  hf_range range = HF_RANGE_INIT;
  hf_buffer json = HF_BUFFER_INIT;
  struct known *list = bench_alloc(o->ops * sizeof *list);
  uint64_t all;
  uint32_t state = o->seed;
  double found = 0, read = 0;
  check(hf_persist_count(p, &all, &err));
  check(hf_condition_parse(hf_text("v.id == ?"), &range.where, &err));
  for (unsigned i = 0; i < o->ops; i++) know(p, &list[i], bench_random(&state) % all + 1, &json);
  for (unsigned turn = 0; turn <= 2; turn++) {
    double start = bench_now();
    find_each(p, &range, list, o->ops);
    double middle = bench_now();
    read_each(p, list, o->ops, &json);
    if (turn > 0) found += middle - start, read += bench_now() - middle;
  }
  printf("%.6f %.6f\n", found / o->ops / 2, read / o->ops / 2);
  free(list);
  hf_condition_free(range.where);
  hf_buffer_free(&json);
  hf_persist_close(p);
}

/* ---- writing */

/* Entities with two numbers that are indexed, and are the same in each write, or new ones. */
static void run_write(const struct bench_options *o) {
  hf_persist *p = open_entity(o);
  bool changed = strcmp(o->what, "changed") == 0;
  char text[FIND_TEXT], id[32];
  double us = 0;
  uint32_t state = o->seed, values = o->seed * 31;
  for (unsigned i = 0; i < o->ops + o->ops / 10; i++) {
    uint32_t number = bench_random(&state) % FIND_ENTITIES;
    size_t size = find_text(text, number, changed ? bench_random(&values) : number, i);
    int length = snprintf(id, sizeof id, "log-%u", number + 1);
    double start = bench_now();
    check(hf_persist_write(p, (hf_slice){id, (size_t)length}, (hf_slice){text, size}, NULL, NULL, &err));
    if (i >= o->ops / 10) us += bench_now() - start;
  }
  bench_print(us, o->ops);
  hf_persist_close(p);
}

/* Makes the collection that is written to, with `-k` indexes less one. */
static void run_make(const struct bench_options *o) {
  hf_persist *p = open_entity(o);
  hf_item *items = bench_alloc(FIND_ENTITIES * sizeof *items);
  for (unsigned i = 0; i < FIND_ENTITIES; i++) {
    char *id = bench_alloc(32), *text = bench_alloc(FIND_TEXT);
    int length = snprintf(id, 32, "log-%u", i + 1);
    items[i] = (hf_item){.id = {id, (size_t)length}, .json = {text, find_text(text, i, i, 0)}};
  }
  check(hf_persist_write_many(p, items, FIND_ENTITIES, &err));
  if (o->names > 1) make_index(p, "a");
  if (o->names > 2) make_index(p, "b");
  bench_print(1, 1);
  hf_persist_close(p);
}

/* ---- building */

struct writer {
  hf_persist *p;
  _Atomic bool ends;
  double longest, all; /* µs of a write, and of all of them */
  unsigned count;
};

static void *keep_writing(void *arg) {
  struct writer *w = arg;
  hf_error own;
  uint32_t state = 7;
  char id[32], text[FIND_TEXT];
  while (!atomic_load(&w->ends)) {
    uint32_t number = bench_random(&state) % 1000;
    int length = snprintf(id, sizeof id, "extra-%u", number);
    size_t size = find_text(text, number, number, w->count);
    double start = bench_now();
    if (hf_persist_write(w->p, (hf_slice){id, (size_t)length}, (hf_slice){text, size}, NULL, NULL, &own))
      bench_die("%s", own.message);
    double us = bench_now() - start;
    if (us > w->longest) w->longest = us;
    w->all += us;
    w->count++;
  }
  return NULL;
}

/* Builds an index over -f alone, or with a writer beside it: µs of an entity; then, of the writer, the µs of a write,
 * and of the longest. */
static void run_build(const struct bench_options *o) {
  hf_persist *p = open_entity(o);
  pthread_t thread;
  struct writer w = {.p = open_entity(o)};
  uint64_t all;
  const char *path = o->source;
  check(hf_persist_count(p, &all, &err));
  bool is_beside = strcmp(o->what, "beside") == 0;
  if (is_beside && pthread_create(&thread, NULL, keep_writing, &w)) bench_die("there is no thread");
  double start = bench_now();
  make_index(p, path);
  double us = bench_now() - start;
  atomic_store(&w.ends, true);
  if (is_beside) pthread_join(thread, NULL);
  check(hf_persist_index_drop(p, &path, 1, &err));
  printf("%.6f %.6f %.6f\n", us / (double)all, w.count ? w.all / w.count : 1, w.longest > 0 ? w.longest : 1);
  hf_persist_close(w.p);
  hf_persist_close(p);
}

static void run_index(const struct bench_options *o) {
  hf_persist *p = open_entity(o);
  make_index(p, o->source);
  bench_print(1, 1);
  hf_persist_close(p);
}

const struct bench_op bench_find_ops[] = {
    {"symbol", run_symbol}, {"prices", run_prices}, {"one", run_one},      {"make", run_make},   {"same", run_write},
    {"changed", run_write}, {"build", run_build},   {"beside", run_build}, {"index", run_index}, {NULL, NULL}};
