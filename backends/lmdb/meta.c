/* SPDX-License-Identifier: MIT
 *
 * What a store keeps of itself: see meta.h.
 */
#include "meta.h"

#include <endian.h>
#include <string.h>

enum { KEY_MAX = 511 };

_Static_assert(sizeof(hf__lmdb_mark) == MARK_SIZE, "the mark as it is stored");

int hf__lmdb_mark_read(const hf__lmdb_env *env, MDB_txn *txn, hf_slice *value) {
  MDB_val k = {sizeof MARK_KEY - 1, (void *)MARK_KEY}, v;
  *value = (hf_slice){NULL, 0};
  int rc = mdb_get(txn, env->main_dbi, &k, &v);
  if (rc == 0) *value = (hf_slice){v.mv_data, v.mv_size};
  return rc == MDB_NOTFOUND ? 0 : rc;
}

int hf__lmdb_mark_get(const hf__lmdb_env *env, MDB_txn *txn, hf__lmdb_mark *mark) {
  hf_slice value;
  *mark = (hf__lmdb_mark){0, 0};
  int rc = hf__lmdb_mark_read(env, txn, &value);
  if (value.size < MARK_SIZE) return rc;
  memcpy(mark, value.data, sizeof *mark);
  *mark = (hf__lmdb_mark){le64toh(mark->commit), le64toh(mark->changed)};
  return rc;
}

int hf__lmdb_mark_put(const hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_mark *mark, hf_slice more) {
  char bytes[MARK_SIZE + MARK_MORE_MOST];
  hf__lmdb_mark stored = {htole64(mark->commit), htole64(mark->changed)};
  MDB_val k = {sizeof MARK_KEY - 1, (void *)MARK_KEY}, v = {MARK_SIZE + more.size, bytes};
  memcpy(bytes, &stored, MARK_SIZE);
  if (more.size) memcpy(bytes + MARK_SIZE, more.data, more.size);
  return mdb_put(txn, env->main_dbi, &k, &v, 0);
}

/* A key of META_DB. */
struct key {
  char bytes[KEY_MAX];
  MDB_val val;
};

static bool make_key(struct key *k, const char *prefix, hf_slice name) {
  size_t n = strlen(prefix);
  if (n + name.size > sizeof k->bytes) return false;
  memcpy(k->bytes, prefix, n);
  if (name.size) memcpy(k->bytes + n, name.data, name.size);
  k->val = (MDB_val){n + name.size, k->bytes};
  return true;
}

int hf__lmdb_meta_put(const hf__lmdb_env *env, MDB_txn *txn, const char *prefix, hf_slice name, hf_slice value,
                      bool *changed) {
  struct key k;
  MDB_val there, v = {value.size, (void *)(uintptr_t)value.data};
  if (!make_key(&k, prefix, name)) return MDB_BAD_VALSIZE;
  int rc = mdb_get(txn, env->meta_dbi, &k.val, &there);
  if (rc && rc != MDB_NOTFOUND) return rc;
  bool same = value.data ? rc == 0 && there.mv_size == v.mv_size && memcmp(there.mv_data, v.mv_data, v.mv_size) == 0
                         : rc == MDB_NOTFOUND;
  if (same) return 0;
  *changed = true;
  return value.data ? mdb_put(txn, env->meta_dbi, &k.val, &v, 0) : mdb_del(txn, env->meta_dbi, &k.val, NULL);
}

int hf__lmdb_meta_get(const hf__lmdb_env *env, MDB_txn *txn, const char *key, hf_slice *value) {
  MDB_val k = {strlen(key), (void *)(uintptr_t)key}, v;
  *value = (hf_slice){NULL, 0};
  int rc = mdb_get(txn, env->meta_dbi, &k, &v);
  if (rc == 0) *value = (hf_slice){v.mv_data, v.mv_size};
  return rc == MDB_NOTFOUND ? 0 : rc;
}

int hf__lmdb_meta_each(hf__lmdb_env *env, MDB_txn *txn, const char *prefix,
                       int (*fn)(hf__lmdb_env *env, MDB_txn *txn, hf_slice name, hf_slice value, void *arg),
                       void *arg) {
  MDB_cursor *c;
  size_t n = strlen(prefix);
  MDB_val k = {n, (void *)(uintptr_t)prefix}, v;
  int rc = mdb_cursor_open(txn, env->meta_dbi, &c);
  if (rc) return rc;
  for (rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE); rc == 0; rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) {
    if (k.mv_size < n || memcmp(k.mv_data, prefix, n) != 0) break;
    rc = fn(env, txn, (hf_slice){(const char *)k.mv_data + n, k.mv_size - n}, (hf_slice){v.mv_data, v.mv_size}, arg);
    if (rc) break;
  }
  mdb_cursor_close(c);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

bool hf__lmdb_format_of(hf_slice record, unsigned *format, size_t *end) {
  static const char head[] = "{\"format\":";
  size_t at = sizeof head - 1;
  *format = 0;
  if (record.size <= at || memcmp(record.data, head, at) != 0) return false;
  for (; at < record.size && record.data[at] >= '0' && record.data[at] <= '9' && *format < 100000; at++)
    *format = *format * 10 + (unsigned)(record.data[at] - '0');
  *end = at;
  return at >= sizeof head;
}
