/* SPDX-License-Identifier: MIT
 *
 * The pool of read transactions: see pool.h.
 */
#include "pool.h"

#include <sched.h>

#include "begin.h"
#include "locks.h"

void hf__lmdb_exclusive_begin(hf__lmdb_env *env, MDB_txn *taken[READER_POOL]) {
  hf__lmdb_lock(&env->readers_lock);
  for (unsigned n = 0; n < env->readers_made;) {
    MDB_txn *txn = hf__lmdb_pool_take(env);
    if (txn)
      taken[n++] = txn;
    else
      sched_yield();
  }
}

void hf__lmdb_exclusive_end(hf__lmdb_env *env, MDB_txn *taken[READER_POOL]) {
  for (unsigned n = 0; n < env->readers_made; n++) hf__lmdb_pool_put(env, taken[n]);
  pthread_mutex_unlock(&env->readers_lock);
}

int hf__lmdb_begin_read_txn(hf__lmdb_env *env, MDB_txn **txn) {
  if (!env->mdb) return MDB_PANIC;
  return hf__lmdb_begin_reading(env->mdb, txn);
}

int hf__lmdb_make_reader(hf__lmdb_env *env, MDB_txn **txn) {
  int rc = 0;
  *txn = NULL;
  hf__lmdb_lock(&env->readers_lock);
  if (env->readers_made < READER_POOL) {
    rc = hf__lmdb_begin_read_txn(env, txn);
    if (rc == 0) env->readers_made++;
  }
  pthread_mutex_unlock(&env->readers_lock);
  return rc;
}

void hf__lmdb_drop_readers(hf__lmdb_env *env) {
  for (int i = 0; i < READER_POOL; i++) {
    MDB_txn *txn = atomic_exchange(&env->idle[i], NULL);
    if (txn) mdb_txn_abort(txn);
  }
  env->readers_made = 0;
}
