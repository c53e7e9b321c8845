/* SPDX-License-Identifier: MIT
 *
 * Beginning the log of changes: see log_restore.h.
 */
#include "log_restore.h"

#include <string.h>

#include "collections.h"
#include "log_store.h"
#include "meta.h"

/* Now, but not before the newest change.  LMDB's result. */
static int time_of_commit(MDB_txn *txn, MDB_dbi log, int64_t *at) {
  MDB_cursor *c;
  MDB_val k, v;
  hf__lmdb_log_entry e;
  *at = hf_now_ms();
  int rc = mdb_cursor_open(txn, log, &c);
  if (rc) return rc;
  rc = hf__lmdb_log_last(c, &k, &v);
  if (rc == 0 && hf__lmdb_log_read(&k, &v, &e) && e.at > *at) *at = e.at;
  mdb_cursor_close(c);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Commits are counted from 1 again, as in a copy by mdb_copy -c: what was logged has numbers that will come again. */
static int drop_if_ahead(MDB_txn *txn, MDB_dbi log, uint64_t commit) {
  MDB_cursor *c;
  MDB_val k, v;
  MDB_dbi history;
  hf__lmdb_log_entry e;
  int rc = mdb_cursor_open(txn, log, &c);
  if (rc) return rc;
  rc = hf__lmdb_log_last(c, &k, &v);
  bool ahead = rc == 0 && (!hf__lmdb_log_read(&k, &v, &e) || e.revision >= commit);
  mdb_cursor_close(c);
  if (rc && rc != MDB_NOTFOUND) return rc;
  if (!ahead) return 0;
  rc = mdb_dbi_open(txn, HISTORY_DB, 0, &history);
  if (rc == 0) rc = mdb_drop(txn, history, 0);
  return rc && rc != MDB_NOTFOUND ? rc : mdb_drop(txn, log, 0);
}

int hf__lmdb_log_restore(hf__lmdb_env *env, MDB_txn *txn) {
  MDB_dbi log;
  hf__lmdb_log_head head;
  uint64_t commit = mdb_txn_id(txn);
  (void)env;
  int rc = mdb_dbi_open(txn, LOG_DB, 0, &log);
  if (rc == 0) rc = hf__lmdb_log_head_get(txn, log, &head);
  if (rc) return rc == MDB_NOTFOUND ? 0 : rc;
  head.from = head.hole = commit;
  if (head.history_from != UINT64_MAX) head.history_from = commit;
  rc = time_of_commit(txn, log, &head.since);
  if (rc == 0) rc = drop_if_ahead(txn, log, commit);
  return rc ? rc : hf__lmdb_log_head_put(txn, log, &head);
}

/* ---- turning it on and off */

static hf_status open_database(hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_collection *c, MDB_dbi *dbi,
                               hf_error *err) {
  hf_status status = hf__lmdb_write_dbi(env, t, c, dbi, err);
  return status || *dbi ? status : hf__lmdb_make_dbi(env, t, c, dbi, err);
}

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
    rc = time_of_commit(t->mdb, log, &head->since);
  }
  head->history_from = history ? next : UINT64_MAX;
  return rc ? rc : hf__lmdb_log_head_put(t->mdb, log, head);
}

static int take_head(hf__lmdb_txn *t, MDB_dbi log) {
  unsigned char key[LOG_KEY] = {0};
  MDB_val k = {sizeof key, key};
  return mdb_del(t->mdb, log, &k, NULL);
}

static hf_status fail(hf__lmdb_env *env, hf__lmdb_txn *t, int rc, hf_error *err) {
  if (rc == MDB_MAP_FULL) hf__lmdb_note_full(t);
  return rc ? hf__lmdb_fail(env, rc, "write", err) : HF_OK;
}

hf_status hf__lmdb_log_settle(hf__lmdb_env *env, hf__lmdb_txn *t, hf_error *err) {
  bool wants_log, wants_history;
  MDB_dbi log, history;
  hf__lmdb_log_head head;
  int rc = read_wanted(env, t->mdb, &wants_log, &wants_history);
  if (rc) return fail(env, t, rc, err);
  if (wants_history && !wants_log)
    return hf_error_set(err, HF_INVALID_ARGUMENT,
                        "history=true needs a log of changes: set changes=7d, or as long as it shall reach back, with "
                        "it; to turn off both, set changes=off history=false");
  hf_status status =
      wants_log ? open_database(env, t, env->log, &log, err) : hf__lmdb_write_dbi(env, t, env->log, &log, err);
  if (status == HF_OK && wants_history) status = open_database(env, t, env->history, &history, err);
  if (status || !log) return status;
  rc = hf__lmdb_log_head_get(t->mdb, log, &head);
  bool there = rc == 0;
  if (rc && rc != MDB_NOTFOUND) return fail(env, t, rc, err);
  if (wants_log) return fail(env, t, put_head(t, log, there, &head, wants_history), err);
  return there ? fail(env, t, take_head(t, log), err) : HF_OK;
}
