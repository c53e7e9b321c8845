/* SPDX-License-Identifier: MIT
 *
 * Removing what has expired: a few with each commit, and now and then only, so that whoever writes hardly notices.  It
 * waits for a margin and until the clock can be believed (clock_note.h), since what a wrong clock removed would be
 * lost.
 */
#ifndef HF_BACKENDS_LMDB_EXPIRY_SWEEP_H
#define HF_BACKENDS_LMDB_EXPIRY_SWEEP_H

#include "expiry_store.h"

/* Removes the record as an expired one, if it is there and expires at this time; else changes nothing.  LMDB's result.
 */
typedef int hf__lmdb_expire_fn(hf__lmdb_env *env, hf__lmdb_txn *txn, hf__lmdb_collection *collection, const hf_key *key,
                               int64_t expires_at);

/* Removes some of what has expired, if it is time for that, within the transaction, whose own changes have been made.
 * What fails here is undone, left to a later commit, and nobody's error. */
void hf__lmdb_expiry_sweep(hf__lmdb_env *env, hf__lmdb_txn *txn, hf__lmdb_expire_fn *expire);

#endif
