/* SPDX-License-Identifier: MIT
 *
 * What the tests of indexes in LMDB stores share.
 */
#ifndef HF_TESTS_UNIT_LMDB_INDEXES_H
#define HF_TESTS_UNIT_LMDB_INDEXES_H

#include <lmdb.h>

#include "../backends/lmdb/index_build.h"
#include "../backends/lmdb/index_store.h"
#include "../backends/lmdb/readers.h"
#include "../backends/lmdb/record.h"
#include "core/persist.h"
#include "unit/support.h"

static inline hf__lmdb_env *env_of_index(const hf_persist *p) { return p->impl; }

static inline hf_status try_index(hf_persist *p, const char *path, bool unique, hf_error *err) {
  const char *const paths[] = {path};
  return hf_persist_index_create(p, paths, 1, unique, err);
}

static inline void make_index(hf_persist *p, const char *path, bool unique) {
  hf_error err;
  OK(try_index(p, path, unique, &err));
}

static inline void drop_index(hf_persist *p, const char *path) {
  hf_error err;
  const char *const paths[] = {path};
  OK(hf_persist_index_drop(p, paths, 1, &err));
}

/* ---- whether all agree */

struct disagreement {
  char first[400];
};

static inline void note_problem(const hf_index_problem *problem, void *arg) {
  struct disagreement *d = arg;
  if (*d->first) return;
  snprintf(d->first, sizeof d->first, "%s %s: %.*s", problem->index, problem->sentence, (int)problem->id.size,
           problem->id.data);
}

/* What hf_persist_index_check() says first; "" : nothing. */
static inline const char *first_problem(hf_persist *p, bool repair, uint64_t *count) {
  hf_error err;
  struct disagreement d = {""};
  OK(hf_persist_index_check(p, repair, note_problem, &d, count, &err));
  return text_of("%s", d.first);
}

#define assert_agrees(p)                                                                                               \
  do {                                                                                                                 \
    uint64_t agrees_count;                                                                                             \
    const char *agrees_first = first_problem(p, false, &agrees_count);                                                 \
    if (agrees_count || *agrees_first)                                                                                 \
      FAIL_AT(__FILE__, __LINE__, "%d problems: %s", (int)agrees_count, agrees_first);                                 \
  } while (0)

/* ---- walking */

struct walked {
  char ids[4000]; /* "a b c" */
  size_t count, most;
  char last[600]; /* the last position */
  size_t last_size;
};

static inline bool note_entry(hf_slice position, hf_slice order, void *arg) {
  struct walked *w = arg;
  hf_slice id = hf__lmdb_order_id(order);
  size_t n = strlen(w->ids);
  snprintf(w->ids + n, sizeof w->ids - n, "%s%.*s", n ? " " : "", (int)id.size, id.data);
  memcpy(w->last, position.data, position.size);
  w->last_size = position.size;
  return ++w->count != w->most;
}

/* Calls index_each of the backend for the index at a place of the set. */
static inline hf_status walk_index(hf_persist *p, void *txn, size_t place, const hf_index_walk *walk, struct walked *w,
                                   hf_error *err) {
  hf_index_set *set;
  hf_status status = p->backend->index_set(p->impl, txn, p->collection, &set, err);
  if (status || !set) return status ? status : HF_NOT_FOUND;
  status = p->backend->index_each(p->impl, txn, p->collection, hf_index_set_at(set, place), walk, note_entry, w, err);
  hf_index_set_free(set);
  return status;
}

/* The ids of all entries, in the order of the index. */
static inline const char *ids_in_order(hf_persist *p, void *txn, size_t place, bool reverse) {
  hf_error err;
  static struct walked w;
  const hf_index_range every = {{NULL, 0}, {NULL, 0}};
  w = (struct walked){.most = 0};
  OK(walk_index(p, txn, place, &(hf_index_walk){.ranges = &every, .count = 1, .reverse = reverse}, &w, &err));
  return w.ids;
}

/* ---- faults */

/* What an entity of this text has in the first index; its number. */
static inline hf_index_value value_in(hf_persist *p, const char *json, uint32_t *number) {
  hf_error err;
  hf_index_set *set;
  hf_index_value values[HF_INDEXES_MAX];
  OK(p->backend->index_set(p->impl, NULL, p->collection, &set, &err));
  hf_index_values(set, hf_text(json), values);
  *number = hf_index_set_at(set, 0)->number;
  hf_index_set_free(set);
  return values[0];
}

static inline hf_index_value value_of(hf_persist *p, const char *json) {
  uint32_t unused;
  return value_in(p, json, &unused);
}

/* Puts bytes into a collection of LMDB's, past everybody; value NULL: deletes the key. */
static inline void plant_in(hf_persist *p, hf__lmdb_collection *collection, MDB_val key, MDB_val *value) {
  hf_error err;
  hf_txn *txn;
  void *t;
  MDB_txn *mdb;
  MDB_dbi dbi;
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  OK(hf__persist_enter(p, true, &t, &err));
  OK(hf__lmdb_read_collection(env_of_index(p), t, collection, &mdb, &dbi, &err));
  assert_int_equal(value ? mdb_put(mdb, dbi, &key, value, 0) : mdb_del(mdb, dbi, &key, NULL), 0);
  ((hf__lmdb_txn *)t)->changed = true;
  OK(hf_txn_commit(txn, &err));
}

/* The same among the entries. */
static inline void plant_bytes(hf_persist *p, MDB_val key, MDB_val *value) {
  plant_in(p, env_of_index(p)->index, key, value);
}

/* A key that is not the one of its id: a sort code of this size, all of one byte, and the id. */
static inline hf_slice bad_key(const char *id, size_t code) {
  static char bytes[511];
  memset(bytes, 'x', code);
  bytes[code] = '\0';
  memcpy(bytes + code + 1, id, strlen(id));
  return (hf_slice){bytes, code + 1 + strlen(id)};
}

/* Has the record of an id, good as such, stand under a key that is not its own; its entries stay. */
static inline void misplace(hf_persist *p, const char *id, const char *json, hf_slice key) {
  unsigned char order[HF_ORDER_KEY_MAX];
  char record[RECORD_HEADER + 200];
  hf__lmdb_record_write(record, hf_text(id), hf_text(json), &(hf_info){.revision = 1, .updated_at = 1});
  plant_in(p, p->collection, (MDB_val){hf_order_key(hf_text(id), order), order}, NULL);
  plant_in(p, p->collection, (MDB_val){key.size, (void *)(uintptr_t)key.data},
           &(MDB_val){RECORD_HEADER + strlen(json), record});
}

/* Verifies all, which puts aside what is damaged; and ends where a key is too long to go on after it. */
static inline void verify_all(const struct store *s) {
  hf_error err;
  hf_store *store;
  hf_verify_report report;
  OK(hf_store_open(s->base, NULL, &store, &err));
  hf_status status = hf_store_verify(store, (hf_slice){NULL, 0}, false, NULL, NULL, &report, &err);
  assert_true(status == HF_OK || status == HF_CORRUPT);
  hf_store_close(store);
}

/* The entry in the first index of an id, with what an entity of this text has. */
static inline hf__lmdb_entry *entry_of(hf_persist *p, const char *id, const char *json) {
  static hf__lmdb_entry e;
  unsigned char bytes[HF_ORDER_KEY_MAX];
  uint32_t number;
  hf_index_value value = value_in(p, json, &number);
  hf_slice order = {(const char *)bytes, hf_order_key(hf_text(id), bytes)};
  hf__lmdb_entry_make(&e, number, (hf_slice){(const char *)value.bytes, value.size}, order);
  return &e;
}

static inline void plant(hf_persist *p, const char *id, const char *json, bool deletes) {
  hf__lmdb_entry *e = entry_of(p, id, json);
  plant_bytes(p, e->key, deletes ? NULL : &e->value);
}

#endif
