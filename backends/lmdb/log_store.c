/* SPDX-License-Identifier: MIT
 *
 * The log of changes: see log_store.h.
 */
#include "log_store.h"

#include <endian.h>
#include <string.h>

enum { FLAG_KEEPS = 1, KEY_MOST = 511, CLOCK_EVERY = 64 };

struct stored_head {
  uint64_t from, history_from, hole, since, purged;
};

static const unsigned char head_key[LOG_KEY];

static void make_key(unsigned char out[LOG_KEY], uint64_t revision, uint32_t nth) {
  revision = htobe64(revision);
  nth = htobe32(nth);
  memcpy(out, &revision, sizeof revision);
  memcpy(out + sizeof revision, &nth, sizeof nth);
}

int hf__lmdb_log_append(MDB_txn *txn, MDB_dbi log, const hf__lmdb_log_entry *e) {
  unsigned char key[LOG_KEY], value[LOG_VALUE_MAX];
  uint16_t size = htole16((uint16_t)e->entity_name.size);
  uint64_t at = htole64((uint64_t)e->at);
  make_key(key, e->revision, e->nth);
  value[0] = (unsigned char)e->what;
  value[1] = e->keeps ? FLAG_KEEPS : 0;
  memcpy(value + 2, &size, sizeof size);
  memcpy(value + 4, &at, sizeof at);
  memcpy(value + LOG_VALUE_HEAD, e->entity_name.data, e->entity_name.size);
  if (e->id.size) memcpy(value + LOG_VALUE_HEAD + e->entity_name.size, e->id.data, e->id.size);
  MDB_val k = {LOG_KEY, key}, v = {LOG_VALUE_HEAD + e->entity_name.size + e->id.size, value};
  return mdb_put(txn, log, &k, &v, MDB_APPEND);
}

int hf__lmdb_log_delete(MDB_txn *txn, MDB_dbi log, const MDB_val *key) {
  unsigned char bytes[KEY_MOST];
  MDB_val k = {key->mv_size, bytes};
  if (key->mv_size > sizeof bytes) return MDB_BAD_VALSIZE;
  memcpy(bytes, key->mv_data, key->mv_size); /* deleting may move the page that it points into */
  return mdb_del(txn, log, &k, NULL);
}

int hf__lmdb_log_drop(MDB_txn *txn, MDB_dbi log) { return mdb_drop(txn, log, 0); }

int hf__lmdb_log_delete_some(MDB_txn *txn, MDB_dbi log, int64_t end, bool *more) {
  MDB_cursor *c;
  MDB_val k, v;
  int rc = mdb_cursor_open(txn, log, &c);
  *more = false;
  if (rc) return rc;
  for (unsigned n = 1; !*more && (rc = mdb_cursor_get(c, &k, &v, MDB_FIRST)) == 0; n++) {
    *more = n % CLOCK_EVERY == 0 && hf_clock_ns() > end;
    if ((rc = mdb_cursor_del(c, 0))) break;
  }
  mdb_cursor_close(c);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

bool hf__lmdb_log_read(const MDB_val *k, const MDB_val *v, hf__lmdb_log_entry *out) {
  const char *key = k->mv_data, *value = v->mv_data;
  uint16_t size;
  uint64_t at;
  if (k->mv_size != LOG_KEY || v->mv_size < LOG_VALUE_HEAD) return false;
  memcpy(&out->revision, key, sizeof out->revision);
  memcpy(&out->nth, key + sizeof out->revision, sizeof out->nth);
  memcpy(&size, value + 2, sizeof size);
  memcpy(&at, value + 4, sizeof at);
  size = le16toh(size);
  if (!size || size > v->mv_size - LOG_VALUE_HEAD || (unsigned char)value[0] >= HF_CHANGE_KINDS) return false;
  out->revision = be64toh(out->revision);
  out->nth = be32toh(out->nth);
  out->what = (hf_change_kind)value[0];
  out->keeps = value[1] & FLAG_KEEPS;
  out->at = (int64_t)le64toh(at);
  out->entity_name = (hf_slice){value + LOG_VALUE_HEAD, size};
  out->id = (hf_slice){value + LOG_VALUE_HEAD + size, v->mv_size - LOG_VALUE_HEAD - size};
  return out->id.size <= HF_ID_MAX && (out->id.size || out->what == HF_CHANGE_CLEAR);
}

int hf__lmdb_log_seek(MDB_cursor *c, uint64_t revision, uint32_t nth, MDB_val *k, MDB_val *v) {
  unsigned char key[LOG_KEY];
  make_key(key, revision ? revision : 1, nth);
  *k = (MDB_val){LOG_KEY, key};
  return mdb_cursor_get(c, k, v, MDB_SET_RANGE);
}

int hf__lmdb_log_last(MDB_cursor *c, MDB_val *k, MDB_val *v) {
  int rc = mdb_cursor_get(c, k, v, MDB_LAST);
  return rc == 0 && hf__lmdb_log_is_head(k) ? MDB_NOTFOUND : rc;
}

int hf__lmdb_log_newest_time(MDB_txn *txn, MDB_dbi log, int64_t *at) {
  MDB_cursor *c;
  MDB_val k, v;
  hf__lmdb_log_entry e;
  hf__lmdb_log_head head;
  int rc = hf__lmdb_log_head_get(txn, log, &head);
  *at = rc ? 0 : head.since;
  if (rc == 0 || rc == MDB_NOTFOUND) rc = mdb_cursor_open(txn, log, &c);
  if (rc) return rc;
  rc = hf__lmdb_log_last(c, &k, &v);
  if (rc == 0 && hf__lmdb_log_read(&k, &v, &e) && e.at > *at) *at = e.at;
  mdb_cursor_close(c);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

/* ---- the head */

bool hf__lmdb_log_is_head(const MDB_val *k) {
  return k->mv_size == LOG_KEY && memcmp(k->mv_data, head_key, LOG_KEY) == 0;
}

bool hf__lmdb_log_head_read(const MDB_val *v, hf__lmdb_log_head *out) {
  struct stored_head s;
  if (v->mv_size < sizeof s) return false;
  memcpy(&s, v->mv_data, sizeof s);
  *out = (hf__lmdb_log_head){.from = le64toh(s.from),
                             .history_from = le64toh(s.history_from),
                             .hole = le64toh(s.hole),
                             .since = (int64_t)le64toh(s.since),
                             .purged = le64toh(s.purged)};
  return true;
}

int hf__lmdb_log_head_get(MDB_txn *txn, MDB_dbi log, hf__lmdb_log_head *head) {
  MDB_val k = {LOG_KEY, (void *)(uintptr_t)head_key}, v;
  int rc = mdb_get(txn, log, &k, &v);
  return rc == 0 && !hf__lmdb_log_head_read(&v, head) ? MDB_CORRUPTED : rc;
}

int hf__lmdb_log_head_put(MDB_txn *txn, MDB_dbi log, const hf__lmdb_log_head *head) {
  struct stored_head s = {htole64(head->from), htole64(head->history_from), htole64(head->hole),
                          htole64((uint64_t)head->since), htole64(head->purged)};
  MDB_val k = {LOG_KEY, (void *)(uintptr_t)head_key}, v = {sizeof s, &s};
  return mdb_put(txn, log, &k, &v, 0);
}

int hf__lmdb_log_head_delete(MDB_txn *txn, MDB_dbi log) {
  MDB_val k = {LOG_KEY, (void *)(uintptr_t)head_key};
  return mdb_del(txn, log, &k, NULL);
}
