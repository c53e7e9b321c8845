/* SPDX-License-Identifier: MIT
 *
 * Reading indexes: see index_read.h.
 */
#include "index_read.h"

#include <string.h>

#include "bytes.h"
#include "collections.h"
#include "expiry_read.h"
#include "history_read.h"
#include "index_defs.h"
#include "index_store.h"
#include "readers.h"

/* Begins to read entries.  *set is a share in what the transaction sees; NULL: no index that can be read. */
static hf_status begin(hf__lmdb_env *env, hf__lmdb_txn *in, hf__lmdb_collection *c, MDB_txn **txn, MDB_dbi *dbi,
                       hf_index_set **set, hf_error *err) {
  const hf_index_set *kept = NULL;
  *set = NULL;
  hf_status status = hf__lmdb_read_collection(env, in, env->index, txn, dbi, err);
  if (status) return status;
  if (in && in->kind == HF_TXN_WRITE) {
    status = hf__lmdb_index_kept(env, *txn, c, &kept, err);
    *set = hf_index_set_share((hf_index_set *)(uintptr_t)kept);
  } else {
    status = hf__lmdb_index_seen(env, *txn, c, set, err);
  }
  if (status) hf__lmdb_read_collection_end(env, in, *txn);
  return status;
}

hf_status hf__lmdb_index_set(void *store, void *txn, void *collection, hf_index_set **set, hf_error *err) {
  hf__lmdb_env *env = store;
  hf__lmdb_txn *in = txn;
  MDB_txn *t;
  MDB_dbi dbi;
  *set = NULL;
  if (hf__lmdb_looks_back(txn)) return HF_OK; /* they are of the present */
  if (!in && !atomic_load_explicit(&env->known.may_have_indexes, memory_order_relaxed)) {
    /* The read learns of those that others have made meanwhile. */
    hf_status status = hf__lmdb_read_begin(env, &t, err);
    if (status) return status;
    hf__lmdb_read_end(env, t);
    if (!atomic_load_explicit(&env->known.may_have_indexes, memory_order_relaxed)) return HF_OK;
  }
  hf_status status = begin(env, in, collection, &t, &dbi, set, err);
  bool is_unknown = status == HF_BUSY && in && in->kind != HF_TXN_WRITE; /* to a snapshot: the database */
  if (status) return is_unknown ? HF_OK : status;
  hf__lmdb_read_collection_end(env, in, t);
  return HF_OK;
}

/* ---- entries */

/* A walk through one index. */
struct walk {
  MDB_cursor *c;
  uint32_t number;
  hf_index_set *set;
  size_t place;    /* of the index in the set */
  uint64_t commit; /* that is walked through; 0: the one that is being made */
  const hf_index_walk *asked;
  hf_index_entry_fn *fn;
  void *arg;
  MDB_val k, v;
  bool enough;
  MDB_txn *txn;
  hf__lmdb_txn *in;
  MDB_dbi records; /* of the entities, of which some have expired and are still there; 0: none has */
};

/* Hands out an entry, unless its entity has expired. */
static void hand_out(struct walk *w, const hf__lmdb_stored *e) {
  MDB_val k = hf__lmdb_val(e->order), v;
  if (__builtin_expect(w->records && mdb_get(w->txn, w->records, &k, &v) == 0 && hf__lmdb_record_is_over(w->in, &v), 0))
    return;
  w->enough = !w->fn(e->position, e->order, w->arg);
}

/* Whether the value of the entry is before a bound. */
static bool is_before(const hf__lmdb_stored *e, hf_slice bound) {
  return !bound.data || hf__lmdb_compare_bytes(e->value, bound) < 0;
}

/* Whether the entry comes after what the walk goes on after. */
static bool is_ahead(const struct walk *w, const hf__lmdb_stored *e) {
  if (!w->asked->after.size) return true;
  int c = hf__lmdb_compare_bytes(e->position, w->asked->after);
  return w->asked->reverse ? c < 0 : c > 0;
}

/* Where an index ends at a commit is noted with it: its commit, and the first byte of values that it has none of, nor
 * any greater.  Mostly that are those for which a condition raises, which each lookup asks for. */
enum { BYTE = 8 };

/* Notes that nothing is at `start` or after it. */
static void note_end(const struct walk *w, hf_slice start) {
  uint64_t byte = start.size ? (unsigned char)*start.data : 0, note = hf_index_set_note(w->set, w->place);
  byte += start.size > 1;
  if (!w->commit || byte >> BYTE || (note >> BYTE == w->commit && (note & 0xFF) <= byte)) return;
  hf_index_set_keep_note(w->set, w->place, w->commit << BYTE | byte);
}

/* Whether a range is known to have nothing. */
static bool is_after_end(const struct walk *w, const hf_index_range *range) {
  uint64_t note = hf_index_set_note(w->set, w->place);
  return w->commit && note >> BYTE == w->commit && range->lower.size &&
         (unsigned char)*range->lower.data >= (note & 0xFF);
}

/* A range forwards.  LMDB's result. */
static int go_forward(struct walk *w, const hf_index_range *range) {
  hf_slice start = range->lower;
  if (w->asked->after.size && hf__lmdb_compare_bytes(start, w->asked->after) < 0) start = w->asked->after;
  int rc = hf__lmdb_entry_seek(w->c, w->number, start, &w->k, &w->v);
  if (rc == MDB_NOTFOUND) note_end(w, start);
  for (; rc == 0 && !w->enough; rc = hf__lmdb_entry_step(w->c, w->number, MDB_NEXT, &w->k, &w->v)) {
    hf__lmdb_stored e;
    if (!hf__lmdb_entry_read(&w->k, &w->v, &e)) return MDB_CORRUPTED;
    if (!is_before(&e, range->upper)) break;
    if (range->lower.data && is_before(&e, range->lower)) continue; /* it goes on with the order key */
    if (is_ahead(w, &e)) hand_out(w, &e);
  }
  return rc;
}

/* Puts the cursor on the last entry before the end of a range. */
static int seek_end(struct walk *w, const hf_index_range *range) {
  hf__lmdb_stored e;
  hf_slice end = range->upper;
  bool is_after = w->asked->after.size && (!end.data || hf__lmdb_compare_bytes(w->asked->after, end) < 0);
  if (is_after) end = w->asked->after;
  uint32_t number = end.data ? w->number : w->number + 1;
  int rc = hf__lmdb_entry_seek(w->c, number, end, &w->k, &w->v);
  while (rc == 0 && end.data && !is_after && hf__lmdb_entry_read(&w->k, &w->v, &e) && is_before(&e, end))
    rc = hf__lmdb_entry_step(w->c, number, MDB_NEXT, &w->k, &w->v); /* its value is before the bound, its key is not */
  if (rc && rc != MDB_NOTFOUND) return rc;
  return hf__lmdb_entry_step(w->c, w->number, w->k.mv_data ? MDB_PREV : MDB_LAST, &w->k, &w->v);
}

/* A range backwards. */
static int go_backward(struct walk *w, const hf_index_range *range) {
  int rc = seek_end(w, range);
  for (; rc == 0 && !w->enough; rc = hf__lmdb_entry_step(w->c, w->number, MDB_PREV, &w->k, &w->v)) {
    hf__lmdb_stored e;
    if (!hf__lmdb_entry_read(&w->k, &w->v, &e)) return MDB_CORRUPTED;
    if (range->lower.data && is_before(&e, range->lower)) break;
    if (is_before(&e, range->upper) && is_ahead(w, &e)) hand_out(w, &e);
  }
  return rc;
}

static int go(struct walk *w) {
  int rc = 0;
  size_t count = w->asked->count;
  for (size_t i = 0; i < count && (rc == 0 || rc == MDB_NOTFOUND) && !w->enough; i++) {
    const hf_index_range *range = &w->asked->ranges[w->asked->reverse ? count - 1 - i : i];
    if (!is_after_end(w, range)) rc = w->asked->reverse ? go_backward(w, range) : go_forward(w, range);
  }
  return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Finds the index in the set.  False: it is not there, or cannot be read. */
static bool find_readable(struct walk *w) {
  for (size_t i = 0; w->set && i < hf_index_set_size(w->set); i++) {
    const hf_index *index = hf_index_set_at(w->set, i);
    w->place = i;
    if (index->number == w->number) return index->ready;
  }
  return false;
}

/* Has both databases opened that are needed to know what has expired. */
static hf_status open_expiring(hf__lmdb_env *env, hf__lmdb_txn *in, hf__lmdb_collection *c, hf_error *err) {
  MDB_txn *t;
  MDB_dbi dbi;
  if (in || !hf__lmdb_may_expire(env, in)) return HF_OK;
  hf_status status = hf__lmdb_expiry_open(env, in, err);
  if (status == HF_OK) status = hf__lmdb_read_collection(env, in, c, &t, &dbi, err);
  if (status == HF_OK) hf__lmdb_read_collection_end(env, in, t);
  return status;
}

/* Whether something of the collection has expired and is still there. */
static int find_expired(struct walk *w, hf__lmdb_env *env, hf__lmdb_collection *c) {
  uint64_t count = 0;
  MDB_dbi dbi = atomic_load(&c->dbi);
  hf_error unused;
  if (!hf__lmdb_may_expire(env, w->in)) return 0;
  if (w->in && w->in->kind == HF_TXN_WRITE && hf__lmdb_write_dbi(env, w->in, c, &dbi, &unused)) dbi = 0;
  if (!dbi || !hf__lmdb_knows_dbi(w->txn, dbi)) return 0;
  int rc = hf__lmdb_expiry_count(env, w->in, w->txn, c, dbi, 1, &count);
  if (count) w->records = dbi;
  return rc;
}

hf_status hf__lmdb_index_walk(void *store, void *txn, void *collection, const hf_index *index,
                              const hf_index_walk *walk, hf_index_entry_fn *fn, void *arg, hf_error *err) {
  struct walk w = {.number = index->number, .asked = walk, .fn = fn, .arg = arg};
  MDB_txn *t;
  MDB_dbi dbi;
  if (hf__lmdb_looks_back(txn)) return HF_NOT_FOUND;
  hf_status status = open_expiring(store, txn, collection, err);
  if (status == HF_OK) status = begin(store, txn, collection, &t, &dbi, &w.set, err);
  if (status) return status == HF_BUSY ? HF_NOT_FOUND : status;
  bool is_writing = txn && ((hf__lmdb_txn *)txn)->kind == HF_TXN_WRITE;
  if (!dbi || !find_readable(&w)) {
    status = HF_NOT_FOUND;
  } else {
    w.commit = is_writing ? 0 : mdb_txn_id(t);
    w.txn = t;
    w.in = txn;
    int rc = find_expired(&w, store, collection);
    if (rc == 0) rc = mdb_cursor_open(t, dbi, &w.c);
    if (rc == 0) {
      rc = go(&w);
      mdb_cursor_close(w.c);
    }
    if (rc) status = hf__lmdb_fail(store, rc, "look into an index", err);
  }
  hf__lmdb_read_collection_end(store, txn, t);
  hf_index_set_free(w.set);
  return status;
}

/* ---- the list */

/* The definition, with what else there is to say of it. */
static bool describe(const hf_index *index, uint64_t entries, hf_buffer *json) {
  json->size = 0;
  return hf_buffer_add(json, index->definition.data, index->definition.size - 1) && /* without the brace */
         hf_buffer_printf(json, ",\"ready\":%s,\"entries\":%llu}", index->ready ? "true" : "false",
                          (unsigned long long)entries);
}

static hf_status add(hf__lmdb_env *env, MDB_txn *t, MDB_dbi dbi, const hf_index *index, hf_buffer *json, hf_page *page,
                     hf_error *err) {
  uint64_t entries = 0;
  int rc = dbi ? hf__lmdb_entries_count(t, dbi, index->number, &entries) : 0;
  if (rc) return hf__lmdb_fail(env, rc, "count the entries of an index", err);
  bool ok = describe(index, entries, json) && hf_page_add(page, index->name, json->data, json->size);
  return ok ? HF_OK : hf_error_no_memory(err);
}

hf_status hf__lmdb_index_list(void *store, void *txn, void *collection, hf_page *page, hf_error *err) {
  MDB_txn *t;
  MDB_dbi dbi;
  hf_index_set *set;
  hf_buffer json = HF_BUFFER_INIT;
  hf_status status = hf__lmdb_read_collection(store, txn, ((hf__lmdb_env *)store)->index, &t, &dbi, err);
  if (status) return status;
  status = hf__lmdb_index_read(store, t, collection, &set, err);
  for (size_t i = 0; set && i < hf_index_set_size(set) && status == HF_OK; i++)
    status = add(store, t, dbi, hf_index_set_at(set, i), &json, page, err);
  hf__lmdb_read_collection_end(store, txn, t);
  hf_buffer_free(&json);
  hf_index_set_free(set);
  return status;
}

/* ---- what stat tells */

static hf_status add_count(hf__lmdb_env *env, MDB_txn *txn, MDB_dbi dbi, const hf_index *index, hf_buffer *json,
                           hf_error *err) {
  uint64_t entries = 0;
  int rc = dbi && index->ready ? hf__lmdb_entries_count(txn, dbi, index->number, &entries) : 0;
  if (rc) return hf__lmdb_fail(env, rc, "count the entries of an index", err);
  bool ok = hf_buffer_quote(json, index->name) && hf_buffer_printf(json, ":") &&
            (index->ready ? hf_buffer_printf(json, "%llu", (unsigned long long)entries)
                          : hf_buffer_printf(json, "\"not built\""));
  return ok ? HF_OK : hf_error_no_memory(err);
}

hf_status hf__lmdb_index_stat(hf__lmdb_env *env, MDB_txn *txn, MDB_dbi dbi, const hf__lmdb_collection *c,
                              hf_buffer *json, hf_error *err) {
  hf_index_set *set;
  hf_status status = hf__lmdb_index_read(env, txn, c, &set, err);
  if (status || !set) return status;
  for (size_t i = 0; i < hf_index_set_size(set) && status == HF_OK; i++) {
    status = hf_buffer_printf(json, i ? "," : ",\"indexes\":{") ? HF_OK : hf_error_no_memory(err);
    if (status == HF_OK) status = add_count(env, txn, dbi, hf_index_set_at(set, i), json, err);
  }
  hf_index_set_free(set);
  return status || hf_buffer_add(json, "}", 1) ? status : hf_error_no_memory(err);
}

bool hf__lmdb_index_stat_all(MDB_txn *txn, MDB_dbi dbi, hf_buffer *json) {
  MDB_stat s;
  if (!dbi) return true;
  return mdb_stat(txn, dbi, &s) == 0 &&
         hf_buffer_printf(json, ",\"indexEntries\":%zu,\"indexBytes\":%zu", s.ms_entries,
                          (s.ms_branch_pages + s.ms_leaf_pages + s.ms_overflow_pages) * s.ms_psize);
}
