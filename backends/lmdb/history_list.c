/* SPDX-License-Identifier: MIT
 *
 * What is kept of an id: see history_list.h.
 *
 * An entry of the history has two things to tell: what its revision did, where that left no record, and the record that
 * was there before.  A part is collected in a short read transaction, as copies, and handed out after it, so that
 * nothing is held while the program looks.  What is older than a part does not change meanwhile, but may go.
 */
#include "history_list.h"

#include <stdlib.h>
#include <string.h>

#include "history_read.h"
#include "history_store.h"
#include "log_store.h"
#include "record.h"

#define NOT_KNOWN UINT64_MAX
enum { PART = 32, PART_BYTES = 256 * 1024 };

/* A part, and where the next one begins. */
struct part {
  hf__lmdb_past past;
  const hf_key *key;
  MDB_cursor *log; /* for the times of revisions; NULL: there are none */
  uint64_t before; /* entries of this revision and later ones have been dealt with */
  uint64_t newer;  /* revision of the record that came last; 0: none did; NOT_KNOWN: it is damaged */
  bool is_end;     /* nothing is older than this part */
  size_t count;
  hf_change changes[PART];
  size_t places[PART]; /* of their values in `texts` */
  hf_buffer texts;
};

/* ---- collecting */

static bool is_full(const struct part *p) { return p->count + 2 > PART || p->texts.size > PART_BYTES; }

/* When a commit was made; `otherwise` where the log does not know any more. */
static int64_t time_of(const struct part *p, uint64_t revision, int64_t otherwise) {
  MDB_val k, v;
  hf__lmdb_log_entry e;
  if (!p->log || hf__lmdb_log_seek(p->log, revision, 0, &k, &v)) return otherwise;
  return hf__lmdb_log_read(&k, &v, &e) && e.revision == revision ? e.at : otherwise;
}

static hf_change *add(struct part *p, uint64_t revision, hf_change_kind what, int64_t at) {
  p->places[p->count] = p->texts.size;
  hf_change *c = &p->changes[p->count++];
  *c = (hf_change){.revision = revision, .what = what, .at = time_of(p, revision, at)};
  return c;
}

/* Adds a value that the id had.  Of one that is damaged: what it was is not known, so nothing. */
static hf_status add_record(struct part *p, const MDB_val *record, hf_error *err) {
  hf_slice text;
  hf_info info = {0};
  const char *problem = hf__lmdb_record_read(record, p->key->id, &text, &info);
  if (problem) return hf_error_set(err, HF_CORRUPT, "%s", problem);
  hf_change *c = add(p, info.revision, HF_CHANGE_WRITE, info.updated_at);
  c->json.size = text.size;
  c->expires_at = info.expires_at;
  p->newer = info.revision;
  return hf_buffer_add(&p->texts, text.data, text.size) ? HF_OK : hf_error_no_memory(err);
}

/* Adds what one entry tells. */
static hf_status add_entry(struct part *p, const hf__lmdb_replaced *e, hf_error *err) {
  p->before = e->revision;
  bool is_replaced = e->revision == p->newer, is_lost = !is_replaced && p->newer != NOT_KNOWN;
  if (e->what == HF_CHANGE_WRITE && is_lost && e->revision >= p->past.history_from)
    return hf_error_set(err, HF_CORRUPT, "an entry of its history is missing");
  if (e->what != HF_CHANGE_WRITE && !is_replaced) add(p, e->revision, e->what, 0);
  p->newer = 0;
  if (!e->record.mv_size) return HF_OK;
  hf_status status = add_record(p, &e->record, err);
  if (status != HF_CORRUPT || e->what != HF_CHANGE_QUARANTINE) return status;
  p->newer = NOT_KNOWN; /* it was put aside for that */
  return HF_OK;
}

/* The entry before; MDB_NOTFOUND: there is none of the id. */
static int step(const struct part *p, hf__lmdb_replaced *e) {
  unsigned char bytes[HISTORY_KEY_MAX];
  MDB_val k = hf__lmdb_history_key(bytes, p->past.number, p->key->order, p->before), v;
  size_t size = k.mv_size;
  int rc = mdb_cursor_get(p->past.c, &k, &v, MDB_SET_RANGE);
  if (rc == 0 || rc == MDB_NOTFOUND) rc = mdb_cursor_get(p->past.c, &k, &v, rc ? MDB_LAST : MDB_PREV);
  if (rc) return rc;
  if (k.mv_size != size || memcmp(k.mv_data, bytes, size - HISTORY_REVISION) != 0) return MDB_NOTFOUND;
  return hf__lmdb_history_read(&k, &v, e) ? 0 : MDB_CORRUPTED;
}

/* Adds the present record. */
static hf_status add_present(struct part *p, hf_error *err) {
  MDB_val k = hf__lmdb_val(p->key->order), v;
  int rc = p->past.dbi ? mdb_get(p->past.txn, p->past.dbi, &k, &v) : MDB_NOTFOUND;
  if (rc == MDB_NOTFOUND) return HF_OK;
  return rc ? hf__lmdb_fail(p->past.env, rc, "read", err) : add_record(p, &v, err);
}

static hf_status collect(struct part *p, bool is_first, hf_error *err) {
  hf_status status = is_first ? add_present(p, err) : HF_OK, failed;
  p->is_end = status == HF_OK && !hf__lmdb_past_has_history(&p->past, &failed, err);
  if (status || p->is_end) return status ? status : failed;
  while (!is_full(p)) {
    hf__lmdb_replaced e;
    int rc = step(p, &e);
    p->is_end = rc == MDB_NOTFOUND;
    if (p->is_end) return HF_OK;
    if (rc == MDB_CORRUPTED) return hf_error_set(err, HF_CORRUPT, "an entry of its history is damaged");
    status = rc ? hf__lmdb_fail(p->past.env, rc, "look into the history", err) : add_entry(p, &e, err);
    if (status) return status;
  }
  return HF_OK;
}

/* Collects a part in a transaction of its own. */
static hf_status collect_part(struct part *p, hf__lmdb_env *env, hf__lmdb_collection *collection, bool is_first,
                              hf_changes_reach *reach, hf_error *err) {
  hf_changes_reach now;
  p->count = p->texts.size = 0;
  hf_status status = hf__lmdb_past_open(env, NULL, collection, &p->past, err);
  if (status) return status;
  status = hf__lmdb_past_reach(&p->past, &now, err);
  if (is_first) *reach = now;
  if (reach->history_from < now.history_from) reach->history_from = now.history_from; /* it has gone meanwhile */
  if (status == HF_OK && now.history_from == UINT64_MAX) status = hf__lmdb_past_fail(&p->past, 0, &now, err);
  p->log = NULL;
  if (status == HF_OK && p->past.log && mdb_cursor_open(p->past.txn, p->past.log, &p->log)) p->log = NULL;
  if (status == HF_OK) status = collect(p, is_first, err);
  if (p->log) mdb_cursor_close(p->log);
  hf__lmdb_past_end(&p->past);
  return status;
}

/* ---- handing out */

/* False: no more is wanted. */
static bool hand_out(struct part *p, hf_slice entity_name, hf_change_fn fn, void *arg) {
  for (size_t i = 0; i < p->count; i++) {
    hf_change *c = &p->changes[i];
    c->entity_name = entity_name;
    c->id = p->key->id;
    c->is_last = true;
    if (c->what == HF_CHANGE_WRITE) c->json.data = p->texts.data + p->places[i];
    if (!fn(arg, c)) return false;
  }
  return true;
}

hf_status hf__lmdb_history_list(void *store, void *collection, const hf_key *key, hf_change_fn fn, void *arg,
                                hf_changes_reach *reach, hf_error *err) {
  const hf__lmdb_collection *c = collection;
  hf_status status = HF_OK;
  *reach = (hf_changes_reach){.from = UINT64_MAX, .history_from = UINT64_MAX};
  struct part *p = malloc(sizeof *p);
  if (!p) return hf_error_no_memory(err);
  *p = (struct part){.key = key, .before = HISTORY_BEYOND, .texts = HF_BUFFER_INIT};
  bool goes_on = true;
  for (bool is_first = true; goes_on && status == HF_OK; is_first = false) {
    status = collect_part(p, store, collection, is_first, reach, err);
    goes_on = hand_out(p, (hf_slice){c->name, c->name_size}, fn, arg) && !p->is_end;
  }
  hf_buffer_free(&p->texts);
  free(p);
  return goes_on || !status ? status : HF_OK;
}
