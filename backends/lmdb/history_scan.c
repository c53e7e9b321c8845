/* SPDX-License-Identifier: MIT
 *
 * Scanning a collection as it was: see history_scan.h.  Whatever was there is there still, or in the history: so the
 * ids of both are merged, in natural order, and of each is found out what it was.
 */
#include "history_scan.h"

#include <endian.h>
#include <string.h>

#include "collections.h"
#include "history_read.h"
#include "history_store.h"
#include "record.h"
#include "scan_bounds.h"

/* One of the two trees, at the next id that it has. */
struct side {
  MDB_cursor *c;
  MDB_val order, record; /* the order key; of the present: the record */
  bool is_at_end;
};

struct merge {
  hf__lmdb_past past;
  const hf_scan *s;
  struct side present, history; /* the history's cursor is that of `past` */
};

/* ---- the ids of the history */

/* Takes the id that the cursor came to, if it is within the collection and the bounds. */
static int take_history(struct merge *m, int rc, MDB_val *k) {
  uint32_t number = htobe32(m->past.number);
  struct side *h = &m->history;
  h->is_at_end = true;
  if (rc) return rc == MDB_NOTFOUND ? 0 : rc;
  if (k->mv_size <= HISTORY_NUMBER + HISTORY_REVISION || memcmp(k->mv_data, &number, HISTORY_NUMBER) != 0) return 0;
  h->order = (MDB_val){k->mv_size - HISTORY_NUMBER - HISTORY_REVISION, (unsigned char *)k->mv_data + HISTORY_NUMBER};
  h->is_at_end = hf__lmdb_scan_is_beyond(m->s, &h->order);
  return 0;
}

/* Puts the cursor on the first entry from a key on or, backwards, on the last one before it. */
static int seek(struct merge *m, MDB_val k) {
  MDB_val v;
  int rc = mdb_cursor_get(m->history.c, &k, &v, MDB_SET_RANGE);
  if (m->s->reverse && (rc == 0 || rc == MDB_NOTFOUND))
    rc = mdb_cursor_get(m->history.c, &k, &v, rc ? MDB_LAST : MDB_PREV);
  return take_history(m, rc, &k);
}

/* To the next id after that of the history. */
static int step_history(struct merge *m) {
  unsigned char key[HISTORY_KEY_MAX];
  hf_slice order = {m->history.order.mv_data, m->history.order.mv_size};
  return seek(m, hf__lmdb_history_key(key, m->past.number, order, m->s->reverse ? 0 : HISTORY_BEYOND));
}

static int first_history(struct merge *m) {
  unsigned char key[HISTORY_KEY_MAX], end[HF_ID_MAX];
  bool open;
  hf_slice start = m->s->reverse ? hf__lmdb_scan_last(m->s, end, &open) : hf__lmdb_scan_first(m->s, &open);
  uint32_t number = m->past.number + (m->s->reverse && !start.data);
  bool beyond = start.data && (m->s->reverse ? !open : open); /* all entries of that id, too */
  MDB_val k = hf__lmdb_history_key(key, number, start.data ? start : (hf_slice){"", 0}, beyond ? HISTORY_BEYOND : 0);
  if (!beyond) k.mv_size -= HISTORY_REVISION;
  return seek(m, k);
}

/* ---- those of the present */

static int take_present(struct merge *m, int rc) {
  struct side *p = &m->present;
  p->is_at_end = rc != 0 || hf__lmdb_scan_is_beyond(m->s, &p->order);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

static int step_present(struct merge *m) {
  struct side *p = &m->present;
  return take_present(m, mdb_cursor_get(p->c, &p->order, &p->record, m->s->reverse ? MDB_PREV : MDB_NEXT));
}

static int first_present(struct merge *m) {
  struct side *p = &m->present;
  const hf_scan *s = m->s;
  unsigned char end[HF_ID_MAX];
  bool open;
  hf_slice start = s->reverse ? hf__lmdb_scan_last(s, end, &open) : hf__lmdb_scan_first(s, &open);
  if (!start.data)
    return take_present(m, mdb_cursor_get(p->c, &p->order, &p->record, s->reverse ? MDB_LAST : MDB_FIRST));
  p->order = hf__lmdb_val(start);
  int rc = mdb_cursor_get(p->c, &p->order, &p->record, MDB_SET_RANGE);
  bool same = rc == 0 && hf__lmdb_compare_key(start, &p->order) == 0;
  if (s->reverse && rc == MDB_NOTFOUND)
    rc = mdb_cursor_get(p->c, &p->order, &p->record, MDB_LAST);
  else if (rc == 0 && (s->reverse ? open || !same : open && same))
    rc = mdb_cursor_get(p->c, &p->order, &p->record, s->reverse ? MDB_PREV : MDB_NEXT);
  return take_present(m, rc);
}

/* ---- merged */

static void end(struct merge *m) {
  if (m->present.c) mdb_cursor_close(m->present.c);
  hf__lmdb_past_end(&m->past);
}

static hf_status begin(struct merge *m, hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_collection *collection,
                       const hf_scan *s, hf_error *err) {
  *m = (struct merge){.s = s, .present.is_at_end = true, .history.is_at_end = true};
  hf_status status = hf__lmdb_past_begin(env, t, collection, t->at, &m->past, err);
  if (status) return status;
  int rc = m->past.dbi ? mdb_cursor_open(m->past.txn, m->past.dbi, &m->present.c) : 0;
  if (rc == 0 && m->present.c) rc = first_present(m);
  if (rc == 0 && hf__lmdb_past_has_history(&m->past, &status, err)) {
    m->history.c = m->past.c;
    rc = first_history(m);
  }
  if (rc) status = hf__lmdb_fail(env, rc, "iterate", err);
  if (status) end(m);
  return status;
}

/* An id that is in either tree. */
struct met {
  MDB_val order, record;
  bool is_present, is_in_history;
  hf_slice id;
};

/* The next id; false: there is none. */
static bool next(const struct merge *m, struct met *met) {
  const struct side *p = &m->present, *h = &m->history;
  if (p->is_at_end && h->is_at_end) return false;
  int c = p->is_at_end   ? 1
          : h->is_at_end ? -1
                         : hf__lmdb_compare_key((hf_slice){p->order.mv_data, p->order.mv_size}, &h->order);
  if (m->s->reverse && !p->is_at_end && !h->is_at_end) c = -c;
  met->is_present = c <= 0;
  met->is_in_history = c >= 0;
  met->order = c <= 0 ? p->order : h->order;
  met->record = p->record;
  met->id = met->is_present ? hf__lmdb_record_id(&met->order, &met->record) : hf__lmdb_record_search_id(&met->order);
  return true;
}

/* Goes on after it.  LMDB's result. */
static int pass(struct merge *m, const struct met *met) {
  int rc = met->is_in_history ? step_history(m) : 0;
  return rc == 0 && met->is_present ? step_present(m) : rc;
}

static hf_slice order_of(const struct met *met) { return (hf_slice){met->order.mv_data, met->order.mv_size}; }

/* Finds out what the id was.  *bad_key: it cannot be told what it is called. */
static void look(struct merge *m, struct met *met, bool *bad_key, hf__lmdb_was *was, hf_error *err) {
  *bad_key = !met->id.data || !hf__lmdb_record_key_is_sound(&met->order, met->id);
  if (*bad_key) {
    if (!met->id.data) met->id = order_of(met);
    if (met->id.size > HF_ID_MAX) met->id.size = HF_ID_MAX;
    *was = (hf__lmdb_was){.status = HF_CORRUPT, .problem = "its key is damaged"};
    return;
  }
  hf_key key = {met->id, order_of(met)};
  hf__lmdb_past_look(&m->past, &key, met->is_present ? &met->record : NULL, was, err);
  if (was->in_quarantine) was->status = HF_NOT_FOUND; /* it is not listed where it is in quarantine now, either */
}

/* ---- scanning */

/* How far a call has come. */
struct progress {
  size_t taken, looked_at, bytes;
  bool is_full;
};

static hf_status add_damaged(const hf_scan *s, const struct met *met, const char *problem, hf_page *page,
                             struct progress *at, hf_error *err) {
  if (!hf_page_resume(page, order_of(met))) return hf_error_no_memory(err);
  if (!s->report_corrupt) {
    hf_page_fail_at(page, met->id);
    return hf_error_set(err, HF_CORRUPT, "%s", problem);
  }
  hf_entry *e = hf_page_add(page, met->id, problem, strlen(problem));
  if (!e) return hf_error_no_memory(err);
  e->status = HF_CORRUPT;
  at->bytes += strlen(problem);
  at->taken++;
  at->is_full = true; /* what was said of where to go on is for the last entry of a page */
  return HF_OK;
}

static hf_status add(const hf_scan *s, const struct met *met, const hf__lmdb_was *was, hf_page *page,
                     struct progress *at, hf_error *err) {
  bool wanted = true;
  hf_status status = s->condition ? hf_page_judge(page, s, met->id, was->text, &wanted, err) : HF_OK;
  if (status || !wanted) return status;
  hf_slice text = s->keys_only ? (hf_slice){NULL, 0} : was->text;
  hf_entry *e = hf_page_add(page, met->id, text.data, text.size);
  if (!e) return hf_error_no_memory(err);
  e->info = was->info;
  at->bytes += text.size;
  at->taken++;
  return HF_OK;
}

/* Deals with one id. */
static hf_status visit(struct merge *m, struct met *met, hf_page *page, struct progress *at, hf_error *err) {
  const hf_scan *s = m->s;
  hf__lmdb_was was;
  bool bad_key;
  if (met->id.data && s->id_prefix.size && !hf_scan_matches(s, met->id)) return HF_OK;
  look(m, met, &bad_key, &was, err);
  if (was.status && was.status != HF_NOT_FOUND && was.status != HF_CORRUPT) return was.status;
  bool counts = was.status != HF_NOT_FOUND;
  at->is_full = counts && (at->taken == s->limit || (at->taken && at->bytes > s->max_bytes));
  if (at->is_full) return HF_OK;
  hf_status status = was.status == HF_CORRUPT ? add_damaged(s, met, was.problem, page, at, err)
                     : counts                 ? add(s, met, &was, page, at, err)
                                              : HF_OK;
  if (status || !s->condition || at->is_full) return status;
  at->is_full = ++at->looked_at == s->max_looked_at;
  return !at->is_full || hf_page_resume(page, order_of(met)) ? HF_OK : hf_error_no_memory(err);
}

hf_status hf__lmdb_past_scan(hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_collection *collection, const hf_scan *s,
                             hf_page *page, bool *more, hf_error *err) {
  struct merge m;
  struct met met;
  struct progress at = {0};
  int rc = 0;
  *more = false;
  hf_status status = begin(&m, env, t, collection, s, err);
  if (status) return status;
  while (status == HF_OK && rc == 0 && next(&m, &met)) {
    status = visit(&m, &met, page, &at, err);
    if (status || at.is_full) break;
    rc = pass(&m, &met);
  }
  *more = at.is_full;
  if (rc) status = hf__lmdb_fail(env, rc, "iterate", err);
  end(&m);
  return status;
}

/* ---- counting */

hf_status hf__lmdb_past_count(hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_collection *collection, uint64_t *count,
                              hf_error *err) {
  static const hf_scan all = {.limit = SIZE_MAX};
  struct merge m;
  struct met met;
  int rc = 0;
  *count = 0;
  hf_status status = begin(&m, env, t, collection, &all, err);
  if (status) return status;
  while (status == HF_OK && rc == 0 && next(&m, &met)) {
    hf__lmdb_was was;
    bool bad_key;
    look(&m, &met, &bad_key, &was, err);
    *count += was.status == HF_OK || was.status == HF_CORRUPT;
    if (was.status != HF_NOT_FOUND && was.status != HF_CORRUPT) status = was.status;
    if (status == HF_OK) rc = pass(&m, &met);
  }
  if (rc) status = hf__lmdb_fail(env, rc, "count", err);
  end(&m);
  return status;
}

/* ---- names */

/* Whether the collection had any entity, readable or not. */
static hf_status had_any(hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_collection *collection, bool *any,
                         hf_error *err) {
  static const hf_scan one = {.limit = 1, .max_bytes = SIZE_MAX, .keys_only = true, .report_corrupt = true};
  size_t count;
  hf_page *page = hf_page_new();
  if (!page) return hf_error_no_memory(err);
  hf_status status = hf__lmdb_past_scan(env, t, collection, &one, page, any, err);
  hf_page_entries(page, &count);
  *any = count > 0;
  hf_page_free(page);
  return status;
}

hf_status hf__lmdb_past_entities(hf__lmdb_env *env, hf__lmdb_txn *t, const hf_page *all, hf_page *page, hf_error *err) {
  size_t count;
  hf_status status = HF_OK;
  const hf_entry *names = hf_page_entries(all, &count);
  for (size_t i = 0; i < count && status == HF_OK; i++) {
    hf__lmdb_collection *collection;
    bool any = false;
    status = hf__lmdb_collection_open(env, names[i].id, &collection, err);
    if (status) return status;
    status = had_any(env, t, collection, &any, err);
    hf__lmdb_collection_close(env, collection);
    if (any && !hf_page_add(page, names[i].id, NULL, 0)) status = hf_error_no_memory(err);
  }
  return status;
}
