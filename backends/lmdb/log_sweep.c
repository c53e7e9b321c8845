/* SPDX-License-Identifier: MIT
 *
 * Deleting what was turned off: see log_sweep.h.  The history goes first: its entries can be told by those of the log,
 * and so go with them where this does not come to its end.
 */
#include "log_sweep.h"

#include "collections.h"
#include "log_store.h"
#include "writer.h"

enum { STEP_NS = 4000000 };

/* Some of what is not kept any more. */
static hf_status step(hf__lmdb_env *env, hf__lmdb_txn *t, bool *more, hf_error *err) {
  int64_t end = hf_clock_ns() + STEP_NS;
  MDB_dbi dbi = 0;
  int rc = 0;
  hf_status status = HF_OK;
  if (!env->known.keeps_history) status = hf__lmdb_write_dbi(env, t, env->history, &dbi, err);
  if (status == HF_OK && dbi) rc = hf__lmdb_log_delete_some(t->mdb, dbi, end, more);
  dbi = 0;
  if (!*more && !rc && !env->known.keeps_log && status == HF_OK)
    status = hf__lmdb_write_dbi(env, t, env->log, &dbi, err);
  if (status == HF_OK && !rc && dbi) rc = hf__lmdb_log_delete_some(t->mdb, dbi, end, more);
  t->changed = true;
  return rc ? hf__lmdb_fail(env, rc, "delete from the log of changes", err) : status;
}

/* Whether there is something; where that cannot be told, there is nothing to be done either. */
static bool has_any(hf__lmdb_env *env, hf__lmdb_txn *t) {
  hf__lmdb_collection *const off[] = {env->known.keeps_history ? NULL : env->history,
                                      env->known.keeps_log ? NULL : env->log};
  for (size_t i = 0; i < sizeof off / sizeof *off; i++) {
    MDB_dbi dbi;
    MDB_stat stat;
    hf_error unused;
    if (off[i] && hf__lmdb_write_dbi(env, t, off[i], &dbi, &unused) == HF_OK && dbi &&
        mdb_stat(t->mdb, dbi, &stat) == 0 && stat.ms_entries)
      return true;
  }
  return false;
}

void hf__lmdb_log_sweep(hf__lmdb_env *env) {
  for (bool more = true; more;) {
    hf__lmdb_txn t;
    hf_error unused;
    more = false;
    if (hf__lmdb_write_begin(env, &t, true, &unused)) return;
    if (!has_any(env, &t) || step(env, &t, &more, &unused)) {
      hf__lmdb_write_abort(env, &t);
      return;
    }
    if (hf__lmdb_write_commit(env, &t, &unused)) return;
  }
}
