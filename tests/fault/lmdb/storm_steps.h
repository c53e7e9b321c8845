/* SPDX-License-Identifier: MIT
 *
 * The steps of storm.h, carried out by a thread of its own handles.
 */
#ifndef HF_TESTS_FAULT_STORM_STEPS_H
#define HF_TESTS_FAULT_STORM_STEPS_H

#include "fault/lmdb/storm.h"

/* Who carries them out. */
struct storm_writer {
  unsigned number;
  struct storm_store store;
  struct storm_state state; /* after the steps that were carried out */
  bool split;               /* a fault that is to be found: transactions are none */
};

static inline hf_status storm_change(struct storm_writer *w, uint64_t number, const struct storm_change *c,
                                     hf_error *err) {
  static _Thread_local char json[STORM_JSON_MAX];
  char text[32];
  hf_persist *p = storm_collection(&w->store, c->type, w->number);
  hf_slice id = storm_id(w->number, c->id, text);
  if (!c->removes) return hf_persist_write(p, id, storm_json(w->number, c, number, json), NULL, NULL, err);
  hf_status status = hf_persist_remove(p, id, err);
  return status == HF_NOT_FOUND ? HF_OK : status;
}

static inline hf_status storm_change_group(struct storm_writer *w, uint64_t number, const struct storm_step *plan,
                                           unsigned group, hf_error *err) {
  hf_status status = HF_OK;
  for (size_t i = 0; i < plan->count && !status; i++)
    if (plan->changes[i].group == group) status = storm_change(w, number, &plan->changes[i], err);
  return status;
}

static inline hf_status storm_add_one(struct storm_writer *w, hf_error *err) {
  char text[32];
  hf_buffer json = HF_BUFFER_INIT;
  hf_status status = hf_persist_read(w->store.counter, hf_text("n"), &json, NULL, err);
  uint64_t n = status ? 0 : strtoull(json.data, NULL, 10);
  hf_buffer_free(&json);
  if (status && status != HF_NOT_FOUND) return status;
  snprintf(text, sizeof text, "%llu", (unsigned long long)n + 1);
  return hf_persist_write(w->store.counter, hf_text("n"), hf_text(text), NULL, NULL, err);
}

static inline hf_status storm_nest(struct storm_writer *w, uint64_t number, const struct storm_step *plan,
                                   unsigned group, hf_error *err) {
  hf_txn *inner;
  hf_status status = hf_txn_begin(HF_TXN_WRITE, &inner, err);
  if (status) return status;
  status = storm_change_group(w, number, plan, group, err);
  if (status || group == 2) {
    hf_txn_abort(inner);
    return status;
  }
  return hf_txn_commit(inner, err);
}

static inline hf_status storm_put_aside(struct storm_writer *w, uint64_t number, const struct storm_step *plan,
                                        hf_error *err) {
  hf_status status = HF_OK;
  for (size_t i = 0; i < plan->count && !status; i++) {
    char id[32], bytes[32];
    struct storm_change c = plan->changes[i];
    hf_persist *p = storm_collection(&w->store, c.type, w->number);
    c.removes = true;
    status = storm_change(w, number, &c, err);
    if (!status)
      status = hf_persist_quarantine(p, storm_id(w->number, c.id, id), "a storm", storm_damaged(number, bytes), err);
  }
  return status;
}

static inline hf_status storm_in_transaction(struct storm_writer *w, uint64_t number, const struct storm_step *plan,
                                             hf_error *err) {
  hf_txn *txn = NULL;
  hf_status status = w->split ? HF_OK : hf_txn_begin(HF_TXN_WRITE, &txn, err);
  if (status) return status;
  status = plan->kind == STORM_QUARANTINE ? storm_put_aside(w, number, plan, err)
                                          : storm_change_group(w, number, plan, 0, err);
  for (unsigned group = 1; group < 3 && plan->kind == STORM_NESTED && !status; group++)
    status = storm_nest(w, number, plan, group, err);
  if (!status && storm_counts(plan->kind)) status = storm_add_one(w, err);
  if (txn && status) hf_txn_abort(txn);
  return !txn || status ? status : hf_txn_commit(txn, err);
}

/* With the condition that the model says holds. */
static inline hf_status storm_write_if(struct storm_writer *w, uint64_t number, const struct storm_change *c,
                                       hf_error *err) {
  static _Thread_local char json[STORM_JSON_MAX];
  char text[32];
  hf_buffer before = HF_BUFFER_INIT;
  hf_info info = {0};
  int64_t cell = w->state.cells[c->type][c->id];
  hf_persist *p = storm_collection(&w->store, c->type, w->number);
  hf_slice id = storm_id(w->number, c->id, text);
  hf_write_options options = HF_WRITE_OPTIONS_INIT;
  hf_status status = cell > 0 ? hf_persist_read(p, id, &before, &info, err) : HF_OK;
  hf_buffer_free(&before);
  if (status) return status;
  options.if_absent = cell == 0;
  options.if_revision = cell > 0;
  options.revision = info.revision;
  return hf_persist_write(p, id, storm_json(w->number, c, number, json), &options, NULL, err);
}

static inline hf_status storm_in_batch(struct storm_writer *w, uint64_t number, const struct storm_step *plan,
                                       hf_error *err) {
  static _Thread_local char ids[STORM_CHANGES][32], jsons[STORM_CHANGES][STORM_JSON_MAX];
  hf_item items[STORM_CHANGES];
  hf_slice keys[STORM_CHANGES];
  hf_persist *p = storm_collection(&w->store, plan->changes[0].type, w->number);
  for (size_t i = 0; i < plan->count; i++) {
    const struct storm_change *c = &plan->changes[i];
    keys[i] = storm_id(w->number, c->id, ids[i]);
    items[i] = (hf_item){.id = keys[i], .json = storm_json(w->number, c, number, jsons[i])};
  }
  return plan->kind == STORM_REMOVE_MANY ? hf_persist_remove_many(p, keys, plan->count, NULL, err)
                                         : hf_persist_write_many(p, items, plan->count, err);
}

/* What remove says is what the model says of the id. */
static inline hf_status storm_remove_one(struct storm_writer *w, const struct storm_change *c, hf_error *err) {
  char text[32];
  bool present = w->state.cells[c->type][c->id] != 0;
  hf_persist *p = storm_collection(&w->store, c->type, w->number);
  hf_status status = hf_persist_remove(p, storm_id(w->number, c->id, text), err);
  if (status && status != HF_NOT_FOUND) return status;
  if (present == (status == HF_OK)) return HF_OK;
  snprintf(err->message, sizeof err->message, "remove of %s: %s", text, hf_status_name(status));
  err->cause[0] = 0;
  return err->status = HF_IO;
}

/* Carries out a step.  What fails has changed nothing, and may be done again. */
static inline hf_status storm_carry_out(struct storm_writer *w, uint64_t number, const struct storm_step *plan,
                                        hf_error *err) {
  switch (plan->kind) {
  case STORM_WRITE: return storm_change(w, number, &plan->changes[0], err);
  case STORM_WRITE_IF: return storm_write_if(w, number, &plan->changes[0], err);
  case STORM_REMOVE: return storm_remove_one(w, &plan->changes[0], err);
  case STORM_REMOVE_ALL: return hf_persist_remove_all(w->store.own[w->number], err);
  case STORM_WRITE_MANY:
  case STORM_REMOVE_MANY: return storm_in_batch(w, number, plan, err);
  default: return storm_in_transaction(w, number, plan, err);
  }
}

#endif
