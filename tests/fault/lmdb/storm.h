/* SPDX-License-Identifier: MIT
 *
 * The workload of the kill storms, and a model of it.
 *
 * Several writers work on one store at once.  Step n of a writer is one commit, determined by the seed, the writer and
 * n, and changes only ids of its own, in collections that all share and in one of its own.  So what a store must have
 * of a writer after n steps can be computed, and whoever looks at the store at one moment judges it as a whole: of each
 * writer it has the state after a step between the last that was acknowledged and the one that was begun.  Steps that
 * are transactions also add one to a counter that all share: no update of it may be lost, and none halved.
 */
#ifndef HF_TESTS_FAULT_STORM_H
#define HF_TESTS_FAULT_STORM_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "holdfast/holdfast.h"

enum {
  STORM_WRITERS = 4,
  STORM_TYPES = 3, /* two that all share, and the writer's own */
  STORM_OWN = 2,
  STORM_IDS = 24,
  STORM_CHANGES = 6,
  STORM_JSON_MAX = 70000,
  STORM_WHY = 600
};

enum storm_kind {
  STORM_WRITE,
  STORM_WRITE_IF, /* with the condition that holds */
  STORM_WRITE_MANY,
  STORM_REMOVE,
  STORM_REMOVE_MANY,
  STORM_REMOVE_ALL, /* of its own collection */
  STORM_TRANSACTION,
  STORM_NESTED,    /* a transaction with one in it that commits, and one that is undone */
  STORM_QUARANTINE /* puts ids into quarantine */
};

struct storm_change {
  unsigned type, id;
  bool removes;
  unsigned group; /* STORM_NESTED: 0 in the outer one, 1 in the one that commits, 2 in the one that is undone */
};

struct storm_step {
  enum storm_kind kind;
  size_t count;
  struct storm_change changes[STORM_CHANGES];
};

/* Which step wrote each entity; 0: there is none; negative: the step that put it into quarantine. */
struct storm_state {
  int64_t cells[STORM_TYPES][STORM_IDS];
  uint64_t added; /* to the counter */
};

/* splitmix64 */
static inline uint64_t storm_random(uint64_t *state) {
  uint64_t z = *state += 0x9E3779B97F4A7C15U;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

static inline bool storm_counts(enum storm_kind kind) { return kind == STORM_TRANSACTION || kind == STORM_NESTED; }

static inline void storm_plan_change(uint64_t *random, struct storm_step *plan, size_t i, unsigned type) {
  struct storm_change *c = &plan->changes[i];
  bool several = storm_counts(plan->kind);
  c->type = several ? (unsigned)(storm_random(random) % STORM_TYPES) : type;
  c->id = (unsigned)(storm_random(random) % STORM_IDS);
  c->removes = plan->kind == STORM_REMOVE || plan->kind == STORM_REMOVE_MANY || plan->kind == STORM_REMOVE_ALL ||
               (several && storm_random(random) % 4 == 0);
  c->group = plan->kind == STORM_NESTED ? (unsigned)(i * 3 / plan->count) : 0;
  if (!several) return;
  /* The first change of a transaction is one that shows, so that whether it happened can be told. */
  if (i == 0) *c = (struct storm_change){.type = 0, .id = 0};
  if (i > 0 && c->type == 0 && c->id == 0) c->id = 1;
}

static inline void storm_plan(uint64_t seed, unsigned writer, uint64_t number, struct storm_step *plan) {
  static const enum storm_kind kinds[] = {STORM_WRITE,       STORM_WRITE,       STORM_WRITE,       STORM_WRITE_IF,
                                          STORM_WRITE_MANY,  STORM_WRITE_MANY,  STORM_WRITE_MANY,  STORM_REMOVE,
                                          STORM_REMOVE_MANY, STORM_REMOVE_MANY, STORM_REMOVE_ALL,  STORM_TRANSACTION,
                                          STORM_TRANSACTION, STORM_TRANSACTION, STORM_NESTED,      STORM_NESTED,
                                          STORM_QUARANTINE,  STORM_WRITE,       STORM_TRANSACTION, STORM_NESTED};
  uint64_t random = seed * 1000003 + writer * 7919 + number * 104729;
  plan->kind = kinds[storm_random(&random) % (sizeof kinds / sizeof *kinds)];
  bool one = plan->kind == STORM_WRITE || plan->kind == STORM_WRITE_IF || plan->kind == STORM_REMOVE;
  plan->count = one || plan->kind == STORM_REMOVE_ALL ? 1 : 3 + storm_random(&random) % (STORM_CHANGES - 2);
  if (plan->kind == STORM_QUARANTINE) plan->count = 1 + plan->count % 2;
  unsigned type = plan->kind == STORM_REMOVE_ALL ? STORM_OWN : (unsigned)(storm_random(&random) % STORM_TYPES);
  for (size_t i = 0; i < plan->count; i++) storm_plan_change(&random, plan, i, type);
}

/* The state after one more step. */
static inline void storm_advance(uint64_t seed, unsigned writer, struct storm_state *state, uint64_t number) {
  struct storm_step plan;
  storm_plan(seed, writer, number, &plan);
  if (plan.kind == STORM_REMOVE_ALL) memset(state->cells[STORM_OWN], 0, sizeof state->cells[STORM_OWN]);
  for (size_t i = 0; i < plan.count; i++) {
    const struct storm_change *c = &plan.changes[i];
    int64_t *cell = &state->cells[c->type][c->id];
    if (c->group < 2) *cell = c->removes ? 0 : plan.kind == STORM_QUARANTINE ? -(int64_t)number : (int64_t)number;
  }
  state->added += storm_counts(plan.kind);
}

/* ---- how it lies in a store */

static inline hf_slice storm_name(unsigned type, unsigned writer, char out[32]) {
  static const char *const shared[] = {"signal", "risk"};
  int n = type == STORM_OWN ? snprintf(out, 32, "own-%u", writer) : snprintf(out, 32, "%s", shared[type]);
  return (hf_slice){out, (size_t)n};
}

static inline hf_slice storm_id(unsigned writer, unsigned id, char out[32]) {
  return (hf_slice){out, (size_t)snprintf(out, 32, "w%u:%u", writer, id)};
}

/* What a step writes: mostly some hundred bytes, sometimes more than a page, now and then many of them. */
static inline hf_slice storm_json(unsigned writer, const struct storm_change *c, uint64_t number, char *out) {
  uint64_t random = number * 31 + writer * 7 + c->type * 3 + c->id;
  uint64_t kind = storm_random(&random) % 64, size = storm_random(&random);
  size_t pad = kind == 0 ? 20000 + size % 45000 : kind < 8 ? size % 12000 : size % 300;
  int n = snprintf(out, STORM_JSON_MAX, "[%llu,\"", (unsigned long long)number);
  memset(out + n, 'a' + (int)(random % 26), pad);
  memcpy(out + n + pad, "\"]", 3);
  return (hf_slice){out, (size_t)n + pad + 2};
}

/* The bytes that a step puts into quarantine. */
static inline hf_slice storm_damaged(uint64_t number, char out[32]) {
  return (hf_slice){out, (size_t)snprintf(out, 32, "?%llu", (unsigned long long)number)};
}

/* ---- looking at a store */

/* Handles on everything of it. */
struct storm_store {
  hf_persist *shared[STORM_OWN], *own[STORM_WRITERS], *counter;
};

static inline hf_persist *storm_collection(const struct storm_store *s, unsigned type, unsigned writer) {
  return type == STORM_OWN ? s->own[writer] : s->shared[type];
}

static inline hf_status storm_open(const char *base, struct storm_store *s, hf_error *err) {
  char name[32];
  memset(s, 0, sizeof *s);
  hf_status status = hf_persist_open(hf_text("counter"), base, NULL, &s->counter, err);
  for (unsigned i = 0; i < STORM_OWN && !status; i++)
    status = hf_persist_open(storm_name(i, 0, name), base, NULL, &s->shared[i], err);
  for (unsigned i = 0; i < STORM_WRITERS && !status; i++)
    status = hf_persist_open(storm_name(STORM_OWN, i, name), base, NULL, &s->own[i], err);
  return status ? status : hf_persist_init(s->counter, err);
}

static inline void storm_close(struct storm_store *s) {
  hf_persist_close(s->counter);
  for (unsigned i = 0; i < STORM_OWN; i++) hf_persist_close(s->shared[i]);
  for (unsigned i = 0; i < STORM_WRITERS; i++) hf_persist_close(s->own[i]);
}

/* What a store has, at one moment. */
struct storm_seen {
  int64_t cells[STORM_WRITERS][STORM_TYPES][STORM_IDS];
  uint64_t counter, quarantined;
};

/* Says what is wrong, and is false. */
__attribute__((format(printf, 2, 3))) static inline bool storm_wrong(char why[STORM_WHY], const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(why, STORM_WHY, format, args);
  va_end(args);
  return false;
}

/* Notes one entity: it must be what the step that it names has written. */
static inline bool storm_note(struct storm_seen *seen, unsigned type, const hf_entry *entry, char why[STORM_WHY]) {
  static _Thread_local char json[STORM_JSON_MAX];
  char id_text[64], bytes[32] = "";
  unsigned writer, id;
  unsigned long long number;
  bool damaged = entry->status == HF_CORRUPT;
  snprintf(id_text, sizeof id_text, "%.*s", (int)entry->id.size, entry->id.data);
  snprintf(bytes, sizeof bytes, "%.*s", (int)(entry->json.size < 31 ? entry->json.size : 31), entry->json.data);
  if (sscanf(id_text, "w%u:%u", &writer, &id) != 2 || writer >= STORM_WRITERS || id >= STORM_IDS ||
      sscanf(bytes, damaged ? "?%llu" : "[%llu,", &number) != 1)
    return storm_wrong(why, "a stranger: %s: %s", id_text, bytes);
  struct storm_change c = {.type = type, .id = id};
  hf_slice expected = damaged ? storm_damaged(number, bytes) : storm_json(writer, &c, number, json);
  int64_t *cell = &seen->cells[writer][type][id];
  if (*cell) return storm_wrong(why, "%s is there twice", id_text);
  if (entry->json.size != expected.size || memcmp(entry->json.data, expected.data, expected.size) != 0)
    return storm_wrong(why, "%s is not what step %llu wrote", id_text, number);
  *cell = damaged ? -(int64_t)number : (int64_t)number;
  seen->quarantined += damaged;
  return true;
}

/* Reads a collection, or what is in quarantine of it; in order, and as many as `count` says. */
static inline bool storm_scan(struct storm_seen *seen, hf_persist *p, unsigned type, bool quarantined, bool reverse,
                              char why[STORM_WHY]) {
  hf_error err;
  hf_iter *iter;
  const hf_entry *entry = NULL;
  uint64_t found = 0, count = 0;
  hf_range range = {.reverse = reverse};
  hf_status status =
      quarantined ? hf_persist_quarantined(p, &range, &iter, &err) : hf_iter_open(p, &range, &iter, &err);
  if (!status && !quarantined) status = hf_persist_count(p, &count, &err);
  if (status) return storm_wrong(why, "%s: %s", hf_status_name(status), err.message);
  bool good = true;
  while (good) {
    if ((status = hf_iter_next(iter, &entry, &err)))
      good = storm_wrong(why, "%s: %s (%s)", hf_status_name(status), err.message, err.cause);
    if (!good || !entry) break;
    good = storm_note(seen, type, entry, why);
    found++;
  }
  hf_iter_close(iter);
  if (good && !quarantined && found != count)
    return storm_wrong(why, "count says %llu, and a scan finds %llu", (unsigned long long)count,
                       (unsigned long long)found);
  return good;
}

/* Reads all of the store, in the snapshot that the caller has begun. */
static inline bool storm_read(const struct storm_store *s, bool reverse, struct storm_seen *seen, char why[STORM_WHY]) {
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  memset(seen, 0, sizeof *seen);
  hf_status status = hf_persist_read(s->counter, hf_text("n"), &json, NULL, &err);
  if (!status) seen->counter = strtoull(json.data, NULL, 10);
  hf_buffer_free(&json);
  if (status && status != HF_NOT_FOUND) return storm_wrong(why, "%s: %s", hf_status_name(status), err.message);
  for (unsigned type = 0; type < STORM_TYPES; type++)
    for (unsigned w = 0; w < (type == STORM_OWN ? STORM_WRITERS : 1); w++)
      for (int quarantined = 0; quarantined < 2; quarantined++)
        if (!storm_scan(seen, storm_collection(s, type, w), type, quarantined, reverse, why)) return false;
  return true;
}

/* ---- judging */

/* The model of each writer at a step, kept from one look to the next. */
struct storm_models {
  uint64_t seed, step[STORM_WRITERS];
  struct storm_state at[STORM_WRITERS];
};

/* Which steps of a writer, from `acknowledged` to `begun`, have the state that was seen: the first and last of them,
 * and what they had added to the counter.  False: none has. */
static inline bool storm_match(struct storm_models *m, const struct storm_seen *seen, unsigned writer,
                               uint64_t acknowledged, uint64_t begun, uint64_t *first, uint64_t added[2]) {
  bool found = false;
  for (; m->step[writer] < acknowledged; m->step[writer]++)
    storm_advance(m->seed, writer, &m->at[writer], m->step[writer] + 1);
  struct storm_state state = m->at[writer];
  for (uint64_t step = acknowledged;; storm_advance(m->seed, writer, &state, ++step)) {
    if (memcmp(state.cells, seen->cells[writer], sizeof state.cells) == 0) {
      if (!found) *first = step;
      if (!found) added[0] = state.added;
      added[1] = state.added;
      found = true;
    }
    if (step >= begun) return found;
  }
}

static inline bool storm_judge(struct storm_models *m, const struct storm_seen *seen, const uint64_t *acknowledged,
                               const uint64_t *begun, char why[STORM_WHY]) {
  uint64_t least = 0, most = 0, step;
  for (unsigned w = 0; w < STORM_WRITERS; w++) {
    uint64_t added[2];
    if (!storm_match(m, seen, w, acknowledged[w], begun[w], &step, added))
      return storm_wrong(why, "writer %u acknowledged step %llu and began %llu, and no state in between is there", w,
                         (unsigned long long)acknowledged[w], (unsigned long long)begun[w]);
    least += added[0];
    most += added[1];
  }
  if (seen->counter < least || seen->counter > most)
    return storm_wrong(why, "the counter is %llu, and has been added to %llu to %llu times",
                       (unsigned long long)seen->counter, (unsigned long long)least, (unsigned long long)most);
  return true;
}

#endif
