/* SPDX-License-Identifier: MIT
 *
 * Comparing an index with the entities: see index_check.h.  First each entity is looked up in the index.  An entry that
 * is not of an entity can only be there if there are more entries than were found, so only then are they looked at, one
 * by one.  An index that is not built yet has no entry too many, and may lack any.  Two of which a unique one should
 * have one lie side by side.
 */
#include "index_check.h"

#include <string.h>

#include "bytes.h"
#include "expiry_store.h"
#include "index_defs.h"
#include "index_store.h"
#include "quarantine.h"
#include "readers.h"
#include "record.h"
#include "snapshot.h"

struct checking {
  hf__lmdb_env *env;
  hf__lmdb_collection *collection;
  MDB_txn *txn;
  MDB_dbi records, dbi;
  const hf_index_set *set; /* with the index alone */
  const hf_index *index;
  hf_index_problem_fn *fn;
  void *arg;
  uint64_t found; /* entries that belong to an entity */
};

static void tell(const struct checking *c, hf_slice id, const char *sentence) {
  c->fn(&(hf_index_problem){.index = c->index->name.data, .id = id, .sentence = sentence}, c->arg);
}

static void make_entry(const struct checking *c, hf_slice text, hf_slice order, hf__lmdb_entry *e) {
  hf_index_value values[HF_INDEXES_MAX];
  hf_index_values(c->set, text, values);
  hf__lmdb_entry_make(e, c->index->number, (hf_slice){(const char *)values[0].bytes, values[0].size}, order);
}

static bool is_same(const MDB_val *a, const MDB_val *b) {
  return a->mv_size == b->mv_size && memcmp(a->mv_data, b->mv_data, a->mv_size) == 0;
}

/* Each entity has its entry.  LMDB's result. */
static int check_entities(struct checking *c) {
  MDB_cursor *cursor;
  MDB_val k, v;
  int rc = mdb_cursor_open(c->txn, c->records, &cursor);
  if (rc) return rc;
  while ((rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
    hf_slice text, id = hf__lmdb_record_id(&k, &v);
    hf_info unused;
    hf__lmdb_entry e;
    MDB_val stored;
    if (!hf__lmdb_record_key_is_sound(&k, id)) continue;        /* nobody looks for its entry by this key */
    if (hf__lmdb_record_read(&v, id, &text, &unused)) continue; /* damaged: what it has is not known */
    make_entry(c, text, (hf_slice){k.mv_data, k.mv_size}, &e);
    rc = c->dbi ? mdb_get(c->txn, c->dbi, &e.key, &stored) : MDB_NOTFOUND; /* the database may be missing */
    if (rc && rc != MDB_NOTFOUND) break;
    bool has = rc == 0 && is_same(&stored, &e.value);
    c->found += has;
    if (!has && c->index->ready) tell(c, id, "has no entry for the entity");
  }
  mdb_cursor_close(cursor);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

/* What is wrong with an entry; NULL: nothing. */
static const char *problem_of(const struct checking *c, const MDB_val *k, const MDB_val *v, hf__lmdb_stored *stored) {
  hf__lmdb_entry e;
  MDB_val record, key;
  hf_slice text;
  hf_info unused;
  if (!hf__lmdb_entry_read(k, v, stored)) return "has an entry that is damaged";
  key = hf__lmdb_val(stored->order);
  if (!hf__lmdb_record_key_is_sound(&key, hf__lmdb_order_id(stored->order))) return "has an entry that is damaged";
  if (!c->records || mdb_get(c->txn, c->records, &key, &record)) return "has an entry for an entity that is not there";
  if (hf__lmdb_record_read(&record, hf__lmdb_order_id(stored->order), &text, &unused)) return NULL;
  make_entry(c, text, stored->order, &e);
  return is_same(&e.key, k) && is_same(&e.value, v) ? NULL : "has an entry for a value that the entity does not have";
}

/* Each entry has its entity. */
static int check_entries(const struct checking *c) {
  MDB_cursor *cursor;
  MDB_val k, v;
  uint32_t number = c->index->number;
  int rc = mdb_cursor_open(c->txn, c->dbi, &cursor);
  if (rc) return rc;
  for (rc = hf__lmdb_entry_seek(cursor, number, (hf_slice){NULL, 0}, &k, &v); rc == 0;
       rc = hf__lmdb_entry_step(cursor, number, MDB_NEXT, &k, &v)) {
    hf__lmdb_stored stored = {.order = {"", 0}};
    const char *problem = problem_of(c, &k, &v, &stored);
    if (problem) tell(c, hf__lmdb_order_id(stored.order), problem);
  }
  mdb_cursor_close(cursor);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Entries with the same value, in their order: those before the one that is looked at. */
enum { BEFORE_MAX = 64 };

struct alike {
  hf_slice value, orders[BEFORE_MAX];
  size_t count;
};

static bool is_text(const struct checking *c, hf_slice order, hf_slice *text) {
  MDB_val key = hf__lmdb_val(order), record;
  hf_info info;
  return mdb_get(c->txn, c->records, &key, &record) == 0 &&
         !hf__lmdb_record_read(&record, hf__lmdb_order_id(order), text, &info) &&
         !hf__lmdb_is_over(NULL, info.expires_at);
}

/* Whether one of them has what the entity has, and should not.  Of more than are kept, whose texts are cut, only the
 * last are compared. */
static bool is_double(const struct checking *c, const struct alike *before, hf_slice order) {
  hf_index_value values[HF_INDEXES_MAX];
  hf_slice text, other;
  if (!before->count || !is_text(c, order, &text)) return false;
  hf_index_values(c->set, text, values);
  if (!values[0].is_unique) return false;
  for (size_t i = before->count; i > 0 && before->count - i < BEFORE_MAX; i--)
    if (is_text(c, before->orders[(i - 1) % BEFORE_MAX], &other) && hf_index_same(c->set, 0, text, other)) return true;
  return false;
}

/* What is unique is there once. */
static int check_unique(const struct checking *c) {
  MDB_cursor *cursor;
  MDB_val k, v;
  struct alike before = {.value = {NULL, 0}};
  int rc = mdb_cursor_open(c->txn, c->dbi, &cursor);
  if (rc) return rc;
  for (rc = hf__lmdb_entry_seek(cursor, c->index->number, (hf_slice){NULL, 0}, &k, &v); rc == 0;
       rc = hf__lmdb_entry_step(cursor, c->index->number, MDB_NEXT, &k, &v)) {
    hf__lmdb_stored e;
    if (!hf__lmdb_entry_read(&k, &v, &e)) continue;
    if (hf__lmdb_compare_bytes(e.value, before.value) != 0) before.count = 0;
    before.value = e.value;
    if (is_double(c, &before, e.order))
      tell(c, hf__lmdb_order_id(e.order), "is unique, and another entity has the same value");
    before.orders[before.count++ % BEFORE_MAX] = e.order;
  }
  mdb_cursor_close(cursor);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

/* What is held is in quarantine. */
static int check_held(const struct checking *c) {
  MDB_cursor *cursor;
  MDB_val k, v;
  uint32_t number = hf__lmdb_held(c->index->number);
  int rc = mdb_cursor_open(c->txn, c->dbi, &cursor);
  if (rc) return rc;
  for (rc = hf__lmdb_entry_seek(cursor, number, (hf_slice){NULL, 0}, &k, &v); rc == 0;
       rc = hf__lmdb_entry_step(cursor, number, MDB_NEXT, &k, &v)) {
    hf__lmdb_stored e;
    hf_error unused;
    if (!hf__lmdb_entry_read(&k, &v, &e)) continue;
    hf_key key = {hf__lmdb_order_id(e.order), e.order};
    if (hf__lmdb_quarantine_check(c->env, c->txn, c->collection, &key, &unused) == HF_NOT_FOUND)
      tell(c, key.id, "holds a value for an entity that is not in quarantine");
  }
  mdb_cursor_close(cursor);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

static hf_status check(struct checking *c, hf_error *err) {
  uint64_t entries = 0;
  int rc = c->records ? check_entities(c) : 0;
  if (rc == 0 && c->dbi) rc = hf__lmdb_entries_count(c->txn, c->dbi, c->index->number, &entries);
  if (rc == 0 && entries != c->found) rc = check_entries(c);
  if (rc == 0 && c->dbi && c->records && c->index->unique && c->index->ready) rc = check_unique(c);
  if (rc == 0 && c->dbi) rc = check_held(c);
  return rc ? hf__lmdb_fail(c->env, rc, "check an index", err) : HF_OK;
}

/* Finds the index, and makes a set of it alone. */
static hf_status find(struct checking *c, hf_slice name, hf_index_set *alone, hf_error *err) {
  hf_index_set *all;
  hf_status status = hf__lmdb_index_read(c->env, c->txn, c->collection, &all, err);
  if (status) return status;
  const hf_index *there = all ? hf_index_set_find(all, name) : NULL;
  status = there ? hf_index_set_add(alone, there->definition, there->number, there->ready, err) : HF_NOT_FOUND;
  hf_index_set_free(all);
  if (status) return status;
  c->set = alone;
  c->index = hf_index_set_at(alone, 0);
  return HF_OK;
}

static hf_status check_at(struct checking *c, hf__lmdb_txn *moment, hf_slice name, hf_error *err) {
  hf_index_set *alone = hf_index_set_new();
  hf_status status = alone ? HF_OK : hf_error_no_memory(err);
  if (status == HF_OK) status = hf__lmdb_read_collection(c->env, moment, c->collection, &c->txn, &c->records, err);
  if (status == HF_OK) status = hf__lmdb_read_collection(c->env, moment, c->env->index, &c->txn, &c->dbi, err);
  if (status == HF_OK) status = find(c, name, alone, err);
  if (status == HF_OK) status = check(c, err);
  hf_index_set_free(alone);
  return status;
}

hf_status hf__lmdb_index_check(void *store, void *collection, hf_slice name, hf_index_problem_fn *fn, void *arg,
                               hf_error *err) {
  hf__lmdb_env *env = store;
  for (int tries = 0;; tries++) {
    struct checking c = {.env = env, .collection = collection, .fn = fn, .arg = arg};
    hf__lmdb_txn moment;
    hf_status status = hf__lmdb_snapshot_begin(env, &moment, err);
    if (status) return status;
    status = check_at(&c, &moment, name, err);
    hf__lmdb_snapshot_end(env, &moment);
    if (status != HF_BUSY || tries == REPAIRS_MAX) return status; /* a database was opened meanwhile */
  }
}
