/* SPDX-License-Identifier: MIT
 *
 * Snapshots: see snapshot.h.
 */
#include "snapshot.h"

#include "collections.h"
#include "expiry_store.h"
#include "known.h"
#include "locks.h"
#include "map.h"
#include "pool.h"

/* Opens the databases of all collections in use, so that the snapshot knows their handles. */
static hf_status open_all(hf__lmdb_env *env, hf_error *err) {
  for (;;) {
    hf__lmdb_collection *wanted = NULL;
    hf__lmdb_lock(&env->readers_lock);
    unsigned open = 0;
    for (hf__lmdb_collection *e = env->entities; e; e = e->next) {
      if (atomic_load(&e->dbi)) {
        open++;
      } else if (e->refs && !e->txn_dbi && !atomic_load(&e->touched)) {
        wanted = e;
        wanted->refs++;
        atomic_store(&e->touched, true);
        break;
      }
    }
    pthread_mutex_unlock(&env->readers_lock);
    if (!wanted || open >= OPEN_DBIS_MAX) {
      if (wanted) hf__lmdb_collection_close(env, wanted);
      return HF_OK;
    }
    bool exists;
    hf_status status = hf__lmdb_open_dbi(env, wanted, &exists, err);
    hf__lmdb_collection_close(env, wanted);
    if (status) return status;
  }
}

static hf_status begin(hf__lmdb_env *env, hf__lmdb_txn *t, bool brief, hf_error *err) {
  *t = (hf__lmdb_txn){.kind = HF_TXN_READ, .brief = brief};
  for (int repairs = 0;; repairs++) {
    hf__lmdb_lock(&env->readers_lock);
    int rc = hf__lmdb_begin_read_txn(env, &t->mdb);
    env->snapshots += rc == 0;
    env->brief += rc == 0 && brief;
    pthread_mutex_unlock(&env->readers_lock);
    if (rc == 0) return HF_OK;
    hf_status status = repairs == REPAIRS_MAX ? hf__lmdb_fail(env, rc, "begin a snapshot", err)
                                              : hf__lmdb_repair(env, rc, "begin a snapshot", err);
    if (status) return status;
  }
}

hf_status hf__lmdb_moment_begin(hf__lmdb_env *env, hf__lmdb_txn *t, hf_error *err) { return begin(env, t, false, err); }

/* Whether indexes have entries at this moment that the snapshot cannot read: others have made them since, or too many
 * collections are open. */
static bool lacks_index(const hf__lmdb_env *env, const hf__lmdb_txn *t) {
  if (!atomic_load(&env->known.may_have_indexes)) return false;
  MDB_dbi dbi = atomic_load(&env->index->dbi);
  return !(dbi && hf__lmdb_knows_dbi(t->mdb, dbi)) && hf__lmdb_has_type(env, t->mdb, env->index) == 0;
}

static hf_status begin_with_all(hf__lmdb_env *env, hf__lmdb_txn *t, bool brief, hf_error *err) {
  for (int tries = 0;; tries++) {
    bool exists;
    hf_status status = open_all(env, err);
    if (status || (status = begin(env, t, brief, err))) return status;
    status = hf__lmdb_learn(env, t->mdb, mdb_txn_id(t->mdb), err);
    if (hf__lmdb_may_expire(env, NULL)) t->now = hf_now_ms(); /* one for all that is read in it */
    if (status == HF_OK && (tries == REPAIRS_MAX || !lacks_index(env, t))) return HF_OK;
    hf__lmdb_snapshot_end(env, t);
    atomic_store(&env->index->touched, true);
    if (status == HF_OK) status = hf__lmdb_open_dbi(env, env->index, &exists, err);
    if (status) return status;
  }
}

hf_status hf__lmdb_snapshot_begin(hf__lmdb_env *env, hf__lmdb_txn *t, hf_error *err) {
  return begin_with_all(env, t, false, err);
}

hf_status hf__lmdb_brief_begin(hf__lmdb_env *env, hf__lmdb_txn *t, hf_error *err) {
  hf__lmdb_let_pass(env);
  return begin_with_all(env, t, true, err);
}

void hf__lmdb_snapshot_end(hf__lmdb_env *env, hf__lmdb_txn *t) {
  mdb_txn_abort(t->mdb);
  hf__lmdb_lock(&env->readers_lock);
  env->snapshots--;
  env->brief -= t->brief;
  pthread_mutex_unlock(&env->readers_lock);
}

/* A snapshot began before the handle was opened: begin it again if nothing has been committed since.  That may lose it,
 * which is no price for an index. */
static hf_status refresh_snapshot(hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_collection *e, hf_error *err) {
  MDB_envinfo info;
  size_t moment = mdb_txn_id(t->mdb);
  mdb_env_info(env->mdb, &info);
  /* One of the past reads the same from a later moment. */
  if (!t->lost && (t->at || (e != env->index && info.me_last_txnid == moment))) {
    mdb_txn_reset(t->mdb);
    int rc = mdb_txn_renew(t->mdb);
    t->lost = rc || (!t->at && mdb_txn_id(t->mdb) != moment);
    if (rc && rc != MDB_MAP_RESIZED) return hf__lmdb_fail(env, rc, "begin reading", err);
    if (!t->lost && hf__lmdb_knows_dbi(t->mdb, atomic_load(&e->dbi))) return HF_OK;
  }
  return hf_error_set(
      err, HF_BUSY,
      "%s was first used inside this snapshot, after the store had changed: make its PersistBase before the "
      "snapshot, or try again",
      e->name);
}

hf_status hf__lmdb_find_in_snapshot(hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_collection *e, MDB_dbi *dbi,
                                    hf_error *err) {
  *dbi = 0;
  int rc = t->lost ? 0 : hf__lmdb_has_type(env, t->mdb, e);
  if (rc == MDB_NOTFOUND) return HF_OK;
  if (rc) return hf__lmdb_fail(env, rc, "read", err);
  bool exists = true;
  if (!atomic_load(&e->dbi)) {
    hf_status status = hf__lmdb_open_dbi(env, e, &exists, err);
    if (status) return status;
  }
  hf_status status = refresh_snapshot(env, t, e, err);
  *dbi = atomic_load(&e->dbi);
  return status;
}
