/* SPDX-License-Identifier: MIT
 *
 * Random work for test_replay.c, done in the store and in the model alike.
 */
#ifndef HF_TESTS_UNIT_CORE_REPLAY_WORK_H
#define HF_TESTS_UNIT_CORE_REPLAY_WORK_H

#include "unit/core/replay.h"

enum { BATCH_MAX = 9, NESTED_MAX = 3 };

/* ---- one operation */

static inline int64_t replay_expiry(struct model *m) {
  return m->has_ttl && replay_random(m, 4) == 0 ? hf_now_ms() + 1 + (int64_t)replay_random(m, 400000) : 0;
}

static inline void replay_write(struct model *m) {
  hf_error err;
  unsigned name = replay_random(m, NAMES), id = replay_random(m, IDS);
  const struct cell *c = &m->now.cells[name][id];
  bool is_there = replay_is_living(c, hf_now_ms());
  hf_write_options o = HF_WRITE_OPTIONS_INIT;
  o.if_absent = replay_random(m, 6) == 0;
  o.expires_at = replay_expiry(m);
  hf_slice text = hf_text(replay_text(m->serial + 1));
  hf_status status = hf_persist_write(m->handles[name], replay_id(id), text, &o, NULL, &err);
  if (o.if_absent && is_there) {
    assert_int_equal(status, HF_CONFLICT);
    return;
  }
  OK(status);
  replay_written(m, name, id, ++m->serial, o.expires_at);
}

static int replay_compare_ids(const void *a, const void *b) {
  hf__key x, y;
  hf_error err;
  OK(hf__key_init(hf_text("x"), replay_id(*(const unsigned *)a), &x, &err));
  OK(hf__key_init(hf_text("x"), replay_id(*(const unsigned *)b), &y, &err));
  return hf__order_compare(x.key.order, y.key.order);
}

/* Some ids, in natural order, each once. */
static inline size_t replay_choose(struct model *m, unsigned ids[BATCH_MAX]) {
  size_t n = 0, wanted = 1 + replay_random(m, BATCH_MAX);
  for (size_t i = 0; i < wanted; i++) {
    unsigned id = replay_random(m, IDS);
    bool is_new = true;
    for (size_t k = 0; k < n; k++) is_new &= ids[k] != id;
    if (is_new) ids[n++] = id;
  }
  qsort(ids, n, sizeof *ids, replay_compare_ids);
  return n;
}

static inline void replay_write_many(struct model *m) {
  hf_error err;
  unsigned ids[BATCH_MAX], name = replay_random(m, NAMES);
  char *texts[BATCH_MAX];
  hf_item items[BATCH_MAX];
  size_t n = replay_choose(m, ids);
  for (size_t i = 0; i < n; i++) {
    texts[i] = strdup(replay_text(m->serial + 1 + (uint32_t)i));
    items[i] = (hf_item){.id = replay_id(ids[i]), .json = hf_text(texts[i])};
  }
  OK(hf_persist_write_many(m->handles[name], items, n, &err));
  for (size_t i = 0; i < n; i++) {
    replay_written(m, name, ids[i], ++m->serial, 0);
    free(texts[i]);
  }
}

/* Removes what is there from the model; whether it was there. */
static inline bool replay_removed(struct model *m, unsigned name, unsigned id) {
  struct cell *c = &m->now.cells[name][id];
  if (!replay_is_living(c, hf_now_ms())) return false;
  replay_event(m, name, id, HF_CHANGE_REMOVE, false);
  *c = (struct cell){0};
  return true;
}

static inline void replay_remove(struct model *m) {
  hf_error err;
  unsigned name = replay_random(m, NAMES), id = replay_random(m, IDS);
  hf_status status = hf_persist_remove(m->handles[name], replay_id(id), &err);
  assert_int_equal(status, replay_removed(m, name, id) ? HF_OK : HF_NOT_FOUND);
}

static inline void replay_remove_many(struct model *m) {
  hf_error err;
  unsigned ids[BATCH_MAX], name = replay_random(m, NAMES);
  hf_slice slices[BATCH_MAX];
  uint64_t removed, expected = 0;
  size_t n = replay_choose(m, ids);
  for (size_t i = 0; i < n; i++) slices[i] = replay_id(ids[i]);
  OK(hf_persist_remove_many(m->handles[name], slices, n, &removed, &err));
  for (size_t i = 0; i < n; i++) expected += replay_removed(m, name, ids[i]);
  assert_int_equal(removed, expected);
}

static inline void replay_clear(struct model *m) {
  hf_error err;
  unsigned name = replay_random(m, NAMES), there = 0, living = 0;
  for (unsigned i = 0; i < IDS; i++) {
    there += m->now.cells[name][i].serial != 0;
    living += replay_is_living(&m->now.cells[name][i], hf_now_ms());
  }
  OK(hf_persist_remove_all(m->handles[name], &err));
  if (there) replay_event(m, name, 0, HF_CHANGE_CLEAR, living == 0);
  memset(m->now.cells[name], 0, sizeof m->now.cells[name]);
}

static inline void replay_operation(struct model *m) {
  unsigned what = replay_random(m, 20);
  if (what < 11)
    replay_write(m);
  else if (what < 14)
    replay_remove(m);
  else if (what < 17)
    replay_write_many(m);
  else if (what < 19)
    replay_remove_many(m);
  else
    replay_clear(m);
}

/* ---- transactions */

static inline void replay_transaction(struct model *m, int depth) {
  hf_error err;
  hf_txn *txn;
  struct state before = m->now;
  size_t pending = m->pending_count;
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  for (unsigned n = replay_random(m, 7); n; n--)
    if (depth < NESTED_MAX && replay_random(m, 4) == 0)
      replay_transaction(m, depth + 1);
    else
      replay_operation(m);
  if (replay_random(m, 3)) {
    OK(hf_txn_commit(txn, &err));
    return;
  }
  hf_txn_abort(txn);
  m->now = before;
  m->pending_count = pending;
}

/* ---- settings, clocks, handles */

/* history  also the log without it, which is told apart from none by `changes` */
static inline void replay_set(struct model *m, const char *changes, bool history) {
  hf_error err;
  const hf_setting_value values[] = {{.name = "changes", .value = changes},
                                     {.name = "history", .value = history ? "true" : "false"}};
  bool was_on = m->log_from != UINT64_MAX, had_history = m->history_from != UINT64_MAX;
  hf_changes_kept kept = {0, 0};
  OK(hf_store_settings_set(m->handles[0]->store, values, 2, &err));
  bool is_on = hf_changes_kept_parse(hf_text(changes), &kept);
  m->keeps = kept.revisions;
  m->age = kept.age;
  replay_commit(m);
  if (!is_on)
    m->log_from = UINT64_MAX;
  else if (!was_on)
    m->log_from = replay_revision(m) + 1;
  if (!history)
    m->history_from = UINT64_MAX;
  else if (!had_history)
    m->history_from = replay_revision(m) + 1;
}

static inline void replay_change_settings(struct model *m) {
  switch (replay_random(m, 6)) {
  case 0: replay_set(m, "off", false); break;
  case 1: replay_set(m, text_of("%u", 1 + replay_random(m, 30)), false); break;
  case 2: replay_set(m, "5m", true); break;
  default: replay_set(m, text_of("%u", 1 + replay_random(m, 40)), true);
  }
}

/* Mostly a little on, sometimes the wall clock back, by less than the margin after which what has expired goes. */
static inline void replay_tick(struct model *m) {
  if (replay_random(m, 10) == 0)
    replay_apart = -(int64_t)replay_random(m, HF__CLOCKS_APART_MS / 2);
  else
    replay_ahead += replay_random(m, replay_random(m, 20) ? 20000 : 400000);
}

static inline void replay_open(struct model *m) {
  hf_error err;
  for (unsigned i = 0; i < NAMES; i++) {
    m->handles[i] = open_persist(m->store, replay_names[i]);
    OK(hf_persist_init(m->handles[i], &err));
  }
}

static inline void replay_close(struct model *m) {
  for (unsigned i = 0; i < NAMES; i++) hf_persist_close(m->handles[i]);
}

static inline void replay_free(struct model *m) {
  replay_close(m);
  free(m->moments);
  free(m->events);
  free(m);
}

/* A commit, or none. */
static inline void replay_step(struct model *m) {
  if (replay_random(m, 3) == 0) replay_tick(m);
  if (replay_random(m, 3))
    replay_operation(m);
  else
    replay_transaction(m, 0);
  replay_commit(m);
}

#endif
