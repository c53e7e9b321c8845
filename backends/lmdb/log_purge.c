/* SPDX-License-Identifier: MIT
 *
 * Purging: see log_purge.h.
 */
#include "log_purge.h"

#include <string.h>

#include "collections.h"
#include "history_store.h"
#include "log_store.h"
#include "map.h"
#include "settings.h"
#include "writer.h"

/* What is taken out. */
struct purge {
  hf__lmdb_env *env;
  hf__lmdb_collection *collection;
  const hf_key *key;
  uint64_t count;
};

static bool is_of(const struct purge *p, const hf__lmdb_log_entry *e) {
  const hf__lmdb_collection *c = p->collection;
  hf_slice id = p->key->id;
  return e->id.size == id.size && memcmp(e->id.data, id.data, id.size) == 0 && e->entity_name.size == c->name_size &&
         memcmp(e->entity_name.data, c->name, c->name_size) == 0;
}

/* Out of the log.  LMDB's result. */
static int purge_log(struct purge *p, MDB_txn *txn, MDB_dbi log) {
  MDB_cursor *c;
  MDB_val k, v;
  int rc = mdb_cursor_open(txn, log, &c);
  if (rc) return rc;
  for (rc = hf__lmdb_log_seek(c, 1, 0, &k, &v); rc == 0;) {
    hf__lmdb_log_entry e;
    if (!hf__lmdb_log_read(&k, &v, &e) || !is_of(p, &e)) {
      rc = mdb_cursor_get(c, &k, &v, MDB_NEXT);
      continue;
    }
    p->count++;
    uint64_t revision = e.revision;
    uint32_t nth = e.nth;
    rc = hf__lmdb_log_delete(txn, log, &k);
    if (rc == 0) rc = hf__lmdb_log_seek(c, revision, nth, &k, &v);
  }
  mdb_cursor_close(c);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Out of the history. */
static int purge_history(struct purge *p, MDB_txn *txn, MDB_dbi history) {
  uint32_t number;
  hf_slice name = {p->collection->name, p->collection->name_size};
  int rc = hf__lmdb_history_number(p->env, txn, name, &number);
  return rc || !number ? rc : hf__lmdb_history_purge(txn, history, number, p->key->order, &p->count);
}

/* All of it, in the transaction. */
static hf_status purge(struct purge *p, hf__lmdb_txn *t, hf_error *err) {
  MDB_dbi log, history;
  hf__lmdb_log_head head;
  hf_changes_reach none = {.from = UINT64_MAX};
  p->count = 0;
  hf_status status = hf__lmdb_write_dbi(p->env, t, p->env->log, &log, err);
  if (status == HF_OK) status = hf__lmdb_write_dbi(p->env, t, p->env->history, &history, err);
  if (status) return status;
  int rc = log ? hf__lmdb_log_head_get(t->mdb, log, &head) : MDB_NOTFOUND;
  if (rc == MDB_NOTFOUND) return hf_error_compacted(err, 0, &none);
  if (rc == 0) rc = purge_log(p, t->mdb, log);
  if (rc == 0 && history) rc = purge_history(p, t->mdb, history);
  if (rc == 0 && p->count) {
    t->changed = true;
    head.purged = mdb_txn_id(t->mdb);
    rc = hf__lmdb_log_head_put(t->mdb, log, &head);
  }
  if (rc == MDB_MAP_FULL) t->map_full = true;
  return rc ? hf__lmdb_fail(p->env, rc, "delete from the log of changes", err) : HF_OK;
}

hf_status hf__lmdb_changes_purge(void *store, void *collection, const hf_key *key, uint64_t *purged, hf_error *err) {
  struct purge p = {.env = store, .collection = collection, .key = key};
  for (;;) {
    hf__lmdb_txn t;
    hf_status status = hf__lmdb_write_begin(p.env, &t, true, err);
    if (status) return status;
    status = purge(&p, &t, err);
    if (status == HF_OK && p.count) {
      status = hf__lmdb_write_commit(p.env, &t, err);
      if (status == HF_OK) status = hf__lmdb_flush(p.env, "delete", err);
    } else {
      hf__lmdb_write_abort(p.env, &t);
    }
    *purged = status ? 0 : p.count;
    if (status != HF_FULL || !t.map_full) return status;
    status = hf__lmdb_make_room(p.env, t.map_size, true, err);
    if (status) return status;
  }
}
