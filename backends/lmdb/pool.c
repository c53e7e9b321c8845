/* SPDX-License-Identifier: MIT
 *
 * Reading an LMDB environment: the pool of read transactions, and snapshots.
 */
#include <sched.h>

#include "env.h"

/* ---- the pool of readers */

/* Puts a reset transaction back.  There are never more of them than places. */
static void pool_put(hf__lmdb_env *env, MDB_txn *txn) {
  for (;;)
    for (int i = 0; i < READER_POOL; i++) {
      MDB_txn *none = NULL;
      if (atomic_compare_exchange_strong_explicit(&env->idle[i], &none, txn, memory_order_release,
                                                  memory_order_relaxed))
        return;
    }
}

static MDB_txn *pool_take(hf__lmdb_env *env) {
  for (int i = 0; i < READER_POOL; i++) {
    if (!atomic_load_explicit(&env->idle[i], memory_order_relaxed)) continue;
    MDB_txn *txn = atomic_exchange_explicit(&env->idle[i], NULL, memory_order_acquire);
    if (txn) return txn;
  }
  return NULL;
}

void hf__lmdb_exclusive_begin(hf__lmdb_env *env, MDB_txn *taken[READER_POOL]) {
  pthread_mutex_lock(&env->gate);
  for (unsigned n = 0; n < env->readers_made;) {
    MDB_txn *txn = pool_take(env);
    if (txn)
      taken[n++] = txn;
    else
      sched_yield();
  }
}

void hf__lmdb_exclusive_end(hf__lmdb_env *env, MDB_txn *taken[READER_POOL]) {
  for (unsigned n = 0; n < env->readers_made; n++) pool_put(env, taken[n]);
  pthread_mutex_unlock(&env->gate);
}

/* ---- reading */

int hf__lmdb_begin_read_txn(hf__lmdb_env *env, MDB_txn **txn) {
  if (!env->mdb) return MDB_PANIC;
  int rc = mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, txn);
  if (rc == MDB_READERS_FULL) {
    mdb_reader_check(env->mdb, NULL); /* some may be of dead processes */
    rc = mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, txn);
  }
  return rc;
}

/* A new reader for the pool, already begun; *txn is NULL where the pool is as large as it gets.  LMDB's result. */
static int make_reader(hf__lmdb_env *env, MDB_txn **txn) {
  int rc = 0;
  *txn = NULL;
  pthread_mutex_lock(&env->gate);
  if (env->readers_made < READER_POOL) {
    rc = hf__lmdb_begin_read_txn(env, txn);
    if (rc == 0) env->readers_made++;
  }
  pthread_mutex_unlock(&env->gate);
  return rc;
}

hf_status hf__lmdb_read_begin(hf__lmdb_env *env, MDB_txn **txn, hf_error *err) {
  for (int repairs = 0;;) {
    int rc;
    MDB_txn *t = pool_take(env);
    if (t) {
      rc = mdb_txn_renew(t);
      if (__builtin_expect(rc == 0, 1)) {
        *txn = t;
        return HF_OK;
      }
      pool_put(env, t);
    } else {
      rc = make_reader(env, txn);
      if (rc == 0 && *txn) return HF_OK;
    }
    if (rc == 0) { /* all readers are in use: they are given back soon */
      sched_yield();
      continue;
    }
    hf_status status = ++repairs > REPAIRS_MAX ? hf__lmdb_fail(env, rc, "begin reading", err)
                                               : hf__lmdb_repair(env, rc, "begin reading", err);
    if (status) return status;
  }
}

void hf__lmdb_read_end(hf__lmdb_env *env, MDB_txn *txn) {
  mdb_txn_reset(txn);
  pool_put(env, txn);
}
