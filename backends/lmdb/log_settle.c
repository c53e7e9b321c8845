/* SPDX-License-Identifier: MIT
 *
 * Turning the log of changes on and off: see log_settle.h.
 */
#include "log_settle.h"

#include <string.h>

#include "collections.h"
#include "log_store.h"
#include "meta.h"

/* What the settings say.  LMDB's result. */
static int read_wanted(const hf__lmdb_env *env, MDB_txn *txn, bool *log, bool *history) {
  hf_slice value;
  hf_changes_kept unused;
  int rc = hf__lmdb_meta_get(env, txn, META_SETTING SETTING_CHANGES, &value);
  *log = rc == 0 && value.size > 2 && hf_changes_kept_parse((hf_slice){value.data + 1, value.size - 2}, &unused);
  if (rc == 0) rc = hf__lmdb_meta_get(env, txn, META_SETTING SETTING_HISTORY, &value);
  *history = rc == 0 && value.size == 4 && memcmp(value.data, "true", 4) == 0;
  return rc;
}

/* Makes the head what it is to be; `there` says whether there is one.  LMDB's result. */
static int put_head(hf__lmdb_txn *t, MDB_dbi log, bool there, hf__lmdb_log_head *head, bool history) {
  uint64_t next = mdb_txn_id(t->mdb) + 1;
  int rc = 0;
  if (there && history == (head->history_from != UINT64_MAX)) return 0;
  if (!there) {
    *head = (hf__lmdb_log_head){.from = next};
    rc = hf__lmdb_log_newest_time(t->mdb, log, &head->since);
    int64_t now = hf_now_ms();
    if (now > head->since) head->since = now;
  }
  head->history_from = history ? next : UINT64_MAX;
  return rc ? rc : hf__lmdb_log_head_put(t->mdb, log, head);
}

static hf_status fail(hf__lmdb_env *env, hf__lmdb_txn *t, int rc, hf_error *err) {
  if (rc == MDB_MAP_FULL) hf__lmdb_note_full(t);
  return rc ? hf__lmdb_fail(env, rc, "write", err) : HF_OK;
}

/* Has the databases be there that are wanted; *log is 0 where there is none. */
static hf_status open_both(hf__lmdb_env *env, hf__lmdb_txn *t, bool wants_log, bool wants_history, MDB_dbi *log,
                           hf_error *err) {
  MDB_dbi history = 0;
  hf_status status = hf__lmdb_write_dbi(env, t, env->log, log, err);
  if (status == HF_OK && wants_log && !*log) status = hf__lmdb_make_dbi(env, t, env->log, log, err);
  if (status == HF_OK && wants_history) status = hf__lmdb_write_dbi(env, t, env->history, &history, err);
  if (status == HF_OK && wants_history && !history) status = hf__lmdb_make_dbi(env, t, env->history, &history, err);
  return status;
}

hf_status hf__lmdb_log_settle(hf__lmdb_env *env, hf__lmdb_txn *t, hf_error *err) {
  bool wants_log, wants_history;
  MDB_dbi log;
  hf__lmdb_log_head head;
  int rc = read_wanted(env, t->mdb, &wants_log, &wants_history);
  if (rc) return fail(env, t, rc, err);
  if (wants_history && !wants_log)
    return hf_error_set(err, HF_INVALID_ARGUMENT,
                        "history=true needs a log of changes: set changes=7d, or as long as it shall reach back, with "
                        "it; to turn off both, set changes=off history=false");
  hf_status status = open_both(env, t, wants_log, wants_history, &log, err);
  if (status || !log) return status;
  rc = hf__lmdb_log_head_get(t->mdb, log, &head);
  bool there = rc == 0;
  if (rc && rc != MDB_NOTFOUND) return fail(env, t, rc, err);
  if (wants_log) return fail(env, t, put_head(t, log, there, &head, wants_history), err);
  return there ? fail(env, t, hf__lmdb_log_head_delete(t->mdb, log), err) : HF_OK;
}
