/* SPDX-License-Identifier: MIT
 *
 * Entities as they were: see history_read.h.
 *
 * An entry that is missing must not become a value, or an absence, that never was.  Each record has a checksum of its
 * own and says its revision; where an id is found to have been absent, the entry before is looked at: one that tells of
 * a write must be followed by the record that was written.
 */
#include "history_read.h"

#include <stdio.h>
#include <string.h>

#include "collections.h"
#include "history_store.h"
#include "log_store.h"
#include "quarantine.h"
#include "readers.h"
#include "record.h"
#include "snapshot.h"

static const char LOST[] = "an entry of its history is missing";

/* ---- beginning */

/* Which of our own databases are looked at beside the collection. */
enum { HISTORY, LOG, OWN };

/* Finds the others in the transaction that the first was found in.  *again: something had to be opened, and the
 * transaction, if it was of the pool, was given back. */
static hf_status find_own(hf__lmdb_env *env, hf__lmdb_txn *in, MDB_txn *txn, MDB_dbi dbis[OWN], bool *again,
                          hf_error *err) {
  hf__lmdb_collection *own[OWN] = {[HISTORY] = env->history, [LOG] = env->log};
  *again = false;
  for (int i = 0; i < OWN; i++) {
    hf__lmdb_collection *e = own[i];
    if (in) {
      MDB_txn *same;
      hf_status status = hf__lmdb_read_collection(env, in, e, &same, &dbis[i], err);
      if (status) return status;
      continue;
    }
    if (!atomic_load_explicit(&e->touched, memory_order_relaxed)) atomic_store(&e->touched, true);
    MDB_dbi d = dbis[i] = atomic_load_explicit(&e->dbi, memory_order_acquire);
    if (d && hf__lmdb_knows_dbi(txn, d)) continue;
    dbis[i] = 0;
    int rc = d ? 0 : hf__lmdb_has_type(env, txn, e);
    if (rc == MDB_NOTFOUND) continue;
    bool exists;
    hf__lmdb_read_end(env, txn);
    *again = true;
    return rc ? hf__lmdb_fail(env, rc, "read", err) : d ? HF_OK : hf__lmdb_open_dbi(env, e, &exists, err);
  }
  return HF_OK;
}

/* Begins to read the three databases in one transaction. */
static hf_status begin(hf__lmdb_past *p, hf_error *err) {
  MDB_dbi own[OWN];
  for (;;) {
    bool again;
    hf_status status = hf__lmdb_read_collection(p->env, p->in, p->collection, &p->txn, &p->dbi, err);
    if (status || (status = find_own(p->env, p->in, p->txn, own, &again, err))) return status;
    if (again) continue;
    p->history = own[HISTORY];
    p->log = own[LOG];
    return HF_OK;
  }
}

hf_status hf__lmdb_past_fail(const hf__lmdb_past *p, uint64_t at, const hf_changes_reach *reach, hf_error *err) {
  hf_changes_reach history = *reach;
  if (reach->from != UINT64_MAX && reach->history_from == UINT64_MAX)
    return hf_error_set(err, HF_UNSUPPORTED, "the store's log keeps no values that were replaced: set history=true");
  history.from = reach->history_from;
  hf_status status = hf_error_compacted(err, at, &history);
  if (status == HF_COMPACTED && p->hole > at)
    hf_error_cause(err, "a program that keeps no log has written to the store before revision %llu",
                   (unsigned long long)p->hole);
  return status;
}

hf_status hf__lmdb_past_reach(hf__lmdb_past *p, hf_changes_reach *reach, hf_error *err) {
  hf__lmdb_log_head head;
  *reach = (hf_changes_reach){.from = UINT64_MAX, .history_from = UINT64_MAX, .newest = mdb_txn_id(p->txn)};
  int rc = p->log ? hf__lmdb_log_head_get(p->txn, p->log, &head) : MDB_NOTFOUND;
  if (rc == MDB_NOTFOUND) return HF_OK;
  if (rc) return hf__lmdb_fail(p->env, rc, "look into the log", err);
  reach->from = head.from;
  reach->history_from = p->history_from = head.history_from;
  p->hole = head.hole;
  return HF_OK;
}

/* Whether the store can be read as it was after the commit. */
static hf_status check_reach(hf__lmdb_past *p, hf_error *err) {
  hf_changes_reach reach;
  hf_status status = hf__lmdb_past_reach(p, &reach, err);
  if (status) return status;
  if (reach.history_from == UINT64_MAX || p->at + 1 < reach.history_from)
    return hf__lmdb_past_fail(p, p->at, &reach, err);
  if (p->at <= reach.newest) return HF_OK;
  return hf_error_set(err, HF_INVALID_ARGUMENT, "revision %llu is not there yet: the newest is %llu",
                      (unsigned long long)p->at, (unsigned long long)reach.newest);
}

hf_status hf__lmdb_past_open(hf__lmdb_env *env, hf__lmdb_txn *in, hf__lmdb_collection *collection, hf__lmdb_past *past,
                             hf_error *err) {
  hf_slice name = {collection->name, collection->name_size};
  *past = (hf__lmdb_past){.env = env, .in = in, .collection = collection};
  hf_status status = begin(past, err);
  if (status) return status;
  int rc = past->history ? hf__lmdb_history_number(env, past->txn, name, &past->number) : 0;
  if (rc == 0) return HF_OK;
  hf__lmdb_past_end(past);
  return hf__lmdb_fail(env, rc, "read", err);
}

hf_status hf__lmdb_past_begin(hf__lmdb_env *env, hf__lmdb_txn *in, hf__lmdb_collection *collection, uint64_t at,
                              hf__lmdb_past *past, hf_error *err) {
  hf_status status = hf__lmdb_past_open(env, in, collection, past, err);
  if (status) return status;
  past->at = at;
  status = check_reach(past, err);
  if (status) hf__lmdb_past_end(past);
  return status;
}

void hf__lmdb_past_end(hf__lmdb_past *p) {
  if (p->c) mdb_cursor_close(p->c);
  hf__lmdb_read_collection_end(p->env, p->in, p->txn);
}

bool hf__lmdb_past_has_history(hf__lmdb_past *p, hf_status *status, hf_error *err) {
  *status = HF_OK;
  if (!p->number || p->c) return p->c != NULL;
  int rc = mdb_cursor_open(p->txn, p->history, &p->c);
  if (rc) *status = hf__lmdb_fail(p->env, rc, "look into the history", err);
  return rc == 0;
}

/* ---- one id */

/* When the newest commit until the moment that is logged was made, or the one before the oldest; 0: nobody knows.  What
 * an earlier log has left, which was turned off, says nothing. */
static int64_t clock_of(const hf__lmdb_past *p) {
  MDB_cursor *c;
  MDB_val k, v;
  hf__lmdb_log_entry e = {.at = 0};
  hf__lmdb_log_head head;
  if (!p->log || hf__lmdb_log_head_get(p->txn, p->log, &head) || mdb_cursor_open(p->txn, p->log, &c)) return 0;
  int rc = hf__lmdb_log_seek(c, p->at + 1, 0, &k, &v);
  rc = rc == MDB_NOTFOUND ? hf__lmdb_log_last(c, &k, &v) : rc ? rc : mdb_cursor_get(c, &k, &v, MDB_PREV);
  bool is_logged = rc == 0 && !hf__lmdb_log_is_head(&k) && hf__lmdb_log_read(&k, &v, &e) && e.revision >= head.from;
  mdb_cursor_close(c);
  return is_logged ? e.at : head.since;
}

/* Whether a value that expires had done so by then. */
static bool had_expired(hf__lmdb_past *p, int64_t expires_at) {
  if (!expires_at) return false;
  if (!p->has_clock) p->clock = clock_of(p);
  p->has_clock = true;
  return expires_at <= p->clock;
}

/* Judges a record that is not newer than the moment. */
static void take(hf__lmdb_past *p, hf__lmdb_was *was) {
  was->status = had_expired(p, was->info.expires_at) ? HF_NOT_FOUND : HF_OK;
}

static void damaged(hf__lmdb_was *was, const char *problem) {
  was->status = HF_CORRUPT;
  was->problem = problem;
}

/* What an id was that has no entry after the moment, and no present record that is as old. */
static void look_at_present(hf__lmdb_past *p, const hf_key *key, const MDB_val *present, const char *problem,
                            hf__lmdb_was *was, hf_error *err) {
  was->status = HF_NOT_FOUND;
  if (problem) {
    damaged(was, problem);
  } else if (!present) {
    was->status = hf__lmdb_quarantine_check(p->env, p->txn, p->collection, key, err);
    was->in_quarantine = was->status == HF_CORRUPT;
    was->problem = err->message;
  }
}

/* Whether the last entry until the moment says that the id was written by a commit whose record is nowhere. */
static bool is_lost(const hf__lmdb_past *p, const hf_key *key) {
  unsigned char bytes[HISTORY_KEY_MAX];
  hf__lmdb_replaced e;
  MDB_val k = hf__lmdb_history_key(bytes, p->number, key->order, p->at + 1), v;
  size_t size = k.mv_size, head = size - HISTORY_REVISION;
  int rc = mdb_cursor_get(p->c, &k, &v, MDB_SET_RANGE);
  rc = mdb_cursor_get(p->c, &k, &v, rc == MDB_NOTFOUND ? MDB_LAST : MDB_PREV);
  if (rc || k.mv_size != size || memcmp(k.mv_data, bytes, head) != 0) return false;
  return hf__lmdb_history_read(&k, &v, &e) && e.revision >= p->history_from && e.what == HF_CHANGE_WRITE;
}

/* What the first entry after the moment says. */
static void look_at_entry(hf__lmdb_past *p, const hf_key *key, const hf__lmdb_replaced *e, hf__lmdb_was *was) {
  was->status = HF_NOT_FOUND;
  if (!e->record.mv_size) { /* nothing was there, or what was in quarantine */
    if (e->what == HF_CHANGE_QUARANTINE) return;
    damaged(was, "it was in quarantine at that moment");
    was->in_quarantine = true;
    return;
  }
  const char *problem = hf__lmdb_record_read(&e->record, key->id, &was->text, &was->info);
  if (!problem && was->info.revision >= e->revision) problem = "its history is out of order";
  if (problem)
    damaged(was, problem);
  else if (was->info.revision <= p->at)
    take(p, was);
}

/* The same by the history. */
static void look_into_history(hf__lmdb_past *p, const hf_key *key, const MDB_val *present, const char *problem,
                              hf__lmdb_was *was, hf_error *err) {
  hf__lmdb_replaced e;
  int rc = hf__lmdb_history_seek(p->c, p->number, key->order, p->at + 1, &e);
  if (rc == 0)
    look_at_entry(p, key, &e, was);
  else if (rc == MDB_NOTFOUND)
    look_at_present(p, key, present, problem, was, err);
  else
    damaged(was, "an entry of its history is damaged");
  bool was_there = was->info.revision && was->info.revision <= p->at;
  if (was->status == HF_NOT_FOUND && !was_there && is_lost(p, key)) damaged(was, LOST);
}

void hf__lmdb_past_look(hf__lmdb_past *p, const hf_key *key, const MDB_val *present, hf__lmdb_was *was, hf_error *err) {
  hf_status failed;
  *was = (hf__lmdb_was){.status = HF_OK};
  const char *problem = present ? hf__lmdb_record_read(present, key->id, &was->text, &was->info) : NULL;
  if (present && !problem && was->info.revision <= p->at) {
    take(p, was);
    return;
  }
  *was = (hf__lmdb_was){.status = HF_OK};
  if (hf__lmdb_past_has_history(p, &failed, err))
    look_into_history(p, key, present, problem, was, err);
  else if (failed)
    was->status = failed;
  else
    look_at_present(p, key, present, problem, was, err);
}

/* The same of an id that is looked for. */
static void find(hf__lmdb_past *p, const hf_key *key, hf__lmdb_was *was, hf_error *err) {
  MDB_val k = hf__lmdb_val(key->order), v;
  int rc = p->dbi ? mdb_get(p->txn, p->dbi, &k, &v) : MDB_NOTFOUND;
  if (rc && rc != MDB_NOTFOUND)
    *was = (hf__lmdb_was){.status = hf__lmdb_fail(p->env, rc, "read", err)};
  else
    hf__lmdb_past_look(p, key, rc ? NULL : &v, was, err);
}

/* ---- slots */

hf_status hf__lmdb_past_txn(hf__lmdb_env *env, uint64_t at, hf__lmdb_txn *t, hf_error *err) {
  hf__lmdb_past unused;
  hf_status status = hf__lmdb_snapshot_begin(env, t, err);
  if (status) return status;
  t->at = at;
  status = hf__lmdb_past_begin(env, t, env->history, at, &unused, err);
  if (status)
    hf__lmdb_snapshot_end(env, t);
  else
    hf__lmdb_past_end(&unused);
  return status;
}

/* Fills in the error of an id that was corrupt. */
static hf_status fail_as(const hf__lmdb_was *was, hf_error *err) {
  if (was->status != HF_CORRUPT) return was->status;
  char problem[256];
  snprintf(problem, sizeof problem, "%s", was->problem); /* it may be err->message */
  return was->in_quarantine ? hf_error_quarantined(err, problem) : hf_error_set(err, HF_CORRUPT, "%s", problem);
}

/* Reads one id; json NULL: whether it is there. */
static hf_status read_one(hf__lmdb_past *p, const hf_key *key, hf_buffer *json, hf_info *info, hf_error *err) {
  hf__lmdb_was was;
  find(p, key, &was, err);
  if (was.status) return fail_as(&was, err);
  if (info) *info = was.info;
  if (!json) return HF_OK;
  json->size = 0;
  return hf_buffer_add(json, was.text.data, was.text.size) ? HF_OK : hf_error_no_memory(err);
}

hf_status hf__lmdb_get_at(void *store, void *collection, const hf_key *key, uint64_t revision, hf_buffer *json,
                          hf_info *info, hf_error *err) {
  hf__lmdb_past p;
  hf_status status = hf__lmdb_past_begin(store, NULL, collection, revision, &p, err);
  if (status) return status;
  status = read_one(&p, key, json, info, err);
  hf__lmdb_past_end(&p);
  return status;
}

hf_status hf__lmdb_past_get(hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_collection *collection, const hf_key *key,
                            hf_buffer *json, hf_info *info, hf_error *err) {
  hf__lmdb_past p;
  hf_status status = hf__lmdb_past_begin(env, t, collection, t->at, &p, err);
  if (status) return status;
  status = read_one(&p, key, json, info, err);
  hf__lmdb_past_end(&p);
  return status;
}

/* Adds what one of many ids was. */
static hf_status add_one(hf__lmdb_past *p, const hf_key *key, hf_page *page, hf_error *err) {
  hf__lmdb_was was;
  find(p, key, &was, err);
  bool is_there = was.status == HF_OK;
  if (!is_there && was.status != HF_NOT_FOUND) return fail_as(&was, err);
  hf_entry *e = hf_page_add(page, key->id, is_there ? was.text.data : NULL, is_there ? was.text.size : 0);
  if (!e) return hf_error_no_memory(err);
  if (is_there) e->info = was.info;
  e->status = was.status;
  return HF_OK;
}

hf_status hf__lmdb_past_get_many(hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_collection *collection,
                                 const hf_key *keys, size_t count, hf_page *page, hf_error *err) {
  hf__lmdb_past p;
  hf_status status = hf__lmdb_past_begin(env, t, collection, t->at, &p, err);
  if (status) return status;
  for (size_t i = 0; i < count && status == HF_OK; i++) status = add_one(&p, &keys[i], page, err);
  hf__lmdb_past_end(&p);
  return status;
}
