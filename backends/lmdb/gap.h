/* SPDX-License-Identifier: MIT
 *
 * Gaps.  Each commit of a format-2 store leaves its number (hf__lmdb_mark).  Where the number is not that of the newest
 * commit, a stranger has written: a process of 0.1, which does not look at the format again once it has the store open.
 * It cannot have kept up what features keep, so that is brought up to date before anything is written again.
 */
#ifndef HF_BACKENDS_LMDB_GAP_H
#define HF_BACKENDS_LMDB_GAP_H

#include "env.h"

/* Whether the newest commit that was looked at is a stranger's.  What a feature keeps is out of date then. */
static inline bool hf__lmdb_has_gap(const hf__lmdb_env *env) {
  return atomic_load_explicit(&env->known.gap, memory_order_relaxed);
}

/* Mends it in the write transaction, which is the first one after the strangers', and ends that: has every feature
 * bring up to date what it keeps, notes the gap, and commits.  Then warns.  Needs write_lock. map_full receives
 * whether it failed for lack of map */
hf_status hf__lmdb_mend_gap(hf__lmdb_env *env, MDB_txn *txn, bool *map_full, hf_error *err);

/* A gap is warned of at most once in so many nanoseconds; counted it is each time.  A variable, so that tests can be
 * told of each. */
extern int64_t hf__lmdb_gap_tell_ns;

#endif
