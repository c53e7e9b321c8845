/* SPDX-License-Identifier: MIT
 *
 * Entities that expire.  When one does is in its record (record.h), and decides alone whether it is found; EXPIRY_DB
 * has them in the order of their times, so that they can be counted and removed without looking at all others.
 *
 *   key    when it expires, 6 bytes, ms, big-endian; number of the collection, 4 bytes, big-endian (history_store.h);
 *          the order key of the id
 *   value  none
 *
 * An entry whose record is gone, or expires at another time, is nobody's: whoever goes by entries looks at the record.
 */
#ifndef HF_BACKENDS_LMDB_EXPIRY_STORE_H
#define HF_BACKENDS_LMDB_EXPIRY_STORE_H

#include "env.h"
#include "record.h"

#define FEATURE_TTL "ttl"

enum { EXPIRY_TIME = 6, EXPIRY_KEY_HEAD = EXPIRY_TIME + 4, EXPIRY_KEY_MAX = EXPIRY_KEY_HEAD + HF_ORDER_KEY_MAX };

/* Whether anything in the store may expire.
 *   in  the core's transaction; NULL: none */
static inline bool hf__lmdb_may_expire(const hf__lmdb_env *env, const hf__lmdb_txn *in) {
  bool may = atomic_load_explicit(&env->known.may_have_expiry, memory_order_relaxed);
  return __builtin_expect(may || (in && in->gave_expiry), 0);
}

/* By what time it is judged what has expired: one for all that a transaction does, so that it sees one moment.
 *   txn  NULL: the present one */
static inline int64_t hf__lmdb_now(hf__lmdb_txn *txn) {
  if (!txn) return hf_now_ms();
  while (txn->parent) txn = txn->parent;
  if (!txn->now) txn->now = hf_now_ms();
  return txn->now;
}

/* Whether what expires at this time (0: never) has done so. */
static inline bool hf__lmdb_is_over(hf__lmdb_txn *txn, int64_t expires_at) {
  return __builtin_expect(expires_at != 0, 0) && expires_at <= hf__lmdb_now(txn);
}

/* The same of a record. */
static inline bool hf__lmdb_record_is_over(hf__lmdb_txn *txn, const MDB_val *record) {
  return hf__lmdb_is_over(txn, hf__lmdb_record_expires_at(record));
}

/* ---- entries */

/* An entry; the order key points into the database. */
typedef struct hf__lmdb_expiry {
  int64_t at;
  uint32_t number;
  hf_slice order;
} hf__lmdb_expiry;

/* Reads one.  False: it is damaged. */
bool hf__lmdb_expiry_read(const MDB_val *key, hf__lmdb_expiry *out);

/* What follows gives LMDB's results. */

/* Makes an entry. */
int hf__lmdb_expiry_put(MDB_txn *txn, MDB_dbi expiry, const hf__lmdb_expiry *entry);
/* Deletes one, by what it has, or by its key; it may be gone. */
int hf__lmdb_expiry_delete(MDB_txn *txn, MDB_dbi expiry, const hf__lmdb_expiry *entry);
int hf__lmdb_expiry_delete_key(MDB_txn *txn, MDB_dbi expiry, MDB_val *key);
/* Deletes those of a collection. */
int hf__lmdb_expiry_delete_all(MDB_txn *txn, MDB_dbi expiry, uint32_t number);

#endif
