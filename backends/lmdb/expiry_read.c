/* SPDX-License-Identifier: MIT
 *
 * What has expired and is still there: see expiry_read.h.
 */
#include "expiry_read.h"

#include "collections.h"
#include "history_store.h"
#include "readers.h"

hf_status hf__lmdb_expiry_open(hf__lmdb_env *env, hf__lmdb_txn *in, hf_error *err) {
  MDB_txn *t;
  MDB_dbi dbi;
  if (in) return HF_OK;
  hf_status status = hf__lmdb_read_collection(env, NULL, env->expiry, &t, &dbi, err);
  if (status == HF_OK) hf__lmdb_read_collection_end(env, NULL, t);
  return status;
}

/* EXPIRY_DB, if the transaction knows it. */
static MDB_dbi find_dbi(hf__lmdb_env *env, hf__lmdb_txn *in, MDB_txn *txn) {
  MDB_dbi dbi = 0;
  hf_error unused;
  if (in && in->kind == HF_TXN_WRITE) return hf__lmdb_write_dbi(env, in, env->expiry, &dbi, &unused) ? 0 : dbi;
  dbi = atomic_load(&env->expiry->dbi);
  return dbi && hf__lmdb_knows_dbi(txn, dbi) ? dbi : 0;
}

/* Without entries: looks at each record. */
static int count_all(MDB_txn *txn, MDB_dbi records, int64_t now, uint64_t most, uint64_t *count) {
  MDB_cursor *c;
  MDB_val k, v;
  int rc = mdb_cursor_open(txn, records, &c);
  if (rc) return rc;
  while (*count < most && (rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) == 0) {
    int64_t at = hf__lmdb_record_expires_at(&v);
    *count += at && at <= now;
  }
  mdb_cursor_close(c);
  return rc;
}

/* By entries. */
static int count_due(MDB_txn *txn, MDB_dbi dbi, MDB_dbi records, uint32_t number, int64_t now, uint64_t most,
                     uint64_t *count) {
  MDB_cursor *c;
  MDB_val k, v;
  int rc = mdb_cursor_open(txn, dbi, &c);
  if (rc) return rc;
  while (*count < most && (rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) == 0) {
    hf__lmdb_expiry e;
    if (!hf__lmdb_expiry_read(&k, &e)) continue;
    if (e.at > now) break;
    if (e.number != number) continue;
    MDB_val order = hf__lmdb_val(e.order), record;
    if (mdb_get(txn, records, &order, &record) == 0) *count += hf__lmdb_record_expires_at(&record) == e.at;
  }
  mdb_cursor_close(c);
  return rc;
}

int hf__lmdb_expiry_count(hf__lmdb_env *env, hf__lmdb_txn *in, MDB_txn *txn, const hf__lmdb_collection *c,
                          MDB_dbi records, uint64_t most, uint64_t *count) {
  uint32_t number = 0;
  int64_t now = hf__lmdb_now(in);
  MDB_dbi dbi = find_dbi(env, in, txn);
  *count = 0;
  if (!records) return 0;
  int rc = dbi ? hf__lmdb_history_number(env, txn, (hf_slice){c->name, c->name_size}, &number) : 0;
  if (rc == 0 && dbi && number) rc = count_due(txn, dbi, records, number, now, most, count);
  if (rc == 0 && !dbi && hf__lmdb_has_type(env, txn, env->expiry) == 0) rc = count_all(txn, records, now, most, count);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

hf_status hf__lmdb_expiry_subtract(hf__lmdb_env *env, hf__lmdb_txn *in, MDB_txn *txn, const hf__lmdb_collection *c,
                                   MDB_dbi records, uint64_t *count, hf_error *err) {
  uint64_t over;
  int rc = hf__lmdb_expiry_count(env, in, txn, c, records, UINT64_MAX, &over);
  if (rc) return hf__lmdb_fail(env, rc, "count", err);
  *count -= over < *count ? over : *count;
  return HF_OK;
}

/* Counts the entries of a collection, and those that are due. */
static int count_entries(MDB_txn *txn, MDB_dbi dbi, uint32_t number, int64_t now, uint64_t *expiring,
                         uint64_t *expired) {
  MDB_cursor *c;
  MDB_val k, v;
  int rc = mdb_cursor_open(txn, dbi, &c);
  if (rc) return rc;
  while ((rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) == 0) {
    hf__lmdb_expiry e;
    if (!hf__lmdb_expiry_read(&k, &e) || e.number != number) continue;
    ++*expiring;
    *expired += e.at <= now;
  }
  mdb_cursor_close(c);
  return rc;
}

bool hf__lmdb_expiry_stat(hf__lmdb_env *env, hf__lmdb_txn *in, MDB_txn *txn, const hf__lmdb_collection *c,
                          hf_buffer *json) {
  uint32_t number = 0;
  uint64_t expiring = 0, expired = 0;
  MDB_dbi dbi = hf__lmdb_may_expire(env, in) ? find_dbi(env, in, txn) : 0;
  if (!dbi) return true;
  int rc = hf__lmdb_history_number(env, txn, (hf_slice){c->name, c->name_size}, &number);
  if (rc == 0 && number) rc = count_entries(txn, dbi, number, hf__lmdb_now(in), &expiring, &expired);
  if (rc && rc != MDB_NOTFOUND) return true; /* `verify` tells of what is damaged */
  return hf_buffer_printf(json, ",\"expiring\":%llu,\"expired\":%llu", (unsigned long long)expiring,
                          (unsigned long long)expired);
}
