/* SPDX-License-Identifier: MIT
 *
 * Scanning a collection in natural order, a page at a time: the slot `scan`.  The
 * cursor is a leaf page ahead of the work, since checking and copying values is mostly
 * waiting for memory.  A condition is evaluated on the record in the map, once that is known to be sound: only what it
 * lets pass is copied.
 */
#include "scan.h"

#include <string.h>

#include "expiry_store.h"
#include "history_read.h"
#include "history_scan.h"
#include "readers.h"
#include "record.h"
#include "scan_bounds.h"

/* Puts the cursor on the first record that the scan may want. */
static int seek_forward(MDB_cursor *c, const hf_scan *s, MDB_val *k, MDB_val *v) {
  bool open;
  hf_slice start = hf__lmdb_scan_first(s, &open);
  if (!start.data) return mdb_cursor_get(c, k, v, MDB_FIRST);
  *k = hf__lmdb_val(start);
  int rc = mdb_cursor_get(c, k, v, MDB_SET_RANGE);
  if (rc == 0 && open && hf__lmdb_compare_key(start, k) == 0) rc = mdb_cursor_get(c, k, v, MDB_NEXT);
  return rc;
}

static int seek_backward(MDB_cursor *c, const hf_scan *s, MDB_val *k, MDB_val *v) {
  unsigned char end[HF_ID_MAX];
  bool open;
  hf_slice start = hf__lmdb_scan_last(s, end, &open);
  if (!start.data) return mdb_cursor_get(c, k, v, MDB_LAST);
  *k = hf__lmdb_val(start);
  int rc = mdb_cursor_get(c, k, v, MDB_SET_RANGE);
  if (rc == MDB_NOTFOUND) return mdb_cursor_get(c, k, v, MDB_LAST);
  if (rc == 0 && (open || hf__lmdb_compare_key(start, k) != 0)) rc = mdb_cursor_get(c, k, v, MDB_PREV);
  return rc;
}

static const char BAD_KEY[] = "its key is damaged";

enum { OVER_MOST = 10000 }; /* expired records that a call passes, at most */

/* How far a call has come. */
struct progress {
  hf__lmdb_txn *in; /* the core's transaction */
  size_t taken, looked_at;
  size_t over;  /* records that have expired, and were passed */
  size_t bytes; /* of what was taken */
  bool full;    /* the page is, or ends early at a damaged record, or enough was looked at */
};

/* What is wrong with a record that the scan has come to; NULL: nothing.  *id is something to call it by, whatever is
 * left of its key. */
static inline __attribute__((always_inline)) const char *check_record(const hf_scan *s, const MDB_val *k,
                                                                      const MDB_val *v, bool check_key, hf_slice *id,
                                                                      bool *bad_key, hf_slice *text, hf_info *info) {
  *id = hf__lmdb_record_id(k, v);
  *bad_key = !id->data || (check_key && !hf__lmdb_record_key_is_sound(k, *id));
  if (!id->data) *id = (hf_slice){k->mv_data, k->mv_size < HF_ID_MAX ? k->mv_size : HF_ID_MAX};
  if (*bad_key) return BAD_KEY;
  if (!s->keys_only) return hf__lmdb_record_read(v, *id, text, info);
  info->expires_at = hf__lmdb_record_expires_at(v);
  return NULL;
}

/* A record that the cursor has seen. */
struct seen {
  MDB_val key, value;
};

enum { AHEAD = 32 };

/* Moves the cursor over up to `room` records inside the scan's bounds, the first of which is in out[0] already.  With
 * *rc 0 the record after them is in out[n].
 *
 * Checking and copying a record waits for memory, since the values lie all over a leaf page.  So a page is fetched
 * whole when the cursor enters it, and then left alone: the records of the page before are worked on while it comes. */
static size_t run_ahead(MDB_cursor *c, const hf_scan *s, uintptr_t page_size, uintptr_t *page, struct seen *out,
                        size_t room, int *rc) {
  MDB_cursor_op step = s->reverse ? MDB_PREV : MDB_NEXT;
  size_t n = 0;
  while (*rc == 0 && !hf__lmdb_scan_is_beyond(s, &out[n].key)) {
    uintptr_t here = (uintptr_t)out[n].key.mv_data & ~(page_size - 1);
    if (here != *page) {
      *page = here;
      for (uintptr_t line = 0; line < page_size; line += 64) __builtin_prefetch((const void *)(here + line), 0, 1);
      if (n) return n;
    }
    if (n == room) return n;
    n++;
    *rc = mdb_cursor_get(c, &out[n].key, &out[n].value, step);
  }
  if (*rc == 0) *rc = MDB_NOTFOUND; /* the next one is beyond the bounds */
  return n;
}

static bool has_id_prefix(hf_slice id, hf_slice prefix) {
  return id.size >= prefix.size && memcmp(id.data, prefix.data, prefix.size) == 0;
}

/* Whether the page is full, so that the record that the scan has come to belongs to the next one. */
static bool is_full(const hf_scan *s, const struct progress *at) {
  return at->taken == s->limit || (at->taken && at->bytes > s->max_bytes);
}

/* Whether the record fills the page.  Its key is where the next page begins, so that one at least must be sound. */
static bool is_last(const hf_scan *s, const struct progress *at, const MDB_val *v) {
  return at->taken + 1 >= s->limit || at->bytes + v->mv_size > s->max_bytes;
}

/* Ends the page at a damaged record, or adds it as an entry. */
static hf_status add_damaged(const hf_scan *s, hf_slice order, hf_slice id, const char *problem, bool bad_key,
                             hf_page *page, struct progress *at, hf_error *err) {
  if ((bad_key || !s->report_corrupt) && !hf_page_resume(page, order)) return hf_error_no_memory(err);
  if (!s->report_corrupt) {
    hf_page_fail_at(page, id);
    return hf_error_set(err, HF_CORRUPT, "%s", problem);
  }
  hf_entry *e = hf_page_add(page, id, problem, strlen(problem));
  if (!e) return hf_error_no_memory(err);
  e->status = HF_CORRUPT;
  at->bytes += strlen(problem);
  at->taken++;
  at->full = bad_key;
  return HF_OK;
}

/* Adds a sound record.  False: out of memory. */
static inline bool add_record(hf_page *page, hf_slice id, hf_slice text, const hf_info *info, struct progress *at) {
  hf_entry *e = hf_page_add(page, id, text.data, text.size);
  if (!e) return false;
  e->info = *info;
  at->bytes += text.size;
  at->taken++;
  return true;
}

/* Whether the record has expired, and is passed; after many of those the page ends.  Without memory it does not. */
static inline bool passes(struct progress *at, const hf_info *info, const MDB_val *k, hf_page *page) {
  if (!hf__lmdb_is_over(at->in, info->expires_at)) return false;
  at->full = ++at->over >= OVER_MOST && hf_page_resume(page, (hf_slice){k->mv_data, k->mv_size});
  return true;
}

/* Adds the records to the page, as far as it goes. */
static hf_status add_records(const hf_scan *s, const struct seen *records, size_t count, hf_page *page,
                             struct progress *at, hf_error *err) {
  for (size_t i = 0; i < count && !at->full; i++) {
    const MDB_val *k = &records[i].key, *v = &records[i].value;
    hf_slice id, text = {NULL, 0};
    hf_info info = {0};
    bool bad_key;
    const char *problem = check_record(s, k, v, is_last(s, at, v) || s->report_corrupt, &id, &bad_key, &text, &info);
    if (s->id_prefix.size && !bad_key && !has_id_prefix(id, s->id_prefix)) continue;
    if (!problem && passes(at, &info, k, page)) continue;
    at->full = is_full(s, at);
    if (at->full) return HF_OK;
    if (problem) {
      hf_status status = add_damaged(s, (hf_slice){k->mv_data, k->mv_size}, id, problem, bad_key, page, at, err);
      if (status) return status;
      continue;
    }
    if (!add_record(page, id, text, &info, at)) return hf_error_no_memory(err);
  }
  return HF_OK;
}

/* The same for those that the scan's condition lets pass. */
static hf_status add_wanted(const hf_scan *s, const struct seen *records, size_t count, hf_page *page,
                            struct progress *at, hf_error *err) {
  for (size_t i = 0; i < count; i++) {
    const MDB_val *k = &records[i].key, *v = &records[i].value;
    hf_slice id, text, order = {k->mv_data, k->mv_size};
    hf_info info = {0};
    bool bad_key, wanted;
    const char *problem = check_record(s, k, v, false, &id, &bad_key, &text, &info);
    if (!problem && passes(at, &info, k, page)) {
      if (at->full) return HF_OK;
      continue;
    }
    bool inside = !s->id_prefix.size || bad_key || has_id_prefix(id, s->id_prefix);
    at->full = inside && is_full(s, at);
    if (at->full) return HF_OK;
    if (problem && inside) return add_damaged(s, order, id, problem, bad_key, page, at, err);
    if (inside) {
      hf_status status = hf_page_judge(page, s, id, text, &wanted, err);
      if (status) return status;
      if (wanted && is_last(s, at, v) && !hf__lmdb_record_key_is_sound(k, id))
        return add_damaged(s, order, id, BAD_KEY, true, page, at, err);
      if (wanted && !add_record(page, id, text, &info, at)) return hf_error_no_memory(err);
    }
    at->full = ++at->looked_at == s->max_looked_at;
    if (at->full) return hf_page_resume(page, order) ? HF_OK : hf_error_no_memory(err);
  }
  return HF_OK;
}

hf_status hf__lmdb_scan(void *store, void *txn, void *collection, const hf_scan *s, hf_page *page, bool *more,
                        hf_error *err) {
  MDB_txn *t;
  MDB_dbi dbi;
  if (hf__lmdb_looks_back(txn)) return hf__lmdb_past_scan(store, txn, collection, s, page, more, err);
  *more = false;
  hf_status status = hf__lmdb_read_collection(store, txn, collection, &t, &dbi, err);
  if (status) return status;
  MDB_cursor *c = NULL;
  struct seen records[AHEAD + 1];
  int rc = dbi ? mdb_cursor_open(t, dbi, &c) : MDB_NOTFOUND;
  if (rc == 0)
    rc = s->reverse ? seek_backward(c, s, &records[0].key, &records[0].value)
                    : seek_forward(c, s, &records[0].key, &records[0].value);
  struct progress at = {.in = txn};
  size_t page_size = ((hf__lmdb_env *)store)->page_size;
  uintptr_t entered = 0;
  while (rc == 0 && status == HF_OK && !at.full) {
    size_t room = s->limit - at.taken < AHEAD && !s->condition ? s->limit - at.taken + 1 : AHEAD;
    size_t count = run_ahead(c, s, page_size, &entered, records, room, &rc);
    status = (s->condition ? add_wanted : add_records)(s, records, count, page, &at, err);
    if (rc == 0) records[0] = records[count];
  }
  *more = at.full;
  if (rc && rc != MDB_NOTFOUND) status = hf__lmdb_fail(store, rc, "iterate", err);
  if (c) mdb_cursor_close(c);
  hf__lmdb_read_collection_end(store, txn, t);
  return status;
}
