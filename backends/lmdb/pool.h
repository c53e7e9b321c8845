/* SPDX-License-Identifier: MIT
 *
 * The pool of read transactions.  They are reset between two uses, so that taking one needs no slot in the lock file
 * and no lock.
 */
#ifndef HF_BACKENDS_LMDB_POOL_H
#define HF_BACKENDS_LMDB_POOL_H

#include "env.h"

/* Puts a reset transaction back.  There are never more of them than places. */
static inline void hf__lmdb_pool_put(hf__lmdb_env *env, MDB_txn *txn) {
  for (;;)
    for (int i = 0; i < READER_POOL; i++) {
      MDB_txn *none = NULL;
      if (atomic_compare_exchange_strong_explicit(&env->idle[i], &none, txn, memory_order_release,
                                                  memory_order_relaxed))
        return;
    }
}

/* Takes one out of the pool, to be renewed; NULL: all are in use. */
static inline MDB_txn *hf__lmdb_pool_take(hf__lmdb_env *env) {
  for (int i = 0; i < READER_POOL; i++) {
    if (!atomic_load_explicit(&env->idle[i], memory_order_relaxed)) continue;
    MDB_txn *txn = atomic_exchange_explicit(&env->idle[i], NULL, memory_order_acquire);
    if (txn) return txn;
  }
  return NULL;
}

/* A new reader for the pool, already begun; *txn is NULL where the pool is as large as it gets.  LMDB's result. */
int hf__lmdb_make_reader(hf__lmdb_env *env, MDB_txn **txn);

/* A read transaction of its own, outside the pool.  LMDB's result; MDB_PANIC without an environment. */
int hf__lmdb_begin_read_txn(hf__lmdb_env *env, MDB_txn **txn);

/* Takes every reader out of circulation: no pooled read is running afterwards, and none begins until the end. */
void hf__lmdb_exclusive_begin(hf__lmdb_env *env, MDB_txn *taken[READER_POOL]);
void hf__lmdb_exclusive_end(hf__lmdb_env *env, MDB_txn *taken[READER_POOL]);

/* Aborts the readers of the pool, which is at rest: the environment is being closed. */
void hf__lmdb_drop_readers(hf__lmdb_env *env);

#endif
