/* SPDX-License-Identifier: MIT
 *
 * The size of the map, and mending an environment that refuses its work.  See map.h.
 */
#include "map.h"

#include <time.h>

#include "locks.h"
#include "oldest_reader.h"
#include "open.h"
#include "pool.h"

static const uint64_t MAP_LARGEST = (uint64_t)64 << 40, LENT_BYTES = 1 << 20;

/* ---- patience */

static const int64_t PATIENCE_NS = 1000000000;

static void rest(void) { nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL); }

/* Whether it was for brief snapshots alone that this thread was refused last. */
static _Thread_local bool kept_briefly;

bool hf__lmdb_is_kept_briefly(void) { return kept_briefly; }

/* With the readers out of circulation: whether snapshots are open. */
static bool is_kept(const hf__lmdb_env *env) {
  kept_briefly = env->snapshots && env->snapshots == env->brief;
  return env->snapshots > 0;
}

bool hf__lmdb_is_patient(hf__lmdb_env *env, hf__lmdb_patience *p, hf_status status) {
  bool goes_on = status == HF_BUSY && (!p->end || hf_clock_ns() < p->end) && kept_briefly;
  kept_briefly = false;
  if (goes_on && !p->end) {
    p->end = hf_clock_ns() + PATIENCE_NS;
    atomic_fetch_add(&env->patient, 1);
  } else if (!goes_on && p->end) {
    atomic_fetch_sub(&env->patient, 1);
    p->end = 0;
  }
  if (goes_on) rest();
  return goes_on;
}

void hf__lmdb_let_pass(hf__lmdb_env *env) {
  hf__lmdb_may_wait();
  if (!atomic_load(&env->patient)) return;
  for (int64_t end = hf_clock_ns() + PATIENCE_NS; atomic_load(&env->patient) && hf_clock_ns() < end;) rest();
}

/* ---- the size */

hf_status hf__lmdb_set_map_size(hf__lmdb_env *env, uint64_t size, hf_error *err) {
  MDB_txn *taken[READER_POOL] = {NULL};
  hf_status status = HF_OK;
  hf__lmdb_exclusive_begin(env, taken);
  if (!env->mdb) {
    status = hf__lmdb_fail(env, MDB_PANIC, "resize the map", err);
  } else if (is_kept(env)) {
    status = hf_error_set(
        err, HF_BUSY, "%s: the map must grow, but a snapshot is open in this process: try again after it", env->path);
  } else {
    int rc = mdb_env_set_mapsize(env->mdb, size);
    MDB_envinfo info;
    if (rc == 0 && mdb_env_info(env->mdb, &info) == 0) env->map_size = info.me_mapsize;
    if (rc) { /* LMDB has given up the old map before it could make the new one */
      hf_error unused;
      hf__lmdb_restart(env, taken, &unused);
      status = hf_error_set(err, HF_FULL, "%s: cannot map %llu bytes: %s", env->path, (unsigned long long)size,
                            mdb_strerror(rc));
    }
  }
  hf__lmdb_exclusive_end(env, taken);
  return status;
}

static uint64_t size_limit(const hf__lmdb_env *env) {
  return env->options.max_size ? env->options.max_size : MAP_LARGEST;
}

bool hf__lmdb_can_grow(const hf__lmdb_env *env) { return env->map_size < size_limit(env); }

hf_status hf__lmdb_grow_locked(hf__lmdb_env *env, hf_error *err) {
  uint64_t limit = size_limit(env);
  if (!hf__lmdb_can_grow(env)) {
    char reader[OLDEST_READER_TEXT];
    hf__lmdb_oldest_reader_text(env->mdb, reader);
    return hf_error_set(err, HF_FULL,
                        "%s is full: it has reached its size limit of %llu bytes (maxsize); remove entities, or open "
                        "it with a larger one%s",
                        env->path, (unsigned long long)limit, reader);
  }
  uint64_t size = env->map_size * 2;
  if (size > limit) size = limit;
  mdb_reader_check(env->mdb, NULL);
  return hf__lmdb_set_map_size(env, size, err);
}

hf_status hf__lmdb_make_room_locked(hf__lmdb_env *env, bool frees, hf_error *err) {
  if (!frees || hf__lmdb_can_grow(env)) return hf__lmdb_grow_locked(env, err);
  if (env->overdraft) {
    char reader[OLDEST_READER_TEXT];
    hf__lmdb_oldest_reader_text(env->mdb, reader);
    return hf_error_set(err, HF_FULL,
                        "%s is full, even for deleting so much at once: remove fewer, or open it with a larger "
                        "maxsize%s",
                        env->path, reader);
  }
  hf_status status = hf__lmdb_set_map_size(env, env->map_size + env->map_size / 4 + LENT_BYTES, err);
  env->overdraft = status == HF_OK;
  return status;
}

hf_status hf__lmdb_make_room(hf__lmdb_env *env, size_t full_size, bool frees, hf_error *err) {
  hf__lmdb_patience patience = {0};
  hf_status status;
  do {
    status = HF_OK;
    hf__lmdb_lock(&env->write_lock);
    if (env->map_size <= full_size) status = hf__lmdb_make_room_locked(env, frees, err);
    pthread_mutex_unlock(&env->write_lock);
  } while (hf__lmdb_is_patient(env, &patience, status));
  return status;
}

/* ---- repair */

/* LMDB refuses everything after a failed write of its header page, until the environment is opened again. */
static hf_status reopen_locked(hf__lmdb_env *env, hf_error *err) {
  MDB_txn *taken[READER_POOL] = {NULL};
  hf__lmdb_exclusive_begin(env, taken);
  hf_status status = is_kept(env)
                         ? hf_error_set(err, HF_BUSY,
                                        "%s must be reopened after a failed commit, but a snapshot is open: end "
                                        "it first",
                                        env->path)
                         : hf__lmdb_restart(env, taken, err);
  hf__lmdb_exclusive_end(env, taken);
  return status;
}

/* Another process has grown the file beyond the map.  LMDB then takes the largest map that anybody ever had, which a
 * limit must not let in: where the store is beyond it, the map has a little more than what is in use, for readers. */
static hf_status follow_growth(hf__lmdb_env *env, hf_error *err) {
  uint64_t limit = env->options.read_only ? 0 : env->options.max_size;
  hf_status status = hf__lmdb_set_map_size(env, 0, err);
  if (status || !limit || env->map_size <= limit) return status;
  MDB_envinfo info;
  mdb_env_info(env->mdb, &info);
  uint64_t used = (uint64_t)(info.me_last_pgno + 1) * env->page_size;
  env->overdraft = used > limit;
  return hf__lmdb_set_map_size(env, env->overdraft ? (used + used / 4 + LENT_BYTES) & ~(uint64_t)4095 : limit, err);
}

hf_status hf__lmdb_repair_locked(hf__lmdb_env *env, int rc, const char *doing, hf_error *err) {
  if (rc == MDB_MAP_RESIZED) return follow_growth(env, err);
  if (rc == MDB_PANIC) return reopen_locked(env, err);
  return hf__lmdb_fail(env, rc, doing, err);
}

hf_status hf__lmdb_repair(hf__lmdb_env *env, int rc, const char *doing, hf_error *err) {
  hf__lmdb_patience patience = {0};
  hf_status status;
  do {
    hf__lmdb_lock(&env->write_lock);
    status = hf__lmdb_repair_locked(env, rc, doing, err);
    pthread_mutex_unlock(&env->write_lock);
  } while (hf__lmdb_is_patient(env, &patience, status));
  return status;
}
