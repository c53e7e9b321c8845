/* SPDX-License-Identifier: MIT
 *
 * Beginning the log of changes again: see log_restore.h.
 */
#include "log_restore.h"

#include "history_store.h"
#include "log_store.h"

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
  if (rc == 0) rc = hf__lmdb_history_drop(txn, history);
  return rc && rc != MDB_NOTFOUND ? rc : hf__lmdb_log_drop(txn, log);
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
  rc = hf__lmdb_log_newest_time(txn, log, &head.since);
  int64_t now = hf_now_ms();
  if (now > head.since) head.since = now;
  if (rc == 0) rc = drop_if_ahead(txn, log, commit);
  return rc ? rc : hf__lmdb_log_head_put(txn, log, &head);
}
