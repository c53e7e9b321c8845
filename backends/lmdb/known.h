/* SPDX-License-Identifier: MIT
 *
 * What a process knows of the store's format, features and settings, and when it looks again: whenever it begins a
 * transaction that sees a commit of another process.  Its own commits change nothing of that (but those that change
 * settings), so that a process that is alone compares one number.
 */
#ifndef HF_BACKENDS_LMDB_KNOWN_H
#define HF_BACKENDS_LMDB_KNOWN_H

#include "env.h"

/* Whether everything up to this commit has been looked at. */
static inline bool hf__lmdb_has_seen(const hf__lmdb_env *env, size_t commit) {
  return commit <= atomic_load_explicit(&env->known.commit, memory_order_acquire);
}

/* Looks at what the transaction sees, whose newest commit this is, unless that has been done.
 * HF_UNSUPPORTED: a format or feature that this version must not even read. */
hf_status hf__lmdb_learn(hf__lmdb_env *env, MDB_txn *txn, size_t commit, hf_error *err);

/* HF_READONLY where the store has a feature that this version does not know, and may be read all the same, or follows
 * another store and this process is not what writes that one's changes. */
hf_status hf__lmdb_check_writable(hf__lmdb_env *env, hf_error *err);

/* To look again, whatever was seen: after settings were changed, and when the environment is opened again. */
static inline void hf__lmdb_forget_seen(hf__lmdb_env *env) { atomic_store(&env->known.commit, 0); }

#endif
