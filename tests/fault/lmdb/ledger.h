/* SPDX-License-Identifier: MIT
 *
 * The workload of the crash tests, and a model of it.
 *
 * Step n (1, 2, 3, ...) is one commit, fully determined by its number: a single
 * write, a batch, the removal of some entities, or a transaction over both entity
 * types.  So what a store must contain after n steps can be computed, and a store
 * found after a crash is judged as a whole: it has to equal the model after the last
 * acknowledged step, or after the one that was being carried out; nothing in between
 * (half a transaction), nothing older (a lost commit), nothing else.
 */
#ifndef HF_TESTS_FAULT_LEDGER_H
#define HF_TESTS_FAULT_LEDGER_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "holdfast/holdfast.h"

enum { LEDGER_TYPES = 2, LEDGER_IDS = 120, LEDGER_CHANGES_MAX = 8, LEDGER_JSON_MAX = 10000 };

/* A store opened for the workload. */
struct ledger {
  hf_persist *types[LEDGER_TYPES];
};

/* Which step wrote each entity; 0: there is none. */
struct ledger_state {
  uint64_t wrote[LEDGER_TYPES][LEDGER_IDS];
};

enum ledger_kind { LEDGER_WRITE, LEDGER_WRITE_MANY, LEDGER_REMOVE_MANY, LEDGER_TRANSACTION };

struct ledger_step {
  enum ledger_kind kind;
  size_t count;
  struct {
    unsigned type, id;
    bool removes;
  } changes[LEDGER_CHANGES_MAX];
};

/* splitmix64 */
static inline uint64_t ledger_random(uint64_t *state) {
  uint64_t z = *state += 0x9E3779B97F4A7C15U;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

static inline void ledger_plan(uint64_t step, struct ledger_step *plan) {
  static const enum ledger_kind kinds[] = {LEDGER_WRITE,       LEDGER_WRITE,       LEDGER_WRITE_MANY,
                                           LEDGER_REMOVE_MANY, LEDGER_TRANSACTION, LEDGER_TRANSACTION};
  uint64_t random = step;
  plan->kind = kinds[ledger_random(&random) % (sizeof kinds / sizeof *kinds)];
  plan->count = plan->kind == LEDGER_WRITE ? 1 : 4 + ledger_random(&random) % (LEDGER_CHANGES_MAX - 3);
  unsigned type = (unsigned)(ledger_random(&random) % LEDGER_TYPES);
  for (size_t i = 0; i < plan->count; i++) {
    plan->changes[i].type = plan->kind == LEDGER_TRANSACTION ? (unsigned)(i % LEDGER_TYPES) : type;
    plan->changes[i].id = (unsigned)(ledger_random(&random) % LEDGER_IDS);
    plan->changes[i].removes =
        plan->kind == LEDGER_REMOVE_MANY || (plan->kind == LEDGER_TRANSACTION && ledger_random(&random) % 4 == 0);
  }
}

/* The state after one more step. */
static inline void ledger_advance(struct ledger_state *state, uint64_t step) {
  struct ledger_step plan;
  ledger_plan(step, &plan);
  for (size_t i = 0; i < plan.count; i++)
    state->wrote[plan.changes[i].type][plan.changes[i].id] = plan.changes[i].removes ? 0 : step;
}

static inline hf_slice ledger_id(unsigned id, char out[32]) {
  return (hf_slice){out, (size_t)snprintf(out, 32, "BTC/USDT:%u", id)};
}

/* The entity that a step writes: mostly a few hundred bytes, sometimes more than a page. */
static inline hf_slice ledger_json(uint64_t step, unsigned type, unsigned id, char out[LEDGER_JSON_MAX]) {
  uint64_t random = step * 1000 + id * LEDGER_TYPES + type;
  size_t pad = ledger_random(&random) % (ledger_random(&random) % 20 ? 300 : 9000);
  int n = snprintf(out, 100, "{\"step\":%llu,\"pad\":\"", (unsigned long long)step);
  memset(out + n, 'a' + (int)(ledger_random(&random) % 26), pad);
  memcpy(out + n + pad, "\"}", 3);
  return (hf_slice){out, (size_t)n + pad + 2};
}

static inline hf_status ledger_open(const char *base, struct ledger *ledger, hf_error *err) {
  static const char *const names[LEDGER_TYPES] = {"signal", "risk"};
  memset(ledger, 0, sizeof *ledger);
  hf_status status = HF_OK;
  for (int i = 0; i < LEDGER_TYPES && status == HF_OK; i++) {
    status = hf_persist_open(hf_text(names[i]), base, NULL, &ledger->types[i], err);
    if (status == HF_OK) status = hf_persist_init(ledger->types[i], err);
  }
  return status;
}

static inline void ledger_close(struct ledger *ledger) {
  for (int i = 0; i < LEDGER_TYPES; i++) hf_persist_close(ledger->types[i]);
}

static inline hf_status ledger_change_all(struct ledger *ledger, uint64_t step, const struct ledger_step *plan,
                                          hf_error *err) {
  hf_status status = HF_OK;
  for (size_t i = 0; i < plan->count && status == HF_OK; i++) {
    char id[32], json[LEDGER_JSON_MAX];
    unsigned type = plan->changes[i].type;
    hf_slice key = ledger_id(plan->changes[i].id, id);
    if (plan->changes[i].removes)
      status = hf_persist_remove_many(ledger->types[type], &key, 1, NULL, err);
    else
      status = hf_persist_write(ledger->types[type], key, ledger_json(step, type, plan->changes[i].id, json), NULL,
                                NULL, err);
  }
  return status;
}

/* Carries out a step. */
static inline hf_status ledger_commit(struct ledger *ledger, uint64_t step, hf_error *err) {
  struct ledger_step plan;
  ledger_plan(step, &plan);
  if (plan.kind == LEDGER_WRITE) return ledger_change_all(ledger, step, &plan, err);
  if (plan.kind == LEDGER_TRANSACTION) {
    hf_txn *txn;
    hf_status status = hf_txn_begin(HF_TXN_WRITE, &txn, err);
    if (status) return status;
    status = ledger_change_all(ledger, step, &plan, err);
    if (status) {
      hf_txn_abort(txn);
      return status;
    }
    return hf_txn_commit(txn, err);
  }
  static char ids[LEDGER_CHANGES_MAX][32], jsons[LEDGER_CHANGES_MAX][LEDGER_JSON_MAX];
  hf_item items[LEDGER_CHANGES_MAX];
  hf_slice keys[LEDGER_CHANGES_MAX];
  unsigned type = plan.changes[0].type;
  for (size_t i = 0; i < plan.count; i++) {
    keys[i] = ledger_id(plan.changes[i].id, ids[i]);
    items[i] = (hf_item){.id = keys[i], .json = ledger_json(step, type, plan.changes[i].id, jsons[i])};
  }
  return plan.kind == LEDGER_REMOVE_MANY ? hf_persist_remove_many(ledger->types[type], keys, plan.count, NULL, err)
                                         : hf_persist_write_many(ledger->types[type], items, plan.count, err);
}

/* Says what is wrong, and is false. */
__attribute__((format(printf, 3, 4))) static inline bool ledger_wrong(char *why, size_t size, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(why, size, format, args);
  va_end(args);
  return false;
}

/* Reads one collection whole; every entity must be one that the step it names has written. */
static inline bool ledger_read_type(hf_persist *p, unsigned type, uint64_t wrote[LEDGER_IDS], char *why, size_t size) {
  hf_error err;
  hf_iter *iter;
  const hf_entry *entry;
  if (hf_iter_open(p, NULL, &iter, &err)) return ledger_wrong(why, size, "cannot iterate: %s", err.message);
  bool good = true;
  while (good) {
    unsigned id;
    unsigned long long step;
    char text[HF_ID_MAX + 1], json[LEDGER_JSON_MAX];
    if (hf_iter_next(iter, &entry, &err)) {
      good = ledger_wrong(why, size, "cannot read on: %s %s (%s)", hf_status_name(err.status), err.message, err.cause);
      break;
    }
    if (!entry) break;
    snprintf(text, sizeof text, "%.*s", (int)entry->id.size, entry->id.data);
    if (sscanf(text, "BTC/USDT:%u", &id) != 1 || id >= LEDGER_IDS ||
        sscanf(entry->json.data, "{\"step\":%llu,", &step) != 1) {
      good = ledger_wrong(why, size, "a stranger: %s", text);
      break;
    }
    hf_slice expected = ledger_json(step, type, id, json);
    if (wrote[id])
      good = ledger_wrong(why, size, "%s is there twice", text);
    else if (entry->json.size != expected.size || memcmp(entry->json.data, expected.data, expected.size) != 0)
      good = ledger_wrong(why, size, "%s is not what step %llu wrote", text, step);
    wrote[id] = step;
  }
  hf_iter_close(iter);
  return good;
}

/* Whether the store's content is that after one of the steps from `acknowledged` to `begun`, and which. */
static inline bool ledger_judge(struct ledger *ledger, uint64_t acknowledged, uint64_t begun, uint64_t *found,
                                char *why, size_t size) {
  struct ledger_state is = {{{0}}}, model = {{{0}}};
  for (unsigned type = 0; type < LEDGER_TYPES; type++)
    if (!ledger_read_type(ledger->types[type], type, is.wrote[type], why, size)) return false;
  for (uint64_t step = 1; step <= acknowledged; step++) ledger_advance(&model, step);
  for (*found = acknowledged; *found <= begun; ledger_advance(&model, ++*found))
    if (memcmp(&is, &model, sizeof is) == 0) return true;
  uint64_t newest = 0;
  for (size_t i = 0; i < sizeof is.wrote / sizeof is.wrote[0][0]; i++)
    if ((&is.wrote[0][0])[i] > newest) newest = (&is.wrote[0][0])[i];
  return ledger_wrong(why, size, "newest step found %llu, acknowledged %llu, begun %llu, and no state in between fits",
                      (unsigned long long)newest, (unsigned long long)acknowledged, (unsigned long long)begun);
}

static inline bool ledger_probe(const char *base, char *why, size_t size) {
  hf_error err;
  hf_persist *p = NULL;
  hf_buffer json = HF_BUFFER_INIT;
  hf_status status = hf_persist_open(hf_text("probe"), base, NULL, &p, &err);
  if (!status) status = hf_persist_write(p, hf_text("probe"), hf_text("[\"written\"]"), NULL, NULL, &err);
  if (!status) status = hf_persist_read(p, hf_text("probe"), &json, NULL, &err);
  if (!status) status = hf_persist_remove(p, hf_text("probe"), &err);
  bool good = !status && json.size == 11;
  if (!good) ledger_wrong(why, size, "cannot write: %s %s (%s)", hf_status_name(err.status), err.message, err.cause);
  hf_buffer_free(&json);
  hf_persist_close(p);
  return good;
}

static inline bool ledger_verify(const char *base, char *why, size_t size) {
  hf_error err;
  hf_store *store;
  hf_verify_report report;
  if (hf_store_open(base, NULL, &store, &err)) return ledger_wrong(why, size, "cannot open: %s", err.message);
  hf_status status = hf_store_verify(store, (hf_slice){NULL, 0}, true, NULL, NULL, &report, &err);
  hf_store_close(store);
  if (status) return ledger_wrong(why, size, "cannot verify: %s", err.message);
  if (report.corrupt || report.quarantined) return ledger_wrong(why, size, "verify finds damage");
  return true;
}

/* Everything that a store must fulfil after a crash: it opens, is judged well, verifies clean, and can be written to.
 */
static inline bool ledger_check(const char *base, uint64_t acknowledged, uint64_t begun, uint64_t *found, char *why,
                                size_t size) {
  struct ledger ledger;
  hf_error err;
  bool good;
  if (ledger_open(base, &ledger, &err))
    good = ledger_wrong(why, size, "cannot open: %s %s (%s)", hf_status_name(err.status), err.message, err.cause);
  else
    good = ledger_judge(&ledger, acknowledged, begun, found, why, size) && ledger_verify(base, why, size) &&
           ledger_probe(base, why, size);
  ledger_close(&ledger);
  return good;
}

#endif
