/* SPDX-License-Identifier: MIT
 *
 * Calls of many threads on the same few ids of a store, each noted before it is made and when it is answered, in memory
 * that outlives the process.  linear.h says whether what was noted can be.
 *
 * Ids are numbers; they lie in TOGETHER_TYPES collections.  Each call writes values of its own: `[value,"aaa..."]`.
 */
#ifndef HF_TESTS_FAULT_LMDB_TOGETHER_H
#define HF_TESTS_FAULT_LMDB_TOGETHER_H

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault/linear.h"
#include "holdfast/holdfast.h"

enum {
  TOGETHER_TYPES = 3,
  TOGETHER_IDS = 3 * LINEAR_PARTS, /* at most */
  TOGETHER_JSON_MAX = 24000,
  TOGETHER_LIVES = 4096
};

enum together_kind {
  TOGETHER_READ,
  TOGETHER_MOMENT, /* several ids, at one moment */
  TOGETHER_READ_MANY,
  TOGETHER_WRITE,
  TOGETHER_WRITE_ABSENT,   /* ifAbsent */
  TOGETHER_WRITE_REVISION, /* ifRevision, of what the thread saw last */
  TOGETHER_REMOVE,
  TOGETHER_REMOVE_REVISION,
  TOGETHER_WRITE_MANY,
  TOGETHER_REMOVE_MANY,
  TOGETHER_CLEAR,
  TOGETHER_TRANSACTION, /* reads ids, and changes them */
  TOGETHER_PARTS,       /* the same by hf_transactions(), a part for each id; those that are to change nothing fail */
  TOGETHER_KINDS
};

/* Threads that lie, in one call of eight: each must be found. */
enum together_plant {
  TOGETHER_HONEST,
  TOGETHER_EARLY,    /* a write is acknowledged before it is made */
  TOGETHER_LOST,     /* one of a batch is not written */
  TOGETHER_TWICE,    /* two writes of an id share a commit */
  TOGETHER_APART,    /* a condition is looked at before the write, and not in it */
  TOGETHER_LEFT,     /* a write whose condition fails is there all the same */
  TOGETHER_HALVES,   /* a batch is two commits */
  TOGETHER_PARTED,   /* transactions that share a commit do not */
  TOGETHER_FORGOTTEN /* a write is acknowledged and never made */
};

/* What is noted of a call.  It has been answered when `ended` is not 0. */
struct together_note {
  _Atomic uint64_t begun, ended;
  uint32_t life; /* of which process */
  uint32_t kind;
  struct linear_call asked, answered; /* what it is to do; what it has done, and seen */
};

/* The memory that the processes share. */
struct together_ledger {
  _Atomic uint64_t clock, count;
  uint64_t room;
  uint32_t ids;
  bool is_small;                           /* values are */
  _Atomic uint64_t deaths[TOGETHER_LIVES]; /* when the process of each life was gone */
  _Atomic bool failed;
  char why[LINEAR_WHY + 2000];
  struct together_note notes[];
};

static inline size_t together_size(uint64_t room) {
  return sizeof(struct together_ledger) + room * sizeof(struct together_note);
}

static inline uint64_t together_tick(struct together_ledger *l) { return atomic_fetch_add(&l->clock, 1) + 1; }

/* splitmix64 */
static inline uint64_t together_random(uint64_t *state) {
  uint64_t z = *state += 0x9E3779B97F4A7C15U;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

/* ---- how it lies in a store */

static inline hf_slice together_name(unsigned type) {
  static const char *const names[TOGETHER_TYPES] = {"signal", "risk", "partial"};
  return hf_text(names[type]);
}

static inline unsigned together_type(uint32_t id) { return id % TOGETHER_TYPES; }

static inline hf_slice together_id(uint32_t id, char out[32]) {
  return (hf_slice){out, (size_t)snprintf(out, 32, "BTC/USDT:%u", id / TOGETHER_TYPES)};
}

/* Mostly some hundred bytes, sometimes more than a page, now and then many of them; `is_small` leaves those out. */
static inline hf_slice together_json(uint32_t value, bool is_small, char out[TOGETHER_JSON_MAX]) {
  uint64_t random = value, kind = together_random(&random) % 64, size = together_random(&random);
  size_t pad = is_small || kind >= 8 ? size % 200 : kind == 0 ? 5000 + size % 15000 : size % 5000;
  int n = snprintf(out, TOGETHER_JSON_MAX, "[%u,\"", value);
  memset(out + n, 'a' + (int)(random % 26), pad);
  memcpy(out + n + pad, "\"]", 3);
  return (hf_slice){out, (size_t)n + pad + 2};
}

/* The value of a text; 0: it is none that was ever written. */
static inline uint32_t together_parse(const char *data, size_t size, bool is_small) {
  static _Thread_local char json[TOGETHER_JSON_MAX], head[32];
  unsigned value;
  snprintf(head, sizeof head, "%.*s", (int)(size < 31 ? size : 31), data);
  if (sscanf(head, "[%u,", &value) != 1 || !value) return 0;
  hf_slice expected = together_json(value, is_small, json);
  return expected.size == size && memcmp(expected.data, data, size) == 0 ? value : 0;
}

static inline hf_status together_open(const char *base, hf_persist *types[TOGETHER_TYPES], hf_error *err) {
  hf_status status = HF_OK;
  for (unsigned i = 0; i < TOGETHER_TYPES; i++) types[i] = NULL;
  for (unsigned i = 0; i < TOGETHER_TYPES && !status; i++)
    status = hf_persist_open(together_name(i), base, NULL, &types[i], err);
  return status;
}

static inline void together_close(hf_persist *types[TOGETHER_TYPES]) {
  for (unsigned i = 0; i < TOGETHER_TYPES; i++) hf_persist_close(types[i]);
}

/* ---- notes */

/* Takes a place in the ledger, whose number gives the call its values.  UINT64_MAX: it is full. */
static inline uint64_t together_place(struct together_ledger *l) {
  uint64_t number = atomic_load(&l->count);
  do
    if (number >= l->room) return UINT64_MAX;
  while (!atomic_compare_exchange_weak(&l->count, &number, number + 1));
  return number;
}

static inline void together_begin(struct together_ledger *l, uint64_t number) {
  atomic_store(&l->notes[number].begun, together_tick(l));
}

static inline void together_end(struct together_ledger *l, uint64_t number) {
  atomic_store(&l->notes[number].ended, together_tick(l));
}

/* A call as the checker takes it: `ended` 0 where it was not answered, which was no later than `death`. */
static inline struct linear_call together_call(const struct together_note *n, uint64_t begun, uint64_t ended,
                                               uint64_t death) {
  struct linear_call c = {.outcome = LINEAR_NOT};
  if (!begun) return c;
  c = ended ? n->answered : n->asked;
  c.begun = begun;
  c.ended = ended ? ended : death;
  if (!ended) c.outcome = LINEAR_OPEN;
  return c;
}

#endif
