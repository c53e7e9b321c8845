/* SPDX-License-Identifier: MIT
 *
 * What it costs who writes that a great many entities have expired and are removed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../backends/lmdb/clock_note.h"
#include "../backends/lmdb/meta.h"
#include "../backends/lmdb/writer.h"
#include "bench.h"
#include "core/persist.h"

enum { AT_ONCE = 1000, SETTLE = 1000 };

static const char VALUE[] = "{\"price\":40000.5,\"side\":\"long\",\"note\":\"what expires, and is removed later\"}";

static hf_error err;

static void check(hf_status status) {
  if (status) bench_die("%s: %s", hf_status_name(status), err.message);
}

static hf_persist *open_collection(const struct bench_options *o, const char *name) {
  hf_options options = HF_OPTIONS_INIT;
  hf_persist *p;
  options.durability = o->synced ? HF_DURABILITY_SYNC : HF_DURABILITY_NOSYNC;
  options.given = HF_GIVEN_DURABILITY;
  check(hf_persist_open(hf_text(name), o->dir, &options, &p, &err));
  check(hf_persist_init(p, &err));
  return p;
}

/* Has the store believe the clock at once. */
static void believe(hf_persist *p) {
  hf__lmdb_env *env = p->impl;
  hf__lmdb_txn t;
  hf__clocks now;
  char text[160];
  bool changed;
  hf__clocks_now(&now);
  int n = snprintf(text, sizeof text, "{\"boot\":\"%s\",\"wall\":%lld,\"boottime\":%lld}", now.boot,
                   (long long)now.wall - HF__CLOCKS_TOGETHER_MS, (long long)now.boottime - HF__CLOCKS_TOGETHER_MS);
  check(hf__lmdb_write_begin(env, &t, false, &err));
  if (hf__lmdb_meta_put(env, t.mdb, META_CLOCK, (hf_slice){NULL, 0}, (hf_slice){text, (size_t)n}, &changed))
    bench_die("no note of the clock");
  t.changed = true;
  check(hf__lmdb_write_commit(env, &t, &err));
}

/* Fills the store with -n entities in random order of their ids, of which all have expired, or with -f "later" none. */
static void run_fill(const struct bench_options *o) {
  hf_persist *p = open_collection(o, "expiring");
  hf_item *items = bench_alloc(AT_ONCE * sizeof *items);
  char(*ids)[24] = bench_alloc(AT_ONCE * sizeof *ids);
  bool is_over = !o->source || strcmp(o->source, "later") != 0;
  uint32_t state = o->seed;
  int64_t at = is_over ? 1 : hf_now_ms() + INT64_C(86400000);
  believe(p);
  ((hf__lmdb_env *)p->impl)->sweep.next = INT64_MAX; /* not yet */
  for (unsigned done = 0; done < o->ops; done += AT_ONCE) {
    for (unsigned i = 0; i < AT_ONCE; i++) {
      snprintf(ids[i], sizeof ids[i], "%u", bench_random(&state));
      items[i] = (hf_item){.id = hf_text(ids[i]), .json = hf_text(VALUE), .expires_at = at + done + i};
    }
    check(hf_persist_write_many(p, items, AT_ONCE, &err));
  }
  believe(p);
  hf_persist_close(p);
  puts("0");
}

/* Prints what -n writes to another collection take on average, and the longest of them. */
static void run_beside(const struct bench_options *o) {
  hf_persist *p = open_collection(o, "other");
  uint32_t state = o->seed;
  double start = 0, before, longest = 0;
  for (unsigned i = 0; i < o->ops + SETTLE; i++) {
    char id[24];
    if (i == SETTLE) start = bench_now();
    snprintf(id, sizeof id, "%u", bench_random(&state) % 1000);
    before = bench_now();
    check(hf_persist_write(p, hf_text(id), hf_text(VALUE), NULL, NULL, &err));
    before = bench_now() - before;
    if (i >= SETTLE && before > longest) longest = before;
  }
  printf("%.6f %.6f\n", (bench_now() - start) / o->ops, longest);
}

/* Prints how many of those that have expired are still there. */
static void run_left(const struct bench_options *o) {
  hf_persist *p = open_collection(o, "expiring");
  hf_buffer json = HF_BUFFER_INIT;
  check(hf_persist_stat(p, &json, &err));
  const char *found = strstr(json.data, "\"expired\":");
  printf("%s\n", found ? strtok((char *)(uintptr_t)found + strlen("\"expired\":"), ",}") : "0");
}

const struct bench_op bench_expiry_ops[] = {
    {"fill", run_fill}, {"beside", run_beside}, {"left", run_left}, {NULL, NULL}};
