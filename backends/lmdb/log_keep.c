/* SPDX-License-Identifier: MIT
 *
 * Keeping up the log of changes: see log_keep.h.
 */
#include "log_keep.h"

#include "collections.h"
#include "history_store.h"
#include "log_store.h"
#include "quarantine.h"
#include "record.h"

hf_status hf__lmdb_log_enter(hf__lmdb_logging *l, hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_collection *c,
                             hf_error *err) {
  *l = (hf__lmdb_logging){.env = env, .t = t, .collection = c};
  if (__builtin_expect(!env->known.keeps_log, 1)) return HF_OK;
  hf_status status = hf__lmdb_write_dbi(env, t, env->log, &l->log, err);
  if (status == HF_OK && env->known.keeps_history) status = hf__lmdb_write_dbi(env, t, env->history, &l->history, err);
  if (status == HF_OK && (!l->log || (env->known.keeps_history && !l->history)))
    status = hf_error_set(err, HF_CORRUPT,
                          "%s: the database of the log of changes is missing: set changes=off history=false, and then "
                          "what it was",
                          env->path);
  return status;
}

/* ---- when */

/* Gives the transaction its time, which is that of all its changes: now, or where the clock went back, that of the
 * newest change. */
static int set_time(const hf__lmdb_logging *l) {
  int64_t newest = l->env->logged.at;
  int rc = l->env->logged.of == mdb_txn_id(l->t->mdb) - 1 ? 0 : hf__lmdb_log_newest_time(l->t->mdb, l->log, &newest);
  int64_t now = hf_now_ms();
  l->t->log_time = now > newest ? now : newest;
  return rc;
}

void hf__lmdb_log_committed(hf__lmdb_env *env, const hf__lmdb_txn *t, uint64_t commit) {
  if (!t->logged && env->logged.of != commit - 1) return;
  env->logged.of = commit;
  if (t->logged) env->logged.at = t->log_time;
}

/* ---- entries */

static int append(const hf__lmdb_logging *l, hf_change_kind what, hf_slice id, bool keeps) {
  hf__lmdb_txn *t = l->t;
  int rc = t->logged ? 0 : set_time(l);
  if (rc) return rc;
  hf__lmdb_log_entry e = {.revision = mdb_txn_id(t->mdb),
                          .nth = t->logged,
                          .what = what,
                          .keeps = keeps,
                          .at = t->log_time,
                          .entity_name = {l->collection->name, l->collection->name_size},
                          .id = id};
  rc = hf__lmdb_log_append(t->mdb, l->log, &e);
  if (rc == 0) t->logged++;
  return rc;
}

static int keep(const hf__lmdb_logging *l, hf_change_kind what, hf_slice order, const MDB_val *old) {
  uint32_t number;
  int rc = hf__lmdb_history_give_number(l->env, l->t, l->collection, &number);
  return rc ? rc : hf__lmdb_history_put(l->t->mdb, l->history, number, order, mdb_txn_id(l->t->mdb), what, old);
}

/* What the transaction has kept of the id before is ended by its last change. */
static int end_by(const hf__lmdb_logging *l, hf_change_kind what, hf_slice order) {
  uint32_t number;
  int rc = hf__lmdb_history_give_number(l->env, l->t, l->collection, &number);
  return rc ? rc : hf__lmdb_history_end_by(l->t->mdb, l->history, number, order, mdb_txn_id(l->t->mdb), what);
}

/* Whether the key is that under which the id is found, as it is unless the key is damaged. */
static bool is_sound(const hf_key *key) {
  MDB_val k = hf__lmdb_val(key->order);
  return hf__lmdb_record_key_is_sound(&k, key->id);
}

int hf__lmdb_log_change(const hf__lmdb_logging *l, hf_change_kind what, const hf_key *key, const MDB_val *old,
                        bool settles) {
  bool is_own = old && hf__lmdb_record_revision(old) == mdb_txn_id(l->t->mdb);
  if (is_own && what == HF_CHANGE_WRITE) return 0;
  if (what == HF_CHANGE_QUARANTINE && !is_sound(key)) { /* nobody has found it under this id, nor will */
    unsigned char unused[HF_ORDER_KEY_MAX];
    return hf_order_key(key->id, unused) ? append(l, what, key->id, false) : 0;
  }
  bool keeps = l->history && !is_own && (old || settles || what == HF_CHANGE_QUARANTINE);
  int rc = keeps ? keep(l, what, key->order, old) : 0;
  if (rc == 0 && is_own && l->history) rc = end_by(l, what, key->order);
  return rc ? rc : append(l, what, key->id, keeps);
}

/* ---- all of a name */

static int clear_each(const hf__lmdb_logging *l, MDB_cursor *c) {
  MDB_val k, v;
  int rc;
  for (rc = mdb_cursor_get(c, &k, &v, MDB_FIRST); rc == 0; rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) {
    hf_key key = {hf__lmdb_record_id(&k, &v), {k.mv_data, k.mv_size}};
    if (!key.id.data || !is_sound(&key)) continue;
    bool is_own = hf__lmdb_record_revision(&v) == mdb_txn_id(l->t->mdb);
    rc = is_own ? end_by(l, HF_CHANGE_CLEAR, key.order) : keep(l, HF_CHANGE_CLEAR, key.order, &v);
    if (rc == 0 && !is_own) rc = append(l, HF_CHANGE_CLEAR, key.id, true);
    if (rc) return rc;
  }
  return rc == MDB_NOTFOUND ? 0 : rc;
}

/* One in quarantine. */
static int clear_settled(void *arg, hf_slice order) {
  const hf__lmdb_logging *l = arg;
  MDB_val k = hf__lmdb_val(order);
  hf_key key = {hf__lmdb_record_search_id(&k), order};
  if (!key.id.data || !is_sound(&key)) return 0;
  int rc = keep(l, HF_CHANGE_CLEAR, order, NULL);
  return rc ? rc : append(l, HF_CHANGE_CLEAR, key.id, true);
}

int hf__lmdb_log_clear(const hf__lmdb_logging *l, MDB_dbi records, bool settles) {
  MDB_stat stat = {.ms_entries = 0};
  MDB_cursor *c;
  int rc = records ? mdb_stat(l->t->mdb, records, &stat) : 0;
  if (rc || !(stat.ms_entries || settles)) return rc;
  rc = append(l, HF_CHANGE_CLEAR, (hf_slice){NULL, 0}, false);
  if (rc == 0 && l->history && settles)
    rc = hf__lmdb_quarantine_each(l->env, l->t->mdb, l->collection, clear_settled, (void *)(uintptr_t)l);
  if (rc || !l->history || !stat.ms_entries || (rc = mdb_cursor_open(l->t->mdb, records, &c))) return rc;
  rc = clear_each(l, c);
  mdb_cursor_close(c);
  return rc;
}
