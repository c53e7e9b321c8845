/* SPDX-License-Identifier: MIT
 *
 * Small commits of every kind, and a model of what each makes of a store.
 *
 * A scenario is a row of kinds of commits, which comes again and again; a seed chooses ids and sizes.  So step n (1, 2,
 * 3,
 * ...) is determined by scenario, seed and number: commits.c carries it out, and replay.c computes what must be in the
 * store after it.
 */
#ifndef HF_TESTS_FAULT_LMDB_COMMITS_H
#define HF_TESTS_FAULT_LMDB_COMMITS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "holdfast/holdfast.h"

enum { COMMITS_TYPES = 4, COMMITS_IDS = 8, COMMITS_CHANGES_MAX = 8, COMMITS_JSON_MAX = 12000, COMMITS_NOTE_MAX = 32 };

/* The entity names. */
static const char *const commits_types[COMMITS_TYPES] = {"signal", "risk", "schedule", "partial"};

/* What a store has. */
struct commits_state {
  uint32_t wrote[COMMITS_TYPES][COMMITS_IDS];   /* the step that wrote it; 0: there is none */
  uint32_t damaged[COMMITS_TYPES][COMMITS_IDS]; /* 1: it answers that it is corrupt */
  uint32_t note; /* the step that set the setting `note`, and with it format 2; 0: none did */
};

enum commits_kind {
  COMMITS_WRITE,
  COMMITS_BATCH,    /* several of one name */
  COMMITS_REMOVE,   /* the same, removed */
  COMMITS_NAMES,    /* a transaction over all names, which also removes */
  COMMITS_NESTED,   /* a transaction with one in it that commits, and one that is undone */
  COMMITS_CLEAR,    /* all of one name */
  COMMITS_GROW,     /* a batch for which a small map must grow */
  COMMITS_DAMAGE,   /* bytes of a record change on the disk; it is read, and so put into quarantine */
  COMMITS_SETTINGS, /* a setting, which raises the store to format 2 */
  COMMITS_END
};

/* One change of a step; `undone`: it is in the inner transaction that is. */
struct commits_change {
  unsigned type, id;
  bool removes, is_inner, undone;
};

struct commits_step {
  enum commits_kind kind;
  unsigned count;
  struct commits_change changes[COMMITS_CHANGES_MAX];
};

/* What is done, and how chosen. */
struct commits_plan {
  const enum commits_kind *kinds; /* until COMMITS_END */
  bool has_large;                 /* values may be larger than a page */
  uint64_t seed;
};

/* splitmix64 */
static inline uint64_t commits_random(uint64_t *state) {
  uint64_t z = *state += 0x9E3779B97F4A7C15U;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

/* Finds a scenario.  False: there is none of this name. */
static inline bool commits_find(const char *name, uint64_t seed, struct commits_plan *plan) {
  static const enum commits_kind small[] = {COMMITS_WRITE,  COMMITS_NAMES,  COMMITS_BATCH,
                                            COMMITS_NESTED, COMMITS_REMOVE, COMMITS_WRITE,
                                            COMMITS_NESTED, COMMITS_CLEAR,  COMMITS_END};
  static const enum commits_kind large[] = {COMMITS_WRITE, COMMITS_GROW,  COMMITS_REMOVE, COMMITS_NAMES,
                                            COMMITS_BATCH, COMMITS_CLEAR, COMMITS_NESTED, COMMITS_END};
  static const enum commits_kind quarantine[] = {COMMITS_BATCH,  COMMITS_DAMAGE, COMMITS_WRITE, COMMITS_NAMES,
                                                 COMMITS_DAMAGE, COMMITS_REMOVE, COMMITS_BATCH, COMMITS_DAMAGE,
                                                 COMMITS_CLEAR,  COMMITS_END};
  static const enum commits_kind settings[] = {COMMITS_WRITE,    COMMITS_SETTINGS, COMMITS_BATCH, COMMITS_NESTED,
                                               COMMITS_SETTINGS, COMMITS_REMOVE,   COMMITS_END};
  static const struct {
    const char *name;
    const enum commits_kind *kinds;
  } all[] = {{"small", small}, {"large", large}, {"quarantine", quarantine}, {"settings", settings}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (strcmp(name, all[i].name) == 0) {
      *plan = (struct commits_plan){all[i].kinds, all[i].kinds == large, seed};
      return true;
    }
  return false;
}

/* The first entity from a random one on that is there and sound. */
static inline bool commits_pick(const struct commits_state *state, uint64_t from, unsigned *type, unsigned *id) {
  const unsigned all = COMMITS_TYPES * COMMITS_IDS;
  for (unsigned i = 0; i < all; i++) {
    unsigned at = (unsigned)((from + i) % all);
    *type = at / COMMITS_IDS;
    *id = at % COMMITS_IDS;
    if (state->wrote[*type][*id]) return true;
  }
  return false;
}

/* What a step does to a store in this state. */
static inline void commits_make(const struct commits_plan *plan, const struct commits_state *state, uint32_t step,
                                struct commits_step *out) {
  unsigned kinds = 0;
  while (plan->kinds[kinds] != COMMITS_END) kinds++;
  uint64_t random = plan->seed * 7919 + step;
  memset(out, 0, sizeof *out);
  out->kind = plan->kinds[(step - 1) % kinds];
  unsigned type = (unsigned)(commits_random(&random) % COMMITS_TYPES);
  bool is_txn = out->kind == COMMITS_NAMES || out->kind == COMMITS_NESTED;
  out->count = out->kind == COMMITS_SETTINGS || out->kind == COMMITS_CLEAR ? 0
               : out->kind == COMMITS_WRITE || out->kind == COMMITS_DAMAGE ? 1
               : is_txn || out->kind == COMMITS_GROW                       ? COMMITS_CHANGES_MAX
                                                                           : 4;
  for (unsigned i = 0; i < out->count; i++) {
    struct commits_change *c = &out->changes[i];
    c->type = is_txn ? i % COMMITS_TYPES : type;
    c->id = out->kind == COMMITS_GROW ? i : (unsigned)(commits_random(&random) % COMMITS_IDS);
    c->removes = out->kind == COMMITS_REMOVE || (is_txn && commits_random(&random) % 4 == 0);
    c->is_inner = out->kind == COMMITS_NESTED && i >= 3;
    c->undone = out->kind == COMMITS_NESTED && i >= 6;
  }
  if (out->kind == COMMITS_CLEAR) out->changes[0].type = type;
  if (out->kind == COMMITS_DAMAGE &&
      !commits_pick(state, commits_random(&random), &out->changes[0].type, &out->changes[0].id))
    out->count = 0;
}

/* The state after one more step. */
static inline void commits_advance(const struct commits_plan *plan, struct commits_state *state, uint32_t step) {
  struct commits_step s;
  commits_make(plan, state, step, &s);
  if (s.kind == COMMITS_SETTINGS) state->note = step;
  if (s.kind == COMMITS_CLEAR) {
    memset(state->wrote[s.changes[0].type], 0, sizeof state->wrote[0]);
    memset(state->damaged[s.changes[0].type], 0, sizeof state->damaged[0]);
  }
  for (unsigned i = 0; i < s.count; i++) {
    const struct commits_change *c = &s.changes[i];
    if (c->undone) continue;
    state->damaged[c->type][c->id] = s.kind == COMMITS_DAMAGE;
    state->wrote[c->type][c->id] = c->removes || s.kind == COMMITS_DAMAGE ? 0 : step;
  }
}

static inline hf_slice commits_id(unsigned id, char out[32]) {
  return (hf_slice){out, (size_t)snprintf(out, 32, "BTC/USDT:%u", id)};
}

/* What every version of an entity has in it, and no other. */
static inline size_t commits_mark(uint32_t step, unsigned type, unsigned id, char out[64]) {
  return (size_t)snprintf(out, 64, "{\"step\":%u,\"of\":\"%u/%u\"", step, type, id);
}

/* The entity that a step writes. */
static inline hf_slice commits_json(const struct commits_plan *plan, uint32_t step, unsigned type, unsigned id,
                                    char out[COMMITS_JSON_MAX]) {
  uint64_t random = plan->seed * 104729 + step * 1000 + type * COMMITS_IDS + id;
  bool is_large = plan->has_large && commits_random(&random) % 3 == 0;
  size_t pad = is_large ? 4000 + commits_random(&random) % 7000 : commits_random(&random) % 150;
  size_t n = commits_mark(step, type, id, out);
  memcpy(out + n, ",\"pad\":\"", 8);
  memset(out + n + 8, 'a' + (int)(commits_random(&random) % 26), pad);
  memcpy(out + n + 8 + pad, "\"}", 3);
  return (hf_slice){out, n + 8 + pad + 2};
}

/* What a step sets the setting `note` to. */
static inline const char *commits_note(uint32_t step, char out[COMMITS_NOTE_MAX]) {
  snprintf(out, COMMITS_NOTE_MAX, "step %u", step);
  return out;
}

/* The handles of all names. */
struct commits_store {
  hf_persist *types[COMMITS_TYPES];
};

static inline hf_status commits_open(const char *base, struct commits_store *store, hf_error *err) {
  hf_status status = HF_OK;
  memset(store, 0, sizeof *store);
  for (int i = 0; i < COMMITS_TYPES && status == HF_OK; i++) {
    status = hf_persist_open(hf_text(commits_types[i]), base, NULL, &store->types[i], err);
    if (status == HF_OK) status = hf_persist_init(store->types[i], err);
  }
  return status;
}

static inline void commits_close(struct commits_store *store) {
  for (int i = 0; i < COMMITS_TYPES; i++) hf_persist_close(store->types[i]);
}

#endif
