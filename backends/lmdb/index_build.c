/* SPDX-License-Identifier: MIT
 *
 * Building an index: see index_build.h.
 */
#include "index_build.h"

#include <string.h>
#include <time.h>

#include "collections.h"
#include "expiry_store.h"
#include "index_defs.h"
#include "index_keep.h"
#include "index_run.h"
#include "index_store.h"
#include "map.h"
#include "readers.h"
#include "record.h"
#include "writer.h"

enum { CLOCK_EVERY = 64 };

/* How long one transaction reads, or keeps other writers waiting but for its commit; and how long it lets those of
 * this process go first after that: the lock of a process is not fair. */
static const int64_t READ_NS = 1000000, WRITE_NS = 4000000, PAUSE_NS = 100000;

struct building {
  hf__lmdb_env *env;
  hf__lmdb_collection *collection;
  uint32_t number;
  bool again;          /* what is unique may be there twice */
  hf_index_set *alone; /* with this index only */
  hf__lmdb_run run;
  unsigned char after[ENTRY_KEY_MAX]; /* key of the last record that was read */
  size_t after_size;
  bool is_read;  /* to the end */
  bool is_ready; /* another one has built it */
};

static const hf_index *find_number(const hf_index_set *set, uint32_t number, size_t *place) {
  for (*place = 0; set && *place < hf_index_set_size(set); ++*place)
    if (hf_index_set_at(set, *place)->number == number) return hf_index_set_at(set, *place);
  return NULL;
}

static hf_status fail_dropped(const struct building *b, hf_error *err) {
  return hf_error_set(err, HF_CONFLICT, "an index of %s was dropped while it was built", b->collection->name);
}

/* ---- reading */

/* Finds what is to be built. */
static hf_status begin(struct building *b, hf_error *err) {
  MDB_txn *txn;
  hf_index_set *all;
  size_t place;
  hf_status status = hf__lmdb_read_begin(b->env, &txn, err);
  if (status) return status;
  status = hf__lmdb_index_read(b->env, txn, b->collection, &all, err);
  hf__lmdb_read_end(b->env, txn);
  if (status) return status;
  const hf_index *index = find_number(all, b->number, &place);
  b->alone = hf_index_set_new();
  if (!index) status = fail_dropped(b, err);
  if (status == HF_OK && !b->alone) status = hf_error_no_memory(err);
  if (status == HF_OK) status = hf_index_set_add(b->alone, index->definition, b->number, false, err);
  hf_index_set_free(all);
  return status;
}

/* Takes what an entity has.  A damaged one has nothing, until it is written again; nor has one under a damaged key, by
 * which nobody looks for its entry.  False: out of memory. */
static bool take(struct building *b, const MDB_val *k, const MDB_val *v) {
  hf_index_value values[HF_INDEXES_MAX];
  hf_slice text, order = {k->mv_data, k->mv_size}, id = hf__lmdb_record_id(k, v);
  hf_info unused;
  if (order.size <= sizeof b->after) { /* LMDB has no longer ones */
    memcpy(b->after, order.data, order.size);
    b->after_size = order.size;
  }
  if (!hf__lmdb_record_key_is_sound(k, id) || hf__lmdb_record_read(v, id, &text, &unused)) return true;
  hf_index_values(b->alone, text, values);
  return hf__lmdb_run_add(&b->run, &values[0], order, hf__lmdb_record_hash(v, id));
}

/* Puts the cursor after what was read. */
static int seek(const struct building *b, MDB_cursor *c, MDB_val *k, MDB_val *v) {
  if (!b->after_size) return mdb_cursor_get(c, k, v, MDB_FIRST);
  *k = (MDB_val){b->after_size, (void *)(uintptr_t)b->after};
  int rc = mdb_cursor_get(c, k, v, MDB_SET_RANGE);
  bool is_same = rc == 0 && k->mv_size == b->after_size && memcmp(k->mv_data, b->after, b->after_size) == 0;
  return is_same ? mdb_cursor_get(c, k, v, MDB_NEXT) : rc;
}

/* Reads on for a while. */
static hf_status read_page(struct building *b, hf_error *err) {
  MDB_txn *txn;
  MDB_dbi records;
  MDB_cursor *c;
  MDB_val k, v;
  bool memory = true;
  hf_status status = hf__lmdb_read_collection(b->env, NULL, b->collection, &txn, &records, err);
  if (status) return status;
  int64_t end = hf_clock_ns() + READ_NS;
  int rc = records ? mdb_cursor_open(txn, records, &c) : MDB_NOTFOUND;
  if (rc == 0) {
    rc = seek(b, c, &k, &v);
    for (unsigned n = 1; rc == 0 && memory && !hf__lmdb_run_is_full(&b->run); n++) {
      memory = take(b, &k, &v);
      if (n % CLOCK_EVERY == 0 && hf_clock_ns() > end) break;
      rc = mdb_cursor_get(c, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(c);
  }
  hf__lmdb_read_collection_end(b->env, NULL, txn);
  b->is_read = rc == MDB_NOTFOUND;
  if (!memory) return hf_error_no_memory(err);
  return rc && !b->is_read ? hf__lmdb_fail(b->env, rc, "read", err) : HF_OK;
}

/* ---- inserting */

/* A transaction in which entries are inserted. */
struct batch {
  struct building *b;
  hf__lmdb_txn t;
  hf__lmdb_keep keep;
  MDB_dbi records;
  size_t place; /* of the index in the set that is kept up */
  MDB_cursor *c;
  bool appends; /* nothing was found after the last entry */
};

/* Whether the record is the one that was read: otherwise whoever has changed it has kept the index up.  LMDB's result,
 * MDB_NOTFOUND where it is not. */
static int find_record(const struct batch *x, const hf__lmdb_run_entry *e, hf_slice *text, bool *is_over) {
  MDB_val k = hf__lmdb_val(e->order), v;
  hf_slice id = hf__lmdb_order_id(e->order);
  int rc = mdb_get(x->t.mdb, x->records, &k, &v);
  if (rc == 0 && hf__lmdb_record_hash(&v, id) != e->record) rc = MDB_NOTFOUND;
  if (rc == 0) *text = hf__lmdb_record_text(&v);
  *is_over = rc == 0 && hf__lmdb_record_is_over(NULL, &v);
  return rc;
}

/* HF_DUPLICATE for a value that only one entity may have, and another one has. */
static hf_status check_unique(const struct batch *x, const hf__lmdb_run_entry *e, hf_slice text, hf_error *err) {
  hf_index_value value = {.size = (uint8_t)e->value.size, .is_cut = e->is_cut, .is_unique = true};
  hf_put put = {.key = {hf__lmdb_order_id(e->order), e->order}, .json = text};
  hf_error found;
  memcpy(value.bytes, e->value.data, e->value.size);
  hf_status status = hf__lmdb_keep_check_value(&x->keep, x->records, &put, x->place, &value, &found);
  if (status == HF_DUPLICATE) {
    hf_error_set(err, HF_DUPLICATE, "%.*s: %s", (int)put.key.id.size, put.key.id.data, found.message);
    hf_error_id(err, put.key.id);
    return status;
  }
  if (status) *err = found;
  return status;
}

static hf_status insert_one(struct batch *x, const hf__lmdb_run_entry *e, hf_error *err) {
  hf_slice text;
  hf__lmdb_entry entry;
  bool is_over;
  int rc = find_record(x, e, &text, &is_over);
  if (rc == MDB_NOTFOUND) return HF_OK;
  hf_status status = rc == 0 && e->is_unique && !is_over && !x->b->again ? check_unique(x, e, text, err) : HF_OK;
  if (status) return status;
  hf__lmdb_entry_make(&entry, x->b->number, e->value, e->order);
  if (rc == 0) rc = hf__lmdb_entry_insert(x->c, &entry, &x->appends);
  if (rc == MDB_MAP_FULL) hf__lmdb_note_full(&x->t);
  return rc ? hf__lmdb_fail(x->b->env, rc, "write", err) : HF_OK;
}

/* Inserts entries from *next on, for a while. */
static hf_status insert_some(struct batch *x, size_t *next, hf_error *err) {
  const hf__lmdb_run *run = &x->b->run;
  int64_t end = hf_clock_ns() + WRITE_NS;
  hf_status status = HF_OK;
  int rc = mdb_cursor_open(x->t.mdb, x->keep.dbi, &x->c);
  if (rc) return hf__lmdb_fail(x->b->env, rc, "write", err);
  for (; *next < run->count && status == HF_OK; ++*next) {
    hf__lmdb_run_entry e = hf__lmdb_run_at(run, *next);
    if (*next % CLOCK_EVERY == 0 && hf_clock_ns() > end) break;
    status = insert_one(x, &e, err);
  }
  mdb_cursor_close(x->c);
  x->t.changed = true;
  return status;
}

/* Looks at what the transaction sees of the index. */
static hf_status enter(struct batch *x, hf_error *err) {
  struct building *b = x->b;
  hf_status status = hf__lmdb_keep_enter(&x->keep, b->env, &x->t, b->collection, err);
  if (status == HF_OK) status = hf__lmdb_write_dbi(b->env, &x->t, b->collection, &x->records, err);
  if (status) return status;
  const hf_index *index = find_number(x->keep.set, b->number, &x->place);
  b->is_ready = index && index->ready;
  return index ? HF_OK : fail_dropped(b, err);
}

static hf_status insert_once(struct batch *x, size_t *next, hf_error *err) {
  size_t from = *next;
  hf_status status = hf__lmdb_write_begin(x->b->env, &x->t, false, err);
  if (status) return status;
  status = enter(x, err);
  if (status == HF_OK && !x->b->is_ready && x->records) status = insert_some(x, next, err);
  if (status == HF_OK && *next > from)
    status = hf__lmdb_write_commit(x->b->env, &x->t, err);
  else
    hf__lmdb_write_abort(x->b->env, &x->t);
  if (status) *next = from;
  if (status == HF_OK && (x->b->is_ready || !x->records)) *next = x->b->run.count;
  return status;
}

static hf_status insert_all(struct building *b, hf_error *err) {
  for (size_t next = 0; next < b->run.count;) {
    struct batch x = {.b = b, .appends = true};
    hf_status status = insert_once(&x, &next, err);
    if (status == HF_FULL && x.t.map_full) status = hf__lmdb_make_room(b->env, x.t.map_size, false, err);
    if (status) return status;
    nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
  }
  return HF_OK;
}

hf_status hf__lmdb_index_build(hf__lmdb_env *env, hf__lmdb_collection *collection, uint32_t number, bool again,
                               hf_error *err) {
  struct building b = {.env = env, .collection = collection, .number = number, .again = again};
  hf_status status = begin(&b, err);
  while (status == HF_OK && !b.is_read && !b.is_ready) {
    hf__lmdb_run_clear(&b.run);
    while (status == HF_OK && !b.is_read && !hf__lmdb_run_is_full(&b.run)) status = read_page(&b, err);
    hf__lmdb_run_sort(&b.run);
    if (status == HF_OK) status = insert_all(&b, err);
  }
  hf__lmdb_run_free(&b.run);
  hf_index_set_free(b.alone);
  return status;
}

/* ---- cleaning */

struct numbers {
  uint32_t wanted;
  bool any, found;
};

static int look(const hf__lmdb_definition *d, void *arg) {
  struct numbers *n = arg;
  n->any = true;
  n->found |= d->number == n->wanted;
  return 0;
}

/* Finds the first number of which there are entries and no definition; MDB_NOTFOUND: none. */
static int find_left(hf__lmdb_env *env, MDB_txn *txn, MDB_dbi dbi, uint32_t *number) {
  int rc;
  for (*number = 0; (rc = hf__lmdb_entries_number(txn, dbi, *number, number)) == 0; ++*number) {
    struct numbers n = {.wanted = hf__lmdb_not_held(*number)};
    rc = hf__lmdb_index_each(env, txn, NULL, look, &n);
    if (rc || !n.found) return rc;
    if (*number == UINT32_MAX) return MDB_NOTFOUND;
  }
  return rc;
}

/* Takes away some.  LMDB's result, MDB_NOTFOUND when there is nothing to take away. */
static int clean_some(hf__lmdb_env *env, hf__lmdb_txn *t, MDB_dbi dbi) {
  struct numbers n = {.wanted = 0};
  uint32_t number;
  bool unused;
  int rc = find_left(env, t->mdb, dbi, &number);
  if (rc == 0) rc = hf__lmdb_index_each(env, t->mdb, NULL, look, &n);
  if (rc) return rc;
  return n.any ? hf__lmdb_entries_clear(t->mdb, dbi, number, hf_clock_ns() + WRITE_NS, &unused)
               : hf__lmdb_entries_drop(t->mdb, dbi);
}

/* Whether there may be more. */
static bool clean_once(hf__lmdb_env *env) {
  hf__lmdb_txn t;
  hf_error unused;
  MDB_dbi dbi;
  if (hf__lmdb_write_begin(env, &t, true, &unused)) return false;
  bool ok = hf__lmdb_write_dbi(env, &t, env->index, &dbi, &unused) == HF_OK && dbi && clean_some(env, &t, dbi) == 0;
  t.changed = ok;
  if (!ok) hf__lmdb_write_abort(env, &t);
  return ok && hf__lmdb_write_commit(env, &t, &unused) == HF_OK;
}

void hf__lmdb_index_clean(hf__lmdb_env *env) {
  while (clean_once(env)) nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
}
