/* SPDX-License-Identifier: MIT
 *
 * Entity types and their named databases.  Databases are opened when they are
 * first used, and closed again when many are open, since each open one costs
 * every transaction a little; and snapshots, which have to know them beforehand.
 */
#include <stdlib.h>
#include <string.h>

#include "env.h"

void hf__lmdb_close_cold(hf__lmdb_env *env) {
  MDB_txn *taken[READER_POOL] = {NULL};
  hf__lmdb_exclusive_begin(env, taken);
  for (int pass = 0; pass < 2 && !env->snapshots && env->dbis_open > OPEN_DBIS_MAX * 3 / 4; pass++)
    for (hf__lmdb_entity **link = &env->entities, *e; (e = *link) && env->dbis_open > OPEN_DBIS_MAX * 3 / 4;) {
      MDB_dbi dbi = atomic_load(&e->dbi);
      if (dbi && !atomic_exchange(&e->touched, false)) {
        mdb_dbi_close(env->mdb, dbi);
        atomic_store(&e->dbi, 0);
        env->dbis_open--;
        if (e->refs == 0 && !atomic_load(&e->txn_dbi)) {
          *link = e->next;
          free(e);
          continue;
        }
      }
      link = &e->next;
    }
  hf__lmdb_exclusive_end(env, taken);
}

/* Opens the entity's database, if the store has it, in a transaction of its own. */
static hf_status open_dbi(hf__lmdb_env *env, hf__lmdb_entity *e, bool *exists, hf_error *err) {
  hf_status status = HF_OK;
  pthread_mutex_lock(&env->write_lock);
  *exists = atomic_load(&e->dbi) != 0;
  if (!*exists) {
    if (env->dbis_open >= OPEN_DBIS_MAX) hf__lmdb_close_cold(env);
    MDB_txn *txn;
    MDB_dbi dbi;
    int rc = hf__lmdb_begin_read_txn(env, &txn);
    if (rc == 0) {
      rc = mdb_dbi_open(txn, e->name, 0, &dbi);
      if (rc == 0)
        mdb_txn_commit(txn); /* keeps the handle */
      else
        mdb_txn_abort(txn);
    }
    if (rc == 0) {
      atomic_store_explicit(&e->dbi, dbi, memory_order_release);
      env->dbis_open++;
      *exists = true;
    } else if (rc != MDB_NOTFOUND) {
      status = hf__lmdb_repair_locked(env, rc, "open an entity type", err);
      *exists = true; /* look again */
    }
  }
  pthread_mutex_unlock(&env->write_lock);
  return status;
}

static bool knows_dbi(MDB_txn *txn, MDB_dbi dbi) {
  unsigned flags;
  return mdb_dbi_flags(txn, dbi, &flags) == 0;
}

/* A snapshot began before the handle was opened: begin it anew if nothing has been committed since. */
static hf_status refresh_snapshot(hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_entity *e, hf_error *err) {
  MDB_envinfo info;
  size_t moment = mdb_txn_id(t->mdb);
  mdb_env_info(env->mdb, &info);
  if (!t->lost && info.me_last_txnid == moment) {
    mdb_txn_reset(t->mdb);
    int rc = mdb_txn_renew(t->mdb);
    t->lost = rc || mdb_txn_id(t->mdb) != moment;
    if (rc) return hf__lmdb_fail(env, rc, "begin reading", err);
    if (!t->lost && knows_dbi(t->mdb, atomic_load(&e->dbi))) return HF_OK;
  }
  return hf_error_set(
      err, HF_BUSY,
      "%s was first used inside this snapshot, after the store had changed: make its PersistBase before the "
      "snapshot, or try again",
      e->name);
}

/* Whether the store has the entity type at the moment that the transaction sees. */
static int has_type(const hf__lmdb_env *env, MDB_txn *txn, hf__lmdb_entity *e) {
  MDB_val k = {e->name_size, e->name}, v;
  return mdb_get(txn, env->main_dbi, &k, &v);
}

/* hf__lmdb_read_entity() in a snapshot, for a type whose database the snapshot does not know. */
static hf_status find_in_snapshot(hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_entity *e, MDB_dbi *dbi, hf_error *err) {
  *dbi = 0;
  int rc = t->lost ? 0 : has_type(env, t->mdb, e);
  if (rc == MDB_NOTFOUND) return HF_OK;
  if (rc) return hf__lmdb_fail(env, rc, "read", err);
  bool exists = true;
  if (!atomic_load(&e->dbi)) {
    hf_status status = open_dbi(env, e, &exists, err);
    if (status) return status;
  }
  hf_status status = refresh_snapshot(env, t, e, err);
  *dbi = atomic_load(&e->dbi);
  return status;
}

hf_status hf__lmdb_read_entity(hf__lmdb_env *env, hf__lmdb_txn *in, hf__lmdb_entity *e, MDB_txn **txn, MDB_dbi *dbi,
                               hf_error *err) {
  if (in) *txn = in->mdb;
  if (in && in->kind == HF_TXN_WRITE) return hf__lmdb_write_dbi(env, in, e, false, dbi, err);
  if (!atomic_load_explicit(&e->touched, memory_order_relaxed))
    atomic_store_explicit(&e->touched, true, memory_order_relaxed);
  for (;;) {
    MDB_dbi d = *dbi = atomic_load_explicit(&e->dbi, memory_order_acquire);
    if (in) return d && !in->lost && knows_dbi(in->mdb, d) ? HF_OK : find_in_snapshot(env, in, e, dbi, err);
    hf_status status = hf__lmdb_read_begin(env, txn, err);
    if (status) return status;
    /* While we hold a reader, nobody closes databases; but somebody may have between the lines above. */
    if (__builtin_expect(d && atomic_load_explicit(&e->dbi, memory_order_acquire) == d && knows_dbi(*txn, d), 1))
      return HF_OK;
    int rc = d ? 0 : has_type(env, *txn, e);
    if (rc == MDB_NOTFOUND) return HF_OK;
    hf__lmdb_read_end(env, *txn);
    bool exists;
    if (rc) return hf__lmdb_fail(env, rc, "read", err);
    if (!d && (status = open_dbi(env, e, &exists, err))) return status;
  }
}

void hf__lmdb_read_entity_end(hf__lmdb_env *env, hf__lmdb_txn *in, MDB_txn *txn) {
  if (!in) hf__lmdb_read_end(env, txn);
}

hf_status hf__lmdb_entity_open(hf__lmdb_env *env, hf_slice name, hf__lmdb_entity **out, hf_error *err) {
  hf_status status = HF_OK;
  pthread_mutex_lock(&env->gate);
  hf__lmdb_entity *e = env->entities;
  while (e && (e->name_size != name.size || memcmp(e->name, name.data, name.size) != 0)) e = e->next;
  if (!e) {
    e = calloc(1, sizeof *e);
    if (e) {
      memcpy(e->name, name.data, name.size);
      e->name_size = name.size;
      e->name_hash = 14695981039346656037U; /* FNV-1a, 64 bits */
      for (size_t i = 0; i < name.size; i++)
        e->name_hash = (e->name_hash ^ (unsigned char)name.data[i]) * 1099511628211U;
      e->next = env->entities;
      env->entities = e;
    } else {
      status = hf_error_set(err, HF_IO, "out of memory");
    }
  }
  if (e) e->refs++;
  pthread_mutex_unlock(&env->gate);
  *out = e;
  return status;
}

void hf__lmdb_entity_close(hf__lmdb_env *env, hf__lmdb_entity *entity) {
  pthread_mutex_lock(&env->gate);
  /* One with an open database stays on the list: the database is still open, and may be wanted again. */
  if (--entity->refs == 0 && atomic_load(&entity->dbi) == 0 && entity->txn_dbi == 0) {
    hf__lmdb_entity **link = &env->entities;
    while (*link != entity) link = &(*link)->next;
    *link = entity->next;
    free(entity);
  }
  pthread_mutex_unlock(&env->gate);
}

/* ---- snapshots */

/* Opens the databases of all entity types in use, so that the snapshot knows their handles. */
static hf_status open_all(hf__lmdb_env *env, hf_error *err) {
  for (;;) {
    hf__lmdb_entity *wanted = NULL;
    pthread_mutex_lock(&env->gate);
    unsigned open = 0;
    for (hf__lmdb_entity *e = env->entities; e; e = e->next) {
      if (atomic_load(&e->dbi)) {
        open++;
      } else if (e->refs && !e->txn_dbi && !atomic_load(&e->touched)) {
        wanted = e;
        wanted->refs++;
        atomic_store(&e->touched, true);
        break;
      }
    }
    pthread_mutex_unlock(&env->gate);
    if (!wanted || open >= OPEN_DBIS_MAX) {
      if (wanted) hf__lmdb_entity_close(env, wanted);
      return HF_OK;
    }
    bool exists;
    hf_status status = open_dbi(env, wanted, &exists, err);
    hf__lmdb_entity_close(env, wanted);
    if (status) return status;
  }
}

hf_status hf__lmdb_snapshot_begin(hf__lmdb_env *env, hf__lmdb_txn *t, hf_error *err) {
  *t = (hf__lmdb_txn){.kind = HF_TXN_READ};
  hf_status status = open_all(env, err);
  if (status) return status;
  for (int repairs = 0;; repairs++) {
    pthread_mutex_lock(&env->gate);
    int rc = hf__lmdb_begin_read_txn(env, &t->mdb);
    if (rc == 0) env->snapshots++;
    pthread_mutex_unlock(&env->gate);
    if (rc == 0) return HF_OK;
    status = repairs == REPAIRS_MAX ? hf__lmdb_fail(env, rc, "begin a snapshot", err)
                                    : hf__lmdb_repair(env, rc, "begin a snapshot", err);
    if (status) return status;
  }
}

void hf__lmdb_snapshot_end(hf__lmdb_env *env, hf__lmdb_txn *t) {
  mdb_txn_abort(t->mdb);
  pthread_mutex_lock(&env->gate);
  env->snapshots--;
  pthread_mutex_unlock(&env->gate);
}
