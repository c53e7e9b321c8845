/* SPDX-License-Identifier: MIT
 *
 * Reading the log of changes: see log_read.h.  A transaction knows the databases that were open when it began, so one
 * that meets a name for the first time ends, has the database opened, and begins again where it was; names are looked
 * up ahead before anything is handed out, so that this nearly always is before the first change.
 */
#include "log_read.h"

#include <string.h>

#include "collections.h"
#include "gap.h"
#include "log_values.h"
#include "readers.h"
#include "writer.h"

enum { AHEAD = 256 };

/* One call. */
struct reading {
  const hf_changes_scan *scan;
  hf_change_fn fn;
  void *arg;
  hf_changes_reach *reach;
  hf__lmdb_log_values values;
  MDB_dbi log;
  size_t moment;    /* the commit that its transactions see, once something was handed out; 0: nothing was */
  bool ends;        /* fn has had enough, or another moment would follow */
  hf_change change; /* waits until it is known whether another one of its commit follows */
  uint32_t nth;     /* of that one */
  bool waits;
};

/* ---- beginning */

/* Brings the log up to date after commits of strangers, as the next write would. */
static hf_status mend(hf__lmdb_env *env, hf_error *err) {
  hf__lmdb_txn t;
  if (env->options.read_only)
    return hf_error_set(err, HF_READONLY,
                        "%s: another program has written to the store, and the log of changes is to begin again: open "
                        "the store for writing",
                        env->path);
  hf_status status = hf__lmdb_write_begin(env, &t, false, err);
  if (status == HF_OK) hf__lmdb_write_abort(env, &t);
  return status;
}

/* The database if the transaction can use it; *missing: it has to be opened first.  LMDB's result. */
static int find_dbi(hf__lmdb_env *env, MDB_txn *txn, hf__lmdb_collection *c, MDB_dbi *dbi, bool *missing) {
  *missing = false;
  *dbi = atomic_load(&c->dbi);
  if (*dbi && hf__lmdb_knows_dbi(txn, *dbi)) return 0;
  *dbi = 0;
  int rc = hf__lmdb_has_type(env, txn, c);
  *missing = rc == 0;
  return rc == MDB_NOTFOUND ? 0 : rc;
}

/* A transaction with both databases. */
static hf_status begin(hf__lmdb_env *env, MDB_txn **txn, MDB_dbi *log, MDB_dbi *history, hf_error *err) {
  for (;;) {
    bool missing, exists;
    hf_status status = hf__lmdb_read_collection(env, NULL, env->log, txn, log, err);
    if (status) return status;
    bool gap = *log && hf__lmdb_has_gap(env);
    int rc = find_dbi(env, *txn, env->history, history, &missing);
    if (rc == 0 && !missing && !gap) return HF_OK;
    hf__lmdb_read_end(env, *txn);
    if (rc) return hf__lmdb_fail(env, rc, "read the log of changes", err);
    atomic_store(&env->history->touched, true);
    status = gap ? mend(env, err) : hf__lmdb_open_dbi(env, env->history, &exists, err);
    if (status) return status;
  }
}

/* Fills in how far the log reaches.  LMDB's result. */
static int get_reach(MDB_txn *txn, MDB_dbi log, hf_changes_reach *reach, hf__lmdb_log_head *head) {
  *head = (hf__lmdb_log_head){.from = UINT64_MAX, .history_from = UINT64_MAX};
  int rc = log ? hf__lmdb_log_head_get(txn, log, head) : 0;
  reach->from = head->from;
  reach->history_from = head->history_from;
  reach->newest = mdb_txn_id(txn);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

static hf_status fail_compacted(uint64_t wanted, const hf_changes_reach *reach, const hf__lmdb_log_head *head,
                                hf_error *err) {
  hf_status status = hf_error_compacted(err, wanted, reach);
  if (head->hole && wanted < head->hole && head->from != UINT64_MAX)
    hf_error_cause(err,
                   "what was committed before revision %llu is not all in the log: another program, such as a Holdfast "
                   "0.1, has written to the store",
                   (unsigned long long)head->hole);
  return status;
}

/* ---- handing out */

/* Hands out the change that waits. */
static void hand_out(struct reading *r, bool is_last) {
  if (!r->waits || r->ends) return;
  r->change.is_last = is_last;
  r->waits = false;
  r->moment = r->reach->newest;
  if (r->fn(r->arg, &r->change)) return;
  r->ends = true;
  r->reach->next = r->change.revision;
  r->reach->skip = r->nth;
}

static bool is_wanted(const hf_changes_scan *s, const hf__lmdb_log_entry *e) {
  if (e->what == HF_CHANGE_CLEAR && e->id.size) return false;
  if (s->entity_name.data && (s->entity_name.size != e->entity_name.size ||
                              memcmp(s->entity_name.data, e->entity_name.data, e->entity_name.size) != 0))
    return false;
  if (!e->id.size || !s->id_prefix.size) return true;
  return e->id.size >= s->id_prefix.size && memcmp(e->id.data, s->id_prefix.data, s->id_prefix.size) == 0;
}

/* Whether its value is to be read. */
static bool has_value(const struct reading *r, const hf__lmdb_log_entry *e) {
  return e->what == HF_CHANGE_WRITE && !r->scan->without_values && is_wanted(r->scan, e);
}

/* Takes an entry; *missing: its collection has to be opened first.  LMDB's result. */
static int take(struct reading *r, const hf__lmdb_log_entry *e, bool *missing) {
  bool left_out = false;
  int rc = 0;
  hf_change change = {
      .revision = e->revision, .at = e->at, .what = e->what, .entity_name = e->entity_name, .id = e->id};
  if (has_value(r, e)) {
    const hf__lmdb_log_name *name = hf__lmdb_log_values_find(&r->values, e->entity_name, &rc);
    *missing = !name && rc == 0;
    if (!name) return rc;
    rc = hf__lmdb_log_values_get(&r->values, name, e, &change, &left_out);
  }
  if (rc || left_out || !is_wanted(r->scan, e)) return rc;
  hand_out(r, r->change.revision != e->revision);
  r->change = change;
  r->nth = e->nth;
  r->waits = !r->ends;
  return 0;
}

/* Looks whether the names of the first entries are open.  LMDB's result. */
static int look_ahead(struct reading *r, MDB_cursor *c, bool *missing) {
  MDB_val k, v;
  int rc = hf__lmdb_log_seek(c, r->reach->next, (uint32_t)r->reach->skip, &k, &v);
  for (int n = 0; rc == 0 && n < AHEAD && !*missing; n++, rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) {
    hf__lmdb_log_entry e;
    if (!hf__lmdb_log_read(&k, &v, &e) || !has_value(r, &e)) continue;
    *missing = !hf__lmdb_log_values_find(&r->values, e.entity_name, &rc) && rc == 0;
    if (rc) break;
    if (*missing && r->values.lacks_name && r->values.count == LOG_NAMES_MAX) *missing = r->values.lacks_name = false;
  }
  return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Hands out what there is, until something is missing.  LMDB's result. */
static int read_entries(struct reading *r, MDB_cursor *c, bool *missing) {
  MDB_val k, v;
  int rc = hf__lmdb_log_seek(c, r->reach->next, (uint32_t)r->reach->skip, &k, &v);
  for (; rc == 0 && !r->ends; rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) {
    hf__lmdb_log_entry e;
    if (!hf__lmdb_log_read(&k, &v, &e)) return MDB_CORRUPTED;
    rc = take(r, &e, missing);
    if (*missing && !r->ends) {
      hand_out(r, r->change.revision != e.revision);
      if (r->ends) return 0;
      r->reach->next = e.revision;
      r->reach->skip = e.nth;
    }
    if (rc || *missing) return rc;
  }
  if (rc && rc != MDB_NOTFOUND) return rc;
  hand_out(r, true);
  if (r->ends) return 0;
  if (r->reach->next <= r->reach->newest) r->reach->next = r->reach->newest + 1;
  r->reach->skip = 0;
  r->ends = true;
  return 0;
}

/* Reads in one transaction.  *missing: something has to be opened, and then it goes on. */
static hf_status read_some(struct reading *r, hf__lmdb_env *env, bool *missing, hf_error *err) {
  hf__lmdb_log_head head;
  MDB_cursor *c;
  hf_status status = begin(env, &r->values.txn, &r->log, &r->values.history, err);
  if (status) return status;
  MDB_txn *txn = r->values.txn;
  r->values.transactions++;
  hf_changes_reach before = *r->reach;
  int rc = get_reach(txn, r->log, r->reach, &head);
  r->values.history_from = head.history_from;
  if (rc == 0 && r->moment && r->moment != r->reach->newest) {
    *r->reach = before; /* others have written: what is left is of another moment */
    r->ends = true;
  } else if (rc == 0 && r->reach->next < head.from) {
    status = fail_compacted(r->reach->next, r->reach, &head, err);
  } else if (rc == 0) {
    rc = mdb_cursor_open(txn, r->log, &c);
    if (rc == 0) {
      if (!r->moment) rc = look_ahead(r, c, missing);
      if (rc == 0 && !*missing) rc = read_entries(r, c, missing);
      mdb_cursor_close(c);
    }
  }
  hf__lmdb_read_end(env, txn);
  return rc ? hf__lmdb_fail(env, rc, "read the log of changes", err) : status;
}

hf_status hf__lmdb_changes_read(void *store, const hf_changes_scan *scan, hf_change_fn fn, void *arg,
                                hf_changes_reach *reach, hf_error *err) {
  hf__lmdb_env *env = store;
  struct reading r = {.scan = scan, .fn = fn, .arg = arg, .reach = reach};
  r.values.env = env;
  *reach = (hf_changes_reach){.from = UINT64_MAX, .history_from = UINT64_MAX, .next = scan->from, .skip = scan->skip};
  hf_status status = HF_OK;
  while (status == HF_OK && !r.ends) {
    bool missing = false, full = false;
    status = read_some(&r, env, &missing, err);
    if (status == HF_OK && missing) status = hf__lmdb_log_values_open(&r.values, &full, err);
    if (!full) continue;
    if (r.moment) break;
    hf__lmdb_log_values_free(&r.values);
  }
  hf__lmdb_log_values_free(&r.values);
  return status;
}

/* ---- times */

/* Reads the first entry at or after a revision; *found: there is one.  LMDB's result. */
static int entry_at(MDB_cursor *c, uint64_t revision, hf__lmdb_log_entry *e, bool *found) {
  MDB_val k, v;
  int rc = hf__lmdb_log_seek(c, revision, 0, &k, &v);
  *found = rc == 0;
  if (rc == 0 && !hf__lmdb_log_read(&k, &v, e)) rc = MDB_CORRUPTED;
  return rc == MDB_NOTFOUND ? 0 : rc;
}

/* The first revision whose changes were committed after the time; newest + 1: none was.  Times never go back, so it can
 * be searched as in a sorted list.  *any: some were committed until then.  LMDB's result. */
static int first_after(MDB_cursor *c, int64_t time, const hf_changes_reach *reach, uint64_t *revision, bool *any) {
  uint64_t low = reach->from, high = reach->newest + 1;
  while (low < high) {
    uint64_t middle = low + (high - low) / 2;
    hf__lmdb_log_entry e = {.revision = 0};
    bool found;
    int rc = entry_at(c, middle, &e, &found);
    if (rc) return rc;
    if (!found || e.at > time)
      high = middle;
    else
      low = e.revision + 1;
  }
  *any = low > reach->from;
  hf__lmdb_log_entry e;
  bool found;
  int rc = entry_at(c, low, &e, &found);
  *revision = rc == 0 && found ? e.revision : reach->newest + 1;
  return rc;
}

hf_status hf__lmdb_changes_revision_at(void *store, int64_t time, uint64_t *revision, hf_changes_reach *reach,
                                       hf_error *err) {
  hf__lmdb_env *env = store;
  MDB_txn *txn;
  MDB_dbi log, history;
  MDB_cursor *c;
  hf__lmdb_log_head head;
  uint64_t after = 0;
  bool any = false;
  *reach = (hf_changes_reach){.from = UINT64_MAX, .history_from = UINT64_MAX};
  hf_status status = begin(env, &txn, &log, &history, err);
  if (status) return status;
  int rc = get_reach(txn, log, reach, &head);
  reach->next = reach->newest + 1;
  if (rc == 0 && reach->from == UINT64_MAX)
    status = hf_error_compacted(err, 0, reach);
  else if (rc == 0 && (rc = mdb_cursor_open(txn, log, &c)) == 0) {
    rc = first_after(c, time, reach, &after, &any);
    mdb_cursor_close(c);
  }
  hf__lmdb_read_end(env, txn);
  if (rc) return hf__lmdb_fail(env, rc, "read the log of changes", err);
  if (status) return status;
  *revision = after - 1;
  if (any || time >= head.since) return HF_OK;
  hf_error_set(err, HF_COMPACTED, "the log of changes does not reach back to that time: it begins with revision %llu",
               (unsigned long long)reach->from);
  err->revision = reach->from;
  return HF_COMPACTED;
}

/* ---- commits */

uint64_t hf__lmdb_commits_seen(void *store) {
  hf__lmdb_env *env = store;
  MDB_txn *txn;
  hf_error unused;
  if (hf__lmdb_read_begin(env, &txn, &unused)) return 0;
  uint64_t newest = mdb_txn_id(txn);
  hf__lmdb_read_end(env, txn);
  return newest;
}

const char *hf__lmdb_commits_file(void *store) { return ((hf__lmdb_env *)store)->data_path; }

/* ---- stat */

bool hf__lmdb_log_stat(MDB_txn *txn, MDB_dbi log, MDB_dbi history, hf_buffer *json) {
  hf__lmdb_log_head head;
  hf_changes_reach reach;
  MDB_stat s, old = {0};
  if (!log) return true;
  if (get_reach(txn, log, &reach, &head) || mdb_stat(txn, log, &s) || (history && mdb_stat(txn, history, &old)))
    return false;
  if (head.from == UINT64_MAX) return true;
  size_t bytes = (s.ms_branch_pages + s.ms_leaf_pages + s.ms_overflow_pages + old.ms_branch_pages + old.ms_leaf_pages +
                  old.ms_overflow_pages) *
                 s.ms_psize;
  if (!hf_buffer_printf(json,
                        ",\"changes\":{\"from\":%llu,\"newest\":%llu,\"since\":%lld,\"entries\":%zu,\"bytes\":%zu",
                        (unsigned long long)head.from, (unsigned long long)reach.newest, (long long)head.since,
                        s.ms_entries - 1, bytes))
    return false;
  if (head.history_from != UINT64_MAX && !hf_buffer_printf(json, ",\"historyFrom\":%llu,\"historyEntries\":%zu",
                                                           (unsigned long long)head.history_from, old.ms_entries))
    return false;
  if (head.hole && !hf_buffer_printf(json, ",\"hole\":%llu", (unsigned long long)head.hole)) return false;
  return hf_buffer_add(json, "}", 1);
}
