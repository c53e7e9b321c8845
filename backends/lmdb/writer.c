/* SPDX-License-Identifier: MIT
 *
 * Writing to an LMDB environment: see writer.h.
 */
#include "writer.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "apply_settings.h"
#include "collections.h"
#include "failed_flush.h"
#include "gap.h"
#include "known.h"
#include "locks.h"
#include "log_keep.h"
#include "log_trim.h"
#include "map.h"
#include "meta.h"
#include "quarantine.h"
#include "status.h"
#include "sums.h"
#include "turn.h"

/* HF_UNAVAILABLE for a file of the store that is not in its folder any more, or is another one now. */
static hf_status check_in_place(hf__lmdb_env *env, const char *name, const hf__lmdb_file *file, hf_error *err) {
  if (!file->inode || hf__lmdb_file_is(env->dir_fd, name, file)) return HF_OK;
  bool deleted = faccessat(env->dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0;
  env->presence_checked = 0;
  return hf_error_set(err, HF_UNAVAILABLE,
                      "%s/%s was %s while the store was open: what is written now would be lost; close it, and open it "
                      "again",
                      env->path, name, deleted ? "deleted" : "exchanged");
}

/* Whether the store's files still are the ones in its folder.  Unsynced writes are so short that they look once in
 * PRESENCE_MS only. */
static hf_status check_files_in_place(hf__lmdb_env *env, hf_error *err) {
  if (env->options.durability != HF_DURABILITY_SYNC) {
    int64_t now = hf_now_ms();
    if (now - env->presence_checked >= 0 && now - env->presence_checked < PRESENCE_MS) return HF_OK;
    env->presence_checked = now;
  }
  hf_status status = check_in_place(env, DATA_FILE, &env->data, err);
  return status ? status : check_in_place(env, LOCK_FILE, &env->lock, err);
}

/* Whether the data file's headers still are of the last commit that the lock file knows, or one ahead, as after a
 * failed write of a header: what was copied over the file in its place, by cp, is of another. */
static hf_status check_headers(hf__lmdb_env *env, MDB_txn *txn, hf_error *err) {
  MDB_envinfo info;
  size_t begun = mdb_txn_id(txn);
  mdb_env_info(env->mdb, &info);
  if (info.me_last_txnid + 1 == begun || info.me_last_txnid == begun) return HF_OK;
  return hf_error_set(err, HF_UNAVAILABLE,
                      "%s/" DATA_FILE
                      " is at commit %zu, and not at %zu as it was: another file was copied over it while the store "
                      "was open, and what is written now would destroy it; close it, and open it again",
                      env->path, info.me_last_txnid, begun - 1);
}

/* What comes first in a write transaction that has begun, and is aborted where it fails.  *again: it was ended, for
 * something that had to come before it; begin another.  Settings are applied once, and *applied says so: where that
 * fails, as while a snapshot keeps the map, the write goes by the old ones. */
static hf_status enter(hf__lmdb_env *env, MDB_txn *txn, bool *applied, bool *again, hf_error *err) {
  hf_status status = check_files_in_place(env, err);
  if (status == HF_OK) status = check_headers(env, txn, err);
  if (status == HF_OK && __builtin_expect(hf__lmdb_is_doubtful(env, mdb_txn_id(txn) - 1), 0))
    status = hf__lmdb_settle_doubt(env, txn, err);
  if (status == HF_OK) status = hf__lmdb_learn(env, txn, mdb_txn_id(txn) - 1, err);
  if (status == HF_OK) status = hf__lmdb_check_writable(env, err);
  if (status == HF_OK && __builtin_expect(!*applied && hf__lmdb_must_apply_settings(env), 0)) {
    mdb_txn_abort(txn);
    hf__lmdb_apply_settings(env);
    *applied = *again = true;
  } else if (status == HF_OK && __builtin_expect(hf__lmdb_has_gap(env), 0)) {
    bool map_full;
    status = hf__lmdb_mend_gap(env, txn, &map_full, err);
    if (map_full) status = hf__lmdb_make_room_locked(env, true, err);
    *again = status == HF_OK;
  } else if (status) {
    mdb_txn_abort(txn);
  }
  return status;
}

/* Grows the map where that is due.  HF_BUSY: brief snapshots keep it.  Where it cannot grow, the write itself will say
 * so. */
static hf_status grow_if_due(hf__lmdb_env *env, hf_error *err) {
  if (!env->grow || !env->mdb) return HF_OK;
  hf_status status = hf__lmdb_grow_locked(env, err);
  env->grow = status == HF_BUSY && hf__lmdb_is_kept_briefly();
  return env->grow ? HF_BUSY : HF_OK;
}

/* With write_lock held: LMDB's write transaction, after whatever repair it needs. */
static hf_status begin_locked(hf__lmdb_env *env, hf__lmdb_txn *t, bool frees, hf_error *err) {
  if (env->overdraft && !frees && env->mdb) { /* LMDB keeps the map as large as what is in use */
    hf_status status = hf__lmdb_set_map_size(env, env->options.max_size, err);
    if (status) return status;
    env->overdraft = false;
  }
  bool applied = false;
  for (int repairs = 0;; repairs++) {
    hf_status status = grow_if_due(env, err);
    if (status) return status;
    int rc = env->mdb ? hf__lmdb_begin_in_turn(env, &t->mdb) : MDB_PANIC;
    if (rc == 0) {
      bool again = false;
      status = enter(env, t->mdb, &applied, &again, err);
      if (!again) return status;
      if (repairs < REPAIRS_MAX) continue;
      return hf_error_set(err, HF_BUSY,
                          "%s: another program writes to it all the time, and leaves something to bring up to date "
                          "whenever that was done: end it, or try again",
                          env->path);
    }
    status = repairs == REPAIRS_MAX ? hf__lmdb_fail(env, rc, "begin writing", err)
                                    : hf__lmdb_repair_locked(env, rc, "begin writing", err);
    if (status) return status;
  }
}

hf_status hf__lmdb_write_begin(hf__lmdb_env *env, hf__lmdb_txn *t, bool frees, hf_error *err) {
  *t = (hf__lmdb_txn){.kind = HF_TXN_WRITE};
  hf__lmdb_patience patience = {0};
  hf_status status;
  do {
    hf__lmdb_lock(&env->write_lock);
    status = begin_locked(env, t, frees, err);
    if (status) pthread_mutex_unlock(&env->write_lock);
  } while (hf__lmdb_is_patient(env, &patience, status));
  if (status) return status;
  t->map_size = env->map_size;
  bool flushes = env->options.durability != HF_DURABILITY_NOSYNC;
  if (atomic_load_explicit(&env->flushes, memory_order_relaxed) != flushes) atomic_store(&env->flushes, flushes);
  return HF_OK;
}

/* LMDB's commit.  In a store of format 2 it leaves its number, unless nothing was written: LMDB gives no number to such
 * a commit, and flushes nothing. */
static int commit(hf__lmdb_env *env, hf__lmdb_txn *t) {
  size_t number = mdb_txn_id(t->mdb);
  bool marked = t->changed && (env->known.format >= FORMAT_MARKED || t->resettled);
  hf__lmdb_mark mark = {number, t->resettled ? number : env->known.changed};
  int rc = __builtin_expect(t->logged, 0) ? hf__lmdb_log_trim(env, t) : 0;
  if (rc == 0 && marked && env->known.keeps_sums) rc = hf__lmdb_sums_add(env, t);
  if (rc == 0 && marked) rc = hf__lmdb_sums_put_mark(env, t->mdb, &mark);
  if (rc)
    mdb_txn_abort(t->mdb);
  else
    rc = t->changed ? hf__lmdb_commit_noted(env, t->mdb) : mdb_txn_commit(t->mdb);
  if (rc) hf__lmdb_sums_forget(env);
  if (t->resettled)
    hf__lmdb_forget_seen(env);
  else if (rc == 0 && (marked || t->certain)) /* it had a number: we know what is in it */
    atomic_store_explicit(&env->known.commit, number, memory_order_release);
  if (rc == 0 && (marked || t->certain)) {
    hf__lmdb_quarantine_committed(env, number);
    hf__lmdb_log_committed(env, t, number);
  }
  return rc;
}

/* After a commit that failed: makes certain at once that it did not happen, so that no reader sees what may go, or come
 * back, with the next power cut.  The next write does that where it cannot be done now.  The commit's status: `status`,
 * or HF_IO where it may have happened. */
static hf_status settle_now(hf__lmdb_env *env, size_t failed, hf_status status, hf_error *err) {
  hf__lmdb_txn t = {.kind = HF_TXN_WRITE};
  hf_error unused;
  bool is_certain = begin_locked(env, &t, true, &unused) == HF_OK;
  if (is_certain) {
    is_certain = mdb_txn_id(t.mdb) == failed;
    mdb_txn_abort(t.mdb);
  }
  return is_certain ? status : hf__lmdb_say_uncertain(err, "write");
}

/* After a commit that has removed what had expired (expiry_sweep.h): none does so for a while, so that it takes who
 * writes a small part of the time.  The commit counts, too, since it writes the pages that were touched. */
static void rest_from_sweep(hf__lmdb_env *env) {
  enum { SHARE = 15, MOST_NS = 1000000000 };
  int64_t now = hf_clock_ns(), rest = SHARE * (now - env->sweep.began);
  env->sweep.next = now + (rest < MOST_NS ? rest : MOST_NS);
  env->sweep.began = 0;
}

hf_status hf__lmdb_write_commit_locked(hf__lmdb_env *env, hf__lmdb_txn *t, hf_error *err) {
  size_t number = mdb_txn_id(t->mdb);
  int rc = commit(env, t);
  if (__builtin_expect(env->sweep.began != 0, 0)) rest_from_sweep(env);
  hf__lmdb_sums_end(t);
  hf__lmdb_settle_opened(env, t, rc == 0);
  hf_status status = HF_OK;
  if (rc == MDB_MAP_FULL) t->map_full = true;
  if (t->map_full && t->held) env->grow = true;
  if (rc) status = hf__lmdb_fail(env, rc, "commit", err);
  if (env->doubtful) status = settle_now(env, number, status, err);
  if (!env->mdb) return status;
  if (env->dbis_open > OPEN_DBIS_MAX) hf__lmdb_close_cold(env);
  if (++env->commits % READER_CHECK_EVERY == 0) mdb_reader_check(env->mdb, NULL);
  return status;
}

hf_status hf__lmdb_write_commit(hf__lmdb_env *env, hf__lmdb_txn *t, hf_error *err) {
  hf_status status = hf__lmdb_write_commit_locked(env, t, err);
  pthread_mutex_unlock(&env->write_lock);
  return status;
}

void hf__lmdb_write_abort(hf__lmdb_env *env, hf__lmdb_txn *t) {
  if (env->sums.of == mdb_txn_id(t->mdb)) hf__lmdb_sums_forget(env); /* they were built in it */
  mdb_txn_abort(t->mdb);
  if (t->resettled) hf__lmdb_forget_seen(env); /* what was gone by already */
  hf__lmdb_sums_end(t);
  hf__lmdb_settle_opened(env, t, false);
  if (t->map_full && t->held) env->grow = true;
  pthread_mutex_unlock(&env->write_lock);
}

hf_status hf__lmdb_nested_begin(hf__lmdb_env *env, hf__lmdb_txn *parent, hf__lmdb_txn *t, hf_error *err) {
  *t = (hf__lmdb_txn){.kind = HF_TXN_WRITE,
                      .parent = parent,
                      .logged = parent->logged,
                      .log_time = parent->log_time,
                      .gave_expiry = parent->gave_expiry};
  int rc = mdb_txn_begin(env->mdb, parent->mdb, 0, &t->mdb);
  return rc ? hf__lmdb_fail(env, rc, "begin a nested transaction", err) : HF_OK;
}

hf_status hf__lmdb_nested_commit(hf__lmdb_env *env, hf__lmdb_txn *t, hf_error *err) {
  /* Room in the parent's lists comes first, so that nothing can fail once LMDB has committed. */
  if (!hf__lmdb_sums_reserve(t->parent, t)) {
    hf__lmdb_nested_abort(t);
    return hf_error_no_memory(err);
  }
  for (size_t i = 0; i < t->opened_count; i++)
    if (!hf__lmdb_remember_opened(t->parent, t->opened[i])) {
      t->parent->opened_count -= i;
      hf__lmdb_nested_abort(t);
      return hf_error_no_memory(err);
    }
  int rc = mdb_txn_commit(t->mdb);
  t->parent->changed |= t->changed;
  t->parent->certain |= t->certain;
  if (rc == 0) {
    hf__lmdb_sums_merge(t->parent, t);
    t->parent->logged = t->logged;
    t->parent->log_time = t->log_time;
    t->parent->resettled |= t->resettled;
    t->parent->gave_expiry |= t->gave_expiry;
  }
  hf__lmdb_sums_end(t);
  if (rc) {
    t->parent->opened_count -= t->opened_count;
    for (size_t i = 0; i < t->opened_count; i++) t->opened[i]->txn_dbi = 0;
  }
  free(t->opened);
  return rc ? hf__lmdb_fail(env, rc, "commit a nested transaction", err) : HF_OK;
}

void hf__lmdb_nested_abort(hf__lmdb_txn *t) {
  mdb_txn_abort(t->mdb);
  hf__lmdb_sums_end(t);
  for (size_t i = 0; i < t->opened_count; i++) t->opened[i]->txn_dbi = 0;
  free(t->opened);
}
