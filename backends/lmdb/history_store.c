/* SPDX-License-Identifier: MIT
 *
 * The history: see history_store.h.
 */
#include "history_store.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "meta.h"

enum { NUMBER_TEXT = 16 };

struct key {
  unsigned char bytes[HISTORY_KEY_MAX];
  MDB_val val;
};

MDB_val hf__lmdb_history_key(unsigned char out[HISTORY_KEY_MAX], uint32_t number, hf_slice order, uint64_t revision) {
  uint64_t last = htobe64(revision << 16);
  number = htobe32(number);
  memcpy(out, &number, HISTORY_NUMBER);
  if (order.size) memcpy(out + HISTORY_NUMBER, order.data, order.size);
  memcpy(out + HISTORY_NUMBER + order.size, &last, HISTORY_REVISION);
  return (MDB_val){HISTORY_NUMBER + order.size + HISTORY_REVISION, out};
}

static void make_key(struct key *k, uint32_t number, hf_slice order, uint64_t revision) {
  k->val = hf__lmdb_history_key(k->bytes, number, order, revision);
}

bool hf__lmdb_history_read(const MDB_val *k, const MDB_val *v, hf__lmdb_replaced *out) {
  const char *key = k->mv_data, *value = v->mv_data;
  uint64_t revision = 0;
  if (k->mv_size <= HISTORY_NUMBER + HISTORY_REVISION || k->mv_size > HISTORY_KEY_MAX || !v->mv_size) return false;
  if ((unsigned char)value[0] >= HF_CHANGE_KINDS) return false;
  memcpy(&out->number, key, HISTORY_NUMBER);
  out->number = be32toh(out->number);
  out->order = (hf_slice){key + HISTORY_NUMBER, k->mv_size - HISTORY_NUMBER - HISTORY_REVISION};
  memcpy(&revision, key + k->mv_size - HISTORY_REVISION, HISTORY_REVISION);
  out->revision = be64toh(revision) >> 16;
  out->what = (hf_change_kind)value[0];
  out->record = (MDB_val){v->mv_size - 1, (void *)(uintptr_t)(value + 1)};
  return true;
}

/* ---- keeping */

int hf__lmdb_history_put(MDB_txn *txn, MDB_dbi history, uint32_t number, hf_slice order, uint64_t revision,
                         hf_change_kind what, const MDB_val *record) {
  struct key k;
  MDB_val v = {1 + (record ? record->mv_size : 0), NULL};
  make_key(&k, number, order, revision);
  int rc = mdb_put(txn, history, &k.val, &v, MDB_RESERVE | MDB_NOOVERWRITE);
  if (rc) return rc == MDB_KEYEXIST ? 0 : rc;
  unsigned char *out = v.mv_data;
  out[0] = (unsigned char)what;
  if (record) memcpy(out + 1, record->mv_data, record->mv_size);
  return 0;
}

int hf__lmdb_history_end_by(MDB_txn *txn, MDB_dbi history, uint32_t number, hf_slice order, uint64_t revision,
                            hf_change_kind what) {
  struct key k;
  MDB_val v;
  make_key(&k, number, order, revision);
  int rc = mdb_get(txn, history, &k.val, &v);
  if (rc) return rc == MDB_NOTFOUND ? 0 : rc;
  unsigned char *copy = malloc(v.mv_size); /* putting may move the page that it lies in */
  if (!copy) return ENOMEM;
  memcpy(copy, v.mv_data, v.mv_size);
  copy[0] = (unsigned char)what;
  v.mv_data = copy;
  rc = mdb_put(txn, history, &k.val, &v, 0);
  free(copy);
  return rc;
}

int hf__lmdb_history_delete(MDB_txn *txn, MDB_dbi history, uint32_t number, hf_slice order, uint64_t revision) {
  struct key k;
  make_key(&k, number, order, revision);
  int rc = mdb_del(txn, history, &k.val, NULL);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

int hf__lmdb_history_seek(MDB_cursor *c, uint32_t number, hf_slice order, uint64_t revision, hf__lmdb_replaced *out) {
  struct key wanted;
  make_key(&wanted, number, order, revision);
  MDB_val k = wanted.val, v;
  int rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
  if (rc) return rc;
  size_t head = HISTORY_NUMBER + order.size;
  if (k.mv_size != wanted.val.mv_size || memcmp(k.mv_data, wanted.bytes, head) != 0) return MDB_NOTFOUND;
  return hf__lmdb_history_read(&k, &v, out) ? 0 : MDB_CORRUPTED;
}

int hf__lmdb_history_purge(MDB_txn *txn, MDB_dbi history, uint32_t number, hf_slice order, uint64_t *count) {
  MDB_cursor *c;
  hf__lmdb_replaced r;
  int rc = mdb_cursor_open(txn, history, &c);
  if (rc) return rc;
  while ((rc = hf__lmdb_history_seek(c, number, order, 0, &r)) == 0) {
    if ((rc = mdb_cursor_del(c, 0))) break;
    ++*count;
  }
  mdb_cursor_close(c);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

int hf__lmdb_history_drop(MDB_txn *txn, MDB_dbi history) { return mdb_drop(txn, history, 0); }

/* ---- numbers of collections */

/* A number in a value of META_DB, which has no 0 after it; 0: it is none. */
static int read_number(hf_slice value, uint32_t *number) {
  char text[NUMBER_TEXT];
  *number = 0;
  if (!value.data) return 0;
  if (value.size >= sizeof text) return MDB_CORRUPTED;
  memcpy(text, value.data, value.size);
  text[value.size] = '\0';
  *number = (uint32_t)strtoul(text, NULL, 10);
  return *number ? 0 : MDB_CORRUPTED;
}

int hf__lmdb_history_number(const hf__lmdb_env *env, MDB_txn *txn, hf_slice name, uint32_t *number) {
  char key[sizeof META_NUMBER + HF_ID_MAX];
  hf_slice value;
  snprintf(key, sizeof key, META_NUMBER "%.*s", (int)name.size, name.data);
  int rc = hf__lmdb_meta_get(env, txn, key, &value);
  return rc ? rc : read_number(value, number);
}

static int put_number(const hf__lmdb_env *env, MDB_txn *txn, const char *prefix, hf_slice name, uint32_t number) {
  char text[NUMBER_TEXT];
  bool unused;
  int n = snprintf(text, sizeof text, "%u", number);
  return hf__lmdb_meta_put(env, txn, prefix, name, (hf_slice){text, (size_t)n}, &unused);
}

/* Whether a number that was read may be one that the transaction, or one around it, has given, and goes with it. */
static bool may_be_undone(const hf__lmdb_txn *t) {
  while (t && !t->gave_number) t = t->parent;
  return t != NULL;
}

int hf__lmdb_history_give_number(hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_collection *c, uint32_t *number) {
  hf_slice name = {c->name, c->name_size}, last;
  if (c->number_of == env->known.version && c->number) {
    *number = c->number;
    return 0;
  }
  int rc = hf__lmdb_history_number(env, t->mdb, name, number);
  if (rc) return rc;
  if (*number) {
    if (may_be_undone(t)) return 0;
    c->number = *number;
    c->number_of = env->known.version;
    return 0;
  }
  rc = hf__lmdb_meta_get(env, t->mdb, META_NUMBERS, &last);
  if (rc == 0) rc = read_number(last, number);
  if (rc == 0) rc = put_number(env, t->mdb, META_NUMBERS, (hf_slice){NULL, 0}, ++*number);
  if (rc == 0) rc = put_number(env, t->mdb, META_NUMBER, name, *number);
  for (; t; t = t->parent) t->gave_number = true;
  return rc;
}
