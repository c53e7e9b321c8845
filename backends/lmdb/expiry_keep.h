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
 * change.c keeps them up, in the transaction of each change.
 */
#ifndef HF_BACKENDS_LMDB_EXPIRY_KEEP_H
#define HF_BACKENDS_LMDB_EXPIRY_KEEP_H

#include "env.h"
#include "record.h"

#define FEATURE_TTL "ttl"

enum { EXPIRY_TIME = 6, EXPIRY_KEY_HEAD = EXPIRY_TIME + 4, EXPIRY_KEY_MAX = EXPIRY_KEY_HEAD + HF_ORDER_KEY_MAX };

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

/* ---- writing */

/* What is kept up in a transaction. */
typedef struct hf__lmdb_expiring {
  hf__lmdb_env *env;
  hf__lmdb_txn *t;
  hf__lmdb_collection *collection;
  MDB_dbi dbi; /* 0: nothing in the store expires */
} hf__lmdb_expiring;

/* Begins. */
hf_status hf__lmdb_expiry_enter(hf__lmdb_expiring *x, hf__lmdb_env *env, hf__lmdb_txn *txn,
                                hf__lmdb_collection *collection, hf_error *err);

/* Before something that expires is written: has the store know of that from this transaction on, if it does not yet. */
hf_status hf__lmdb_expiry_need(hf__lmdb_expiring *x, hf_error *err);

/* The same in a commit of its own, raising the format where that is needed; call it without a transaction. */
hf_status hf__lmdb_expiry_turn_on(hf__lmdb_env *env, hf_error *err);

/* A record is put in the place of an old one (NULL: there is none), or removed (expires_at 0); before it happens.
 * LMDB's result. */
int hf__lmdb_expiry_change(const hf__lmdb_expiring *x, const hf_key *key, const MDB_val *old, int64_t expires_at);

/* All records of the collection are removed.  LMDB's result. */
int hf__lmdb_expiry_clear(const hf__lmdb_expiring *x);

/* ---- reading */

/* An entry; the order key points into the database. */
typedef struct hf__lmdb_expiry {
  int64_t at;
  uint32_t number;
  hf_slice order;
} hf__lmdb_expiry;

/* Reads one.  False: it is damaged. */
bool hf__lmdb_expiry_read(const MDB_val *key, hf__lmdb_expiry *out);

#endif
