/* SPDX-License-Identifier: MIT
 *
 * Keeping up indexes: see index_keep.h.
 */
#include "index_keep.h"

#include <stdlib.h>
#include <string.h>

#include "collections.h"
#include "expiry_store.h"
#include "index_defs.h"
#include "index_store.h"
#include "record.h"

hf_status hf__lmdb_keep_enter(hf__lmdb_keep *keep, hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_collection *c,
                              hf_error *err) {
  *keep = (hf__lmdb_keep){.env = env, .t = t, .collection = c};
  if (__builtin_expect(!env->known.has_indexes, 1)) return HF_OK;
  hf_status status = hf__lmdb_index_kept(env, t->mdb, c, &keep->set, err);
  if (status || !keep->set) return status;
  status = hf__lmdb_write_dbi(env, t, env->index, &keep->dbi, err);
  if (status == HF_OK && !keep->dbi)
    status = hf_error_set(err, HF_CORRUPT, "%s: the database of indexes is missing", env->path);
  return status;
}

static hf_slice slice_of(const hf_index_value *v) { return (hf_slice){(const char *)v->bytes, v->size}; }

static bool is_same(const hf_index_value *a, const hf_index_value *b) {
  return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

static bool is_same_text(hf_slice a, hf_slice b) { return a.size == b.size && memcmp(a.data, b.data, a.size) == 0; }

/* ---- one record */

/* Whether the index has what was there before.  Of one that is being built, whoever writes a record puts its entry,
 * changed or not: the builder takes no entity that was written since it read it. */
static bool is_built(const hf__lmdb_keep *keep, size_t place) { return hf_index_set_at(keep->set, place)->ready; }

static bool are_all_built(const hf__lmdb_keep *keep) {
  for (size_t i = 0; i < hf_index_set_size(keep->set); i++)
    if (!is_built(keep, i)) return false;
  return true;
}

void hf__lmdb_moves_find(const hf__lmdb_keep *keep, const hf_key *key, const MDB_val *old, const hf_slice *text,
                         hf__lmdb_moves *m) {
  hf_slice before;
  hf_info unused;
  m->had = m->has = m->is_unreadable = false;
  if (old) {
    m->is_unreadable = hf__lmdb_record_read(old, key->id, &before, &unused) != NULL;
    m->had = !m->is_unreadable;
    if (m->had && text && is_same_text(before, *text) && are_all_built(keep)) {
      m->had = false;
      return;
    }
    if (m->had) hf_index_values(keep->set, before, m->before);
  }
  m->has = text != NULL;
  if (m->has) hf_index_values(keep->set, *text, m->after);
}

static int sweep_all(const hf__lmdb_keep *keep, hf_slice order, const hf_slice *held) {
  int rc = 0;
  for (size_t i = 0; i < hf_index_set_size(keep->set) && rc == 0; i++) {
    const hf_index *index = hf_index_set_at(keep->set, i);
    rc = hf__lmdb_entries_sweep(keep->t->mdb, keep->dbi, index->number, order, index->unique ? held : NULL);
  }
  return rc;
}

int hf__lmdb_moves_make(const hf__lmdb_keep *keep, const hf_key *key, const hf__lmdb_moves *m) {
  MDB_txn *txn = keep->t->mdb;
  int rc = m->is_unreadable ? sweep_all(keep, key->order, NULL) : 0;
  if (!m->had && !m->has) return rc;
  for (size_t i = 0; i < hf_index_set_size(keep->set) && rc == 0; i++) {
    uint32_t number = hf_index_set_at(keep->set, i)->number;
    bool stays = m->had && m->has && is_same(&m->before[i], &m->after[i]);
    if (stays && is_built(keep, i)) continue;
    if (m->had && !stays) rc = hf__lmdb_entry_delete(txn, keep->dbi, number, slice_of(&m->before[i]), key->order);
    if (m->has && rc == 0) rc = hf__lmdb_entry_put(txn, keep->dbi, number, slice_of(&m->after[i]), key->order);
  }
  return rc;
}

/* ---- unique values */

/* What is asked: whether some puts may happen. */
struct asking {
  const hf__lmdb_keep *keep;
  MDB_dbi records;
  const hf_put *puts;
  size_t count;
  hf_error *err;
};

static int compare_orders(hf_slice a, hf_slice b) {
  int c = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
  return c ? c : (a.size > b.size) - (a.size < b.size);
}

/* The put of this order key; NULL: none. */
static const hf_put *find_put(const struct asking *a, hf_slice order) {
  size_t low = 0, high = a->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int c = compare_orders(a->puts[middle].key.order, order);
    if (c == 0) return &a->puts[middle];
    if (c < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

/* Finds the text of the record; LMDB's result, MDB_BAD_VALSIZE where it cannot be read. */
static int get_text(const struct asking *a, hf_slice order, hf_slice id, hf_slice *text) {
  MDB_val k = hf__lmdb_val(order), v;
  hf_info info;
  int rc = a->records ? mdb_get(a->keep->t->mdb, a->records, &k, &v) : MDB_NOTFOUND;
  if (rc == 0 && hf__lmdb_record_read(&v, id, text, &info)) return MDB_BAD_VALSIZE;
  if (rc == 0 && hf__lmdb_is_over(a->keep->t, info.expires_at)) rc = MDB_NOTFOUND; /* it holds nothing any more */
  return rc;
}

/* Whether a text has the values of another one, which are these. */
static bool has_values(const hf_index_set *set, size_t place, hf_slice text, const hf_put *put,
                       const hf_index_value *value) {
  hf_index_value values[HF_INDEXES_MAX];
  hf_index_values(set, text, values);
  return is_same(&values[place], value) && (!value->is_cut || hf_index_same(set, place, text, put->json));
}

/* Whether the entity of an entry has the values once all puts have happened.  An entry that does not tell the truth
 * forbids nothing.  LMDB's result. */
static int check_holder(const struct asking *a, size_t place, const hf_put *put, const hf_index_value *value,
                        hf_slice order, bool *holds) {
  const hf_put *other = find_put(a, order);
  hf_slice text;
  int rc = 0;
  *holds = false;
  if (other == put) return 0;
  if (other)
    text = other->json;
  else
    rc = get_text(a, order, hf__lmdb_order_id(order), &text);
  if (rc == MDB_BAD_VALSIZE) *holds = true; /* it will be in quarantine, and its values are not known */
  if (rc == 0) *holds = has_values(a->keep->set, place, text, put, value);
  return rc == MDB_NOTFOUND || rc == MDB_BAD_VALSIZE ? 0 : rc;
}

static hf_status forbid(const struct asking *a, const hf_put *put, size_t place, hf_slice order,
                        bool is_in_quarantine) {
  hf_slice id = hf__lmdb_order_id(order);
  hf_status status = hf_index_fail_unique(a->err, hf_index_set_at(a->keep->set, place), id);
  if (is_in_quarantine)
    hf_error_cause(a->err, "%.*s is in quarantine, where its values are not given away: write or remove it first",
                   (int)id.size, id.data);
  hf_error_id(a->err, put->key.id);
  return status;
}

/* Looks at the entries of a number that have the value. */
static hf_status check_entries(const struct asking *a, MDB_cursor *c, size_t place, bool held, const hf_put *put,
                               const hf_index_value *value) {
  MDB_val k, v;
  uint32_t number = hf_index_set_at(a->keep->set, place)->number;
  if (held) number = hf__lmdb_held(number);
  int rc = hf__lmdb_entry_seek(c, number, slice_of(value), &k, &v);
  for (; rc == 0; rc = hf__lmdb_entry_step(c, number, MDB_NEXT, &k, &v)) {
    hf__lmdb_stored e;
    bool holds = held;
    if (!hf__lmdb_entry_read(&k, &v, &e)) continue;
    if (e.value.size != value->size || memcmp(e.value.data, value->bytes, value->size) != 0) break;
    if (held && find_put(a, e.order)) continue; /* it is settled by this very write */
    if (!held && (rc = check_holder(a, place, put, value, e.order, &holds))) break;
    if (holds) return forbid(a, put, place, e.order, held);
  }
  return rc && rc != MDB_NOTFOUND ? hf__lmdb_fail(a->keep->env, rc, "look into an index", a->err) : HF_OK;
}

/* A value that a put brings to a unique index. */
struct brought {
  size_t place;
  const hf_put *put;
  hf_index_value value;
};

struct brought_list {
  struct brought *items;
  size_t count, capacity;
};

static bool add_brought(struct brought_list *l, size_t place, const hf_put *put, const hf_index_value *value) {
  if (l->count == l->capacity) {
    size_t capacity = l->capacity ? l->capacity * 2 : 8;
    struct brought *items = realloc(l->items, capacity * sizeof *items);
    if (!items) return false;
    l->items = items;
    l->capacity = capacity;
  }
  l->items[l->count++] = (struct brought){place, put, *value};
  return true;
}

/* Adds what the put brings: unique values that its entity does not have yet, or that are in no index yet. */
static hf_status find_brought(const struct asking *a, const hf_put *put, struct brought_list *l) {
  hf_index_value before[HF_INDEXES_MAX], after[HF_INDEXES_MAX];
  hf_slice old;
  int rc = get_text(a, put->key.order, put->key.id, &old);
  bool had = rc == 0;
  if (rc && rc != MDB_NOTFOUND && rc != MDB_BAD_VALSIZE) return hf__lmdb_fail(a->keep->env, rc, "read", a->err);
  if (had && is_same_text(old, put->json) && are_all_built(a->keep)) return HF_OK;
  if (had) hf_index_values(a->keep->set, old, before);
  hf_index_values(a->keep->set, put->json, after);
  for (size_t i = 0; i < hf_index_set_size(a->keep->set); i++) {
    bool keeps = had && is_built(a->keep, i) && is_same(&before[i], &after[i]) &&
                 (!after[i].is_cut || hf_index_same(a->keep->set, i, old, put->json));
    if (after[i].is_unique && !keeps && !add_brought(l, i, put, &after[i])) return hf_error_no_memory(a->err);
  }
  return HF_OK;
}

static int compare_brought(const void *a, const void *b) {
  const struct brought *x = a, *y = b;
  if (x->place != y->place) return x->place < y->place ? -1 : 1;
  int c = compare_orders(slice_of(&x->value), slice_of(&y->value));
  return c ? c : (x->put > y->put) - (x->put < y->put);
}

/* Whether two puts bring the same. */
static hf_status check_brought(const struct asking *a, struct brought_list *l) {
  if (l->count > 1) qsort(l->items, l->count, sizeof *l->items, compare_brought);
  for (size_t i = 0; i < l->count; i++)
    for (size_t j = i + 1; j < l->count; j++) {
      const struct brought *x = &l->items[i], *y = &l->items[j];
      if (x->place != y->place || !is_same(&x->value, &y->value)) break;
      if (!x->value.is_cut || hf_index_same(a->keep->set, x->place, x->put->json, y->put->json))
        return forbid(a, y->put, x->place, x->put->key.order, false);
    }
  return HF_OK;
}

static hf_status check_all(const struct asking *a, struct brought_list *l) {
  MDB_cursor *c;
  hf_status status = check_brought(a, l);
  if (status || !l->count) return status;
  int rc = mdb_cursor_open(a->keep->t->mdb, a->keep->dbi, &c);
  if (rc) return hf__lmdb_fail(a->keep->env, rc, "look into an index", a->err);
  for (size_t i = 0; i < l->count && status == HF_OK; i++) {
    const struct brought *b = &l->items[i];
    status = check_entries(a, c, b->place, false, b->put, &b->value);
    if (status == HF_OK) status = check_entries(a, c, b->place, true, b->put, &b->value);
  }
  mdb_cursor_close(c);
  return status;
}

static bool has_unique(const hf_index_set *set) {
  for (size_t i = 0; i < hf_index_set_size(set); i++)
    if (hf_index_set_at(set, i)->unique) return true;
  return false;
}

hf_status hf__lmdb_keep_check(const hf__lmdb_keep *keep, MDB_dbi records, const hf_put *puts, size_t count,
                              hf_error *err) {
  struct asking a = {keep, records, puts, count, err};
  struct brought_list l = {.items = NULL};
  hf_status status = HF_OK;
  if (!keep->set || !has_unique(keep->set)) return HF_OK;
  for (size_t i = 0; i < count && status == HF_OK; i++) status = find_brought(&a, &puts[i], &l);
  if (status == HF_OK) status = check_all(&a, &l);
  free(l.items);
  return status;
}

hf_status hf__lmdb_keep_check_value(const hf__lmdb_keep *keep, MDB_dbi records, const hf_put *put, size_t place,
                                    const hf_index_value *value, hf_error *err) {
  struct asking a = {keep, records, put, 1, err};
  struct brought one = {place, put, *value};
  struct brought_list l = {.items = &one, .count = 1};
  return check_all(&a, &l);
}

/* ---- quarantine, and all */

int hf__lmdb_keep_aside(const hf__lmdb_keep *keep, MDB_dbi records, const hf_key *key) {
  unsigned char bytes[HF_ORDER_KEY_MAX];
  if (!keep->set) return 0;
  hf_slice sound = {(const char *)bytes, hf_order_key(key->id, bytes)};
  /* Values are held where quarantine has it: under the key of its id, if it is one. */
  int rc = sweep_all(keep, key->order, sound.size ? &sound : NULL);
  if (rc || !sound.size || is_same_text(sound, key->order)) return rc;
  /* Its key was damaged: what it had is under the sound one, unless that is a record of its own. */
  MDB_val k = hf__lmdb_val(sound), v;
  rc = mdb_get(keep->t->mdb, records, &k, &v);
  return rc == MDB_NOTFOUND ? sweep_all(keep, sound, &sound) : rc;
}

int hf__lmdb_keep_settled(const hf__lmdb_keep *keep, const hf_key *key) {
  int rc = 0;
  if (!keep->set) return 0;
  for (size_t i = 0; i < hf_index_set_size(keep->set) && rc == 0; i++) {
    const hf_index *index = hf_index_set_at(keep->set, i);
    uint32_t number = hf__lmdb_held(index->number);
    bool unused;
    if (!index->unique) continue;
    rc = key ? hf__lmdb_entries_sweep(keep->t->mdb, keep->dbi, number, key->order, NULL)
             : hf__lmdb_entries_clear(keep->t->mdb, keep->dbi, number, 0, &unused);
  }
  return rc;
}

static int is_other(const hf__lmdb_definition *d, void *arg) {
  const hf_slice *name = arg;
  return is_same_text(d->entity_name, *name) ? 0 : MDB_KEYEXIST;
}

int hf__lmdb_keep_clear(const hf__lmdb_keep *keep) {
  hf_slice name = {keep->collection->name, keep->collection->name_size};
  if (!keep->set) return 0;
  int rc = hf__lmdb_index_each(keep->env, keep->t->mdb, NULL, is_other, &name);
  if (rc == 0) return hf__lmdb_entries_drop(keep->t->mdb, keep->dbi); /* no other collection has any */
  if (rc == MDB_KEYEXIST || rc == MDB_CORRUPTED) rc = 0; /* a damaged definition may be that of another one */
  for (size_t i = 0; i < hf_index_set_size(keep->set) && rc == 0; i++) {
    bool unused;
    rc = hf__lmdb_entries_clear(keep->t->mdb, keep->dbi, hf_index_set_at(keep->set, i)->number, 0, &unused);
  }
  return rc ? rc : hf__lmdb_keep_settled(keep, NULL);
}
