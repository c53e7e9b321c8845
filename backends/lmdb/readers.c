/* SPDX-License-Identifier: MIT
 *
 * Reading an LMDB environment: see readers.h.
 */
#include "readers.h"

#include <sched.h>

#include "collections.h"
#include "known.h"
#include "locks.h"
#include "map.h"
#include "pool.h"
#include "snapshot.h"

/* Looks at what others have changed.  A transaction in which this version must not read is given back. */
static hf_status look(hf__lmdb_env *env, MDB_txn *txn, hf_error *err) {
  hf_status status = hf__lmdb_learn(env, txn, mdb_txn_id(txn), err);
  if (status) hf__lmdb_read_end(env, txn);
  return status;
}

hf_status hf__lmdb_read_begin(hf__lmdb_env *env, MDB_txn **txn, hf_error *err) {
  hf__lmdb_may_wait();
  for (int repairs = 0;;) {
    int rc;
    MDB_txn *t = hf__lmdb_pool_take(env);
    if (t) {
      rc = mdb_txn_renew(t);
      if (__builtin_expect(rc == 0, 1)) {
        *txn = t;
        hf__lmdb_holds_reader = true;
        return __builtin_expect(hf__lmdb_has_seen(env, mdb_txn_id(t)), 1) ? HF_OK : look(env, t, err);
      }
      hf__lmdb_pool_put(env, t);
    } else {
      rc = hf__lmdb_make_reader(env, txn);
      hf__lmdb_holds_reader = rc == 0 && *txn;
      if (hf__lmdb_holds_reader) return look(env, *txn, err);
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
  hf__lmdb_pool_put(env, txn);
  hf__lmdb_holds_reader = false;
}

hf_status hf__lmdb_read_collection(hf__lmdb_env *env, hf__lmdb_txn *in, hf__lmdb_collection *e, MDB_txn **txn,
                                   MDB_dbi *dbi, hf_error *err) {
  if (in) *txn = in->mdb;
  if (in && in->kind == HF_TXN_WRITE) return hf__lmdb_write_dbi(env, in, e, dbi, err);
  if (!atomic_load_explicit(&e->touched, memory_order_relaxed))
    atomic_store_explicit(&e->touched, true, memory_order_relaxed);
  for (;;) {
    MDB_dbi d = *dbi = atomic_load_explicit(&e->dbi, memory_order_acquire);
    if (in)
      return d && !in->lost && hf__lmdb_knows_dbi(in->mdb, d) ? HF_OK : hf__lmdb_find_in_snapshot(env, in, e, dbi, err);
    hf_status status = hf__lmdb_read_begin(env, txn, err);
    if (status) return status;
    /* While we hold a reader, no thread closes databases; but one may have between the lines above. */
    if (__builtin_expect(d && atomic_load_explicit(&e->dbi, memory_order_acquire) == d && hf__lmdb_knows_dbi(*txn, d),
                         1))
      return HF_OK;
    int rc = d ? 0 : hf__lmdb_has_type(env, *txn, e);
    if (rc == MDB_NOTFOUND) return HF_OK;
    hf__lmdb_read_end(env, *txn);
    bool exists;
    if (rc) return hf__lmdb_fail(env, rc, "read", err);
    if (!d && (status = hf__lmdb_open_dbi(env, e, &exists, err))) return status;
  }
}

void hf__lmdb_read_collection_end(hf__lmdb_env *env, hf__lmdb_txn *in, MDB_txn *txn) {
  if (!in) hf__lmdb_read_end(env, txn);
}
