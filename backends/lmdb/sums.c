/* SPDX-License-Identifier: MIT
 *
 * Keeping up sums: see sums.h.
 */
#include "sums.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

/* ---- what a transaction has changed */

hf__lmdb_delta *hf__lmdb_sums_delta(hf__lmdb_txn *t, hf__lmdb_collection *collection) {
  for (hf__lmdb_delta *d = t->deltas; d; d = d->next)
    if (d->collection == collection) return d;
  hf__lmdb_delta *d = t->deltas ? malloc(sizeof *d) : &t->first_delta;
  if (!d) return NULL;
  *d = (hf__lmdb_delta){.next = t->deltas, .collection = collection};
  return t->deltas = d;
}

bool hf__lmdb_sums_reserve(hf__lmdb_txn *parent, const hf__lmdb_txn *t) {
  for (const hf__lmdb_delta *d = t->deltas; d; d = d->next)
    if (!hf__lmdb_sums_delta(parent, d->collection)) return false;
  return true;
}

void hf__lmdb_sums_merge(hf__lmdb_txn *parent, const hf__lmdb_txn *t) {
  for (const hf__lmdb_delta *d = t->deltas; d; d = d->next) {
    hf__lmdb_delta *to = hf__lmdb_sums_delta(parent, d->collection);
    if (d->cleared) hf__lmdb_sums_clear(to);
    to->by.count += d->by.count;
    to->by.hash += d->by.hash;
  }
}

void hf__lmdb_sums_end(hf__lmdb_txn *t) {
  for (hf__lmdb_delta *d = t->deltas, *next; d; d = next) {
    next = d->next;
    if (d != &t->first_delta) free(d);
  }
  t->deltas = NULL;
}

/* ---- what is stored */

enum { PREFIX = sizeof SUM_KEY - 1 };

struct key {
  char bytes[PREFIX + HF_ID_MAX];
  MDB_val val;
};

static void make_key(struct key *k, hf_slice name) {
  memcpy(k->bytes, SUM_KEY, PREFIX);
  memcpy(k->bytes + PREFIX, name.data, name.size);
  k->val = (MDB_val){PREFIX + name.size, k->bytes};
}

void hf__lmdb_sums_read(hf_slice mark, hf__lmdb_sums *out) {
  size_t size = mark.size > MARK_SIZE ? mark.size - MARK_SIZE : 0, count = size / sizeof *out->list;
  out->count = count < SUMS_IN_MARK ? count : SUMS_IN_MARK;
  for (size_t i = 0; i < out->count; i++) {
    struct hf__lmdb_marked_sum s;
    memcpy(&s, mark.data + MARK_SIZE + i * sizeof s, sizeof s);
    out->list[i] = (struct hf__lmdb_marked_sum){le64toh(s.name_hash), {le64toh(s.sum.count), le64toh(s.sum.hash)}};
  }
}

int hf__lmdb_sums_put_mark(const hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_mark *mark) {
  struct hf__lmdb_marked_sum list[SUMS_IN_MARK];
  size_t count = env->sums.of == mdb_txn_id(txn) ? env->sums.count : 0;
  for (size_t i = 0; i < count; i++) {
    const struct hf__lmdb_marked_sum *s = &env->sums.list[i];
    list[i] = (struct hf__lmdb_marked_sum){htole64(s->name_hash), {htole64(s->sum.count), htole64(s->sum.hash)}};
  }
  return hf__lmdb_mark_put(env, txn, mark, (hf_slice){(const char *)list, count * sizeof *list});
}

hf__lmdb_sum hf__lmdb_sum_read(hf_slice value) {
  hf__lmdb_sum s;
  if (value.size < sizeof s) return (hf__lmdb_sum){0, 0};
  memcpy(&s, value.data, sizeof s);
  return (hf__lmdb_sum){le64toh(s.count), le64toh(s.hash)};
}

int hf__lmdb_sum_put(const hf__lmdb_env *env, MDB_txn *txn, hf_slice name, const hf__lmdb_sum *sum) {
  struct key k;
  hf__lmdb_sum stored = {htole64(sum->count), htole64(sum->hash)};
  MDB_val v = {sizeof stored, &stored};
  make_key(&k, name);
  return mdb_put(txn, env->main_dbi, &k.val, &v, 0);
}

static int get_sum(const hf__lmdb_env *env, MDB_txn *txn, hf_slice name, hf__lmdb_sum *out) {
  struct key k;
  MDB_val v;
  make_key(&k, name);
  *out = (hf__lmdb_sum){0, 0};
  int rc = mdb_get(txn, env->main_dbi, &k.val, &v);
  if (rc == 0) *out = hf__lmdb_sum_read((hf_slice){v.mv_data, v.mv_size});
  return rc == MDB_NOTFOUND ? 0 : rc;
}

/* ---- the two put together */

static hf__lmdb_sum add(hf__lmdb_sum to, const hf__lmdb_delta *d) {
  if (d->cleared) return d->by;
  return (hf__lmdb_sum){to.count + d->by.count, to.hash + d->by.hash};
}

/* The collection's sum in the mark, which gets one where there is room; NULL: it is not there. */
static hf__lmdb_sum *find_marked(hf__lmdb_sums *sums, uint64_t name_hash) {
  for (size_t i = 0; i < sums->count; i++)
    if (sums->list[i].name_hash == name_hash) return &sums->list[i].sum;
  if (sums->count == SUMS_IN_MARK) return NULL;
  sums->list[sums->count] = (struct hf__lmdb_marked_sum){name_hash, {0, 0}};
  return &sums->list[sums->count++].sum;
}

static int add_delta(hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_delta *d) {
  if (!d->cleared && !d->by.count && !d->by.hash) return 0;
  hf__lmdb_sum sum, *marked = find_marked(&env->sums, d->collection->name_hash);
  hf_slice name = {d->collection->name, d->collection->name_size};
  if (marked) {
    *marked = add(*marked, d);
    return 0;
  }
  int rc = get_sum(env, txn, name, &sum);
  sum = add(sum, d);
  return rc ? rc : hf__lmdb_sum_put(env, txn, name, &sum);
}

int hf__lmdb_sums_add(hf__lmdb_env *env, hf__lmdb_txn *t) {
  size_t number = mdb_txn_id(t->mdb);
  int rc = 0;
  if (env->sums.of != number && env->sums.of != number - 1) { /* neither built in it, nor left by this process */
    hf_slice mark;
    rc = hf__lmdb_mark_read(env, t->mdb, &mark);
    hf__lmdb_sums_read(mark, &env->sums);
  }
  for (const hf__lmdb_delta *d = t->deltas; d && rc == 0; d = d->next) rc = add_delta(env, t->mdb, d);
  env->sums.of = rc ? 0 : number;
  return rc;
}
