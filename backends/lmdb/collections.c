/* SPDX-License-Identifier: MIT
 *
 * Collections and their named databases: see collections.h.
 */
#include "collections.h"

#include <stdlib.h>
#include <string.h>

#include "locks.h"
#include "map.h"
#include "pool.h"
#include "quarantine.h"

void hf__lmdb_close_cold(hf__lmdb_env *env) {
  MDB_txn *taken[READER_POOL] = {NULL};
  hf__lmdb_exclusive_begin(env, taken);
  for (int pass = 0; pass < 2 && !env->snapshots && env->dbis_open > OPEN_DBIS_MAX * 3 / 4; pass++)
    for (hf__lmdb_collection **link = &env->entities, *e; (e = *link) && env->dbis_open > OPEN_DBIS_MAX * 3 / 4;) {
      MDB_dbi dbi = atomic_load(&e->dbi);
      if (dbi && !atomic_exchange(&e->touched, false)) {
        mdb_dbi_close(env->mdb, dbi);
        atomic_store(&e->dbi, 0);
        env->dbis_open--;
        if (e->refs == 0 && !atomic_load(&e->txn_dbi)) {
          *link = e->next;
          hf__lmdb_collection_free(e);
          continue;
        }
      }
      link = &e->next;
    }
  hf__lmdb_exclusive_end(env, taken);
}

hf_status hf__lmdb_open_dbi(hf__lmdb_env *env, hf__lmdb_collection *e, bool *exists, hf_error *err) {
  int broken = 0;
  hf__lmdb_lock(&env->write_lock);
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
      broken = rc;
      *exists = true; /* look again */
    }
  }
  pthread_mutex_unlock(&env->write_lock);
  return broken ? hf__lmdb_repair(env, broken, "open a collection", err) : HF_OK;
}

hf_status hf__lmdb_collection_open(hf__lmdb_env *env, hf_slice name, hf__lmdb_collection **out, hf_error *err) {
  hf_status status = HF_OK;
  hf__lmdb_lock(&env->readers_lock);
  hf__lmdb_collection *e = env->entities;
  while (e && (e->name_size != name.size || memcmp(e->name, name.data, name.size) != 0)) e = e->next;
  if (!e) {
    e = calloc(1, sizeof *e);
    if (e) {
      memcpy(e->name, name.data, name.size);
      e->name_size = name.size;
      e->name_hash = hf__lmdb_name_hash(name);
      e->next = env->entities;
      env->entities = e;
    } else {
      status = hf_error_no_memory(err);
    }
  }
  if (e) e->refs++;
  pthread_mutex_unlock(&env->readers_lock);
  *out = e;
  return status;
}

void hf__lmdb_collection_close(hf__lmdb_env *env, hf__lmdb_collection *collection) {
  hf__lmdb_lock(&env->readers_lock);
  /* One with an open database stays on the list: the database is still open, and may be wanted again. */
  if (--collection->refs == 0 && atomic_load(&collection->dbi) == 0 && collection->txn_dbi == 0) {
    hf__lmdb_collection **link = &env->entities;
    while (*link != collection) link = &(*link)->next;
    *link = collection->next;
    hf__lmdb_collection_free(collection);
  }
  pthread_mutex_unlock(&env->readers_lock);
}

int hf__lmdb_has_type(const hf__lmdb_env *env, MDB_txn *txn, hf__lmdb_collection *e) {
  MDB_val k = {e->name_size, e->name}, v;
  return mdb_get(txn, env->main_dbi, &k, &v);
}

/* ---- in the write transaction */

void hf__lmdb_note_full(hf__lmdb_txn *t) {
  for (; t; t = t->parent) t->map_full = true;
}

bool hf__lmdb_remember_opened(hf__lmdb_txn *t, hf__lmdb_collection *e) {
  if (t->opened_count == t->opened_capacity) {
    size_t capacity = t->opened_capacity ? t->opened_capacity * 2 : 8;
    hf__lmdb_collection **opened = realloc(t->opened, capacity * sizeof(hf__lmdb_collection *));
    if (!opened) return false;
    t->opened = opened;
    t->opened_capacity = capacity;
  }
  t->opened[t->opened_count++] = e;
  return true;
}

void hf__lmdb_settle_opened(hf__lmdb_env *env, hf__lmdb_txn *t, bool keep) {
  for (size_t i = 0; i < t->opened_count; i++) {
    hf__lmdb_collection *e = t->opened[i];
    if (keep) {
      atomic_store_explicit(&e->dbi, e->txn_dbi, memory_order_release);
      env->dbis_open++;
    }
    e->txn_dbi = 0;
  }
  free(t->opened);
  t->opened = NULL;
  t->opened_count = 0;
}

/* Opens the database in the transaction; MDB_CREATE in `flags` makes it. */
static hf_status open_in_txn(hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_collection *e, unsigned flags, MDB_dbi *dbi,
                             hf_error *err) {
  int rc = mdb_dbi_open(t->mdb, e->name, flags, dbi);
  if (rc == MDB_NOTFOUND) {
    *dbi = 0;
    return HF_OK;
  }
  if (rc) {
    if (rc == MDB_MAP_FULL) hf__lmdb_note_full(t);
    return hf__lmdb_fail(env, rc, "open a collection", err);
  }
  if (!hf__lmdb_remember_opened(t, e)) return hf_error_no_memory(err);
  e->txn_dbi = *dbi;
  return HF_OK;
}

hf_status hf__lmdb_write_dbi(hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_collection *e, MDB_dbi *dbi, hf_error *err) {
  if (!atomic_load_explicit(&e->touched, memory_order_relaxed)) atomic_store(&e->touched, true);
  *dbi = e->txn_dbi ? e->txn_dbi : atomic_load_explicit(&e->dbi, memory_order_relaxed);
  return *dbi ? HF_OK : open_in_txn(env, t, e, 0, dbi, err);
}

hf_status hf__lmdb_make_dbi(hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_collection *e, MDB_dbi *dbi, hf_error *err) {
  return open_in_txn(env, t, e, MDB_CREATE, dbi, err);
}
