/* SPDX-License-Identifier: MIT
 *
 * Keeping up what expires (expiry_store.h), in the transaction of each change: change.c calls this, and nothing else
 * does.
 */
#ifndef HF_BACKENDS_LMDB_EXPIRY_KEEP_H
#define HF_BACKENDS_LMDB_EXPIRY_KEEP_H

#include "expiry_store.h"

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

#endif
