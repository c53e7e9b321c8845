/* SPDX-License-Identifier: MIT
 *
 * Collecting candidates: see candidates.h.
 *
 * Counting reads entries, so what was read is kept: mostly it is what is then wanted.  Where several parts of indexes
 * are wanted, they are read at one moment, since an entity may go from one to the other.
 */
#include "core/candidates.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "core/id_list.h"
#include "core/order.h"

enum { SEEN_MAX = 4 };

/* A part that was counted, and what it has.  Its ranges are the cover's, and are there while that is made and used. */
struct seen {
  hf__cover_part part;
  hf_id_list *list;
};

/* One looking up. */
struct attempt {
  const hf__lookup *in;
  uint64_t left;    /* entries that may still be read */
  uint64_t walked;  /* and those that were */
  hf_status status; /* of what failed */
  hf_error *err;
  size_t seen_count;
  struct seen seen[SEEN_MAX];
};

/* ---- reading entries */

struct walk {
  hf_id_list *list;    /* NULL: they are only counted */
  const hf_scan *scan; /* if not NULL: only those within its bounds are counted */
  uint64_t count, walked, most;
  bool no_memory, no_key;
};

static bool take(hf_slice position, hf_slice order, void *arg) {
  (void)position;
  struct walk *w = arg;
  hf_slice id = hf__order_key_id(order);
  if (!id.data) {
    w->no_key = true;
    return false;
  }
  w->count += !w->scan || hf__scan_wants(w->scan, order, id);
  if (w->list && !hf__id_list_add_key(w->list, order, id.size)) {
    w->no_memory = true;
    return false;
  }
  return ++w->walked < w->most;
}

/* HF_NOT_FOUND: the index is not there, or not built. */
static hf_status walk(const hf__lookup *in, const hf__cover_part *part, struct walk *w, hf_error *err) {
  const hf_persist *p = in->persist;
  const hf_index *index = hf_index_set_at(in->set, part->place);
  const hf_index_walk which = {.ranges = part->ranges, .count = part->count};
  hf_status status = p->backend->index_each(p->impl, in->txn, p->collection, index, &which, take, w, err);
  if (status) return status;
  if (w->no_key)
    return hf__fail(err, HF_CORRUPT, "an entry of the index %.*s names no entity", (int)index->name.size,
                    index->name.data);
  return w->no_memory ? hf__no_memory(err) : HF_OK;
}

/* ---- what was seen */

static bool same_bound(hf_slice a, hf_slice b) {
  if (!a.data || !b.data) return a.data == b.data;
  return a.size == b.size && (a.data == b.data || memcmp(a.data, b.data, a.size) == 0);
}

static bool same_part(const hf__cover_part *a, const hf__cover_part *b) {
  if (a->place != b->place || a->count != b->count) return false;
  for (size_t i = 0; i < a->count && a->ranges != b->ranges; i++)
    if (!same_bound(a->ranges[i].lower, b->ranges[i].lower) || !same_bound(a->ranges[i].upper, b->ranges[i].upper))
      return false;
  return true;
}

static struct seen *find_seen(struct attempt *a, const hf__cover_part *part) {
  for (size_t i = 0; i < a->seen_count; i++)
    if (same_part(&a->seen[i].part, part)) return &a->seen[i];
  return NULL;
}

/* Keeps what a part has; the list is the attempt's then.  False: there is no room. */
static bool keep_seen(struct attempt *a, const hf__cover_part *part, hf_id_list *list) {
  if (a->seen_count == SEEN_MAX) return false;
  a->seen[a->seen_count++] = (struct seen){*part, list};
  return true;
}

static void free_seen(struct attempt *a) {
  for (size_t i = 0; i < a->seen_count; i++) hf_id_list_free(a->seen[i].list);
}

/* ---- counting */

static uint64_t fail(struct attempt *a, hf_status status) {
  if (!a->status && status != HF_NOT_FOUND) a->status = status;
  return UINT64_MAX;
}

/* Counts a part that was not seen before, and keeps it. */
static uint64_t count_new(struct attempt *a, const hf__cover_part *part, uint64_t most) {
  struct walk w = {.list = hf_id_list_new(), .most = most < a->left ? most : a->left};
  hf_status status = !w.list ? hf__no_memory(a->err) : w.most ? walk(a->in, part, &w, a->err) : HF_NOT_FOUND;
  a->left -= w.walked;
  a->walked += w.walked;
  bool whole = status == HF_OK && w.walked < w.most;
  if (whole && keep_seen(a, part, w.list)) return w.count;
  hf_id_list_free(w.list);
  if (status) return fail(a, status);
  return whole ? w.count : most;
}

static uint64_t count_part(const hf__cover_part *part, uint64_t most, void *arg) {
  struct attempt *a = arg;
  if (a->status) return UINT64_MAX;
  const struct seen *seen = find_seen(a, part);
  return seen ? hf_id_list_size(seen->list) : count_new(a, part, most);
}

/* ---- collecting */

/* The list of the only part, if it was kept. */
static hf_id_list *take_seen(struct attempt *a, const hf__cover_part *part) {
  struct seen *seen = find_seen(a, part);
  hf_id_list *list = seen ? seen->list : NULL;
  if (seen) seen->list = NULL;
  return list;
}

/* Reads all parts into one list, in a transaction. */
static hf_status read_parts(const hf__lookup *in, const hf__cover *cover, hf__candidates *out, hf_error *err) {
  struct walk w = {.list = out->list, .most = UINT64_MAX};
  hf_status status = HF_OK;
  for (size_t i = 0; i < cover->count && status == HF_OK; i++) {
    uint64_t before = w.walked;
    status = walk(in, &cover->parts[i], &w, err);
    if (w.walked > before) out->used |= 1U << cover->parts[i].place;
  }
  out->walked += w.walked;
  return status;
}

static hf_status collect(struct attempt *a, hf__cover *cover, hf__candidates *out, hf_error *err) {
  hf__lookup in = *a->in;
  hf_txn *own = NULL;
  if (cover->count == 1) out->list = take_seen(a, cover->parts);
  if (out->list) return HF_OK;
  out->list = hf_id_list_new();
  if (!out->list) return hf__no_memory(err);
  hf_status status = cover->count > 1 ? hf__lookup_begin_moment(&in, &own, err) : HF_OK;
  if (status == HF_OK) status = read_parts(&in, cover, out, err);
  hf_txn_abort(own);
  return status;
}

hf_status hf__candidates_find(const hf__lookup *in, uint64_t most, hf__candidates *out, hf_error *err) {
  struct attempt a = {.in = in, .left = 3 * (most + 1), .err = err};
  *out = (hf__candidates){0};
  const hf__cover_wish wish = {in->condition, in->set, most, false, count_part, &a};
  hf__cover *cover = hf__cover_make(&wish, in->explains ? &out->why : NULL);
  hf_status status = a.status;
  if (status == HF_OK && cover) status = collect(&a, cover, out, err);
  out->walked += a.walked;
  free_seen(&a);
  out->cover = cover;
  if (status == HF_OK && out->list) {
    hf_id_list_sort(out->list);
    return HF_OK;
  }
  hf__candidates_free(out);
  return status == HF_NOT_FOUND ? HF_OK : status;
}

void hf__candidates_free(hf__candidates *c) {
  hf__cover_free(c->cover);
  hf_id_list_free(c->list);
  c->cover = NULL;
  c->list = NULL;
}

/* ---- counting for its own sake */

struct count {
  struct attempt attempt;
  const hf_scan *scan;
  hf__cover_part part; /* that was counted last */
  bool is_sure;        /* all of its entries are */
  uint64_t within;     /* entities of it within the bounds */
};

/* Counts the entries of one kind of ranges: the sure ones, or the others. */
static hf_status count_ranges(struct count *c, const hf__cover_part *part, bool sure, struct walk *w) {
  struct attempt *a = &c->attempt;
  hf_index_range few[8], *ranges = few;
  if (part->count > 8 && !(ranges = malloc(part->count * sizeof *ranges))) return hf__no_memory(a->err);
  hf__cover_part some = {.place = part->place, .ranges = ranges};
  for (size_t i = 0; i < part->count; i++)
    if (part->is_sure[i] == sure) ranges[some.count++] = part->ranges[i];
  hf_status status = some.count && w->most ? walk(a->in, &some, w, a->err) : HF_OK;
  if (ranges != few) free(ranges);
  return status;
}

/* Counts a part where all entries that it has are sure. */
static uint64_t count_sure(const hf__cover_part *part, uint64_t most, void *arg) {
  struct count *c = arg;
  struct attempt *a = &c->attempt;
  struct walk other = {.most = 1}, w = {.scan = c->scan, .most = most < a->left ? most : a->left};
  if (a->status) return UINT64_MAX;
  hf_status status = count_ranges(c, part, false, &other);
  if (status == HF_OK && !other.walked) status = count_ranges(c, part, true, &w);
  if (status) return fail(a, status);
  if (other.walked) return UINT64_MAX; /* of no use here */
  a->left -= w.walked;
  if (w.walked == w.most) return w.most < most ? UINT64_MAX : most;
  c->part = *part;
  c->is_sure = true;
  c->within = w.count;
  return w.walked;
}

/* Whether the cover is of one part, of which all is sure, and that was counted last. */
static bool is_counted(const struct count *c, const hf__cover *cover) {
  return cover && cover->count == 1 && c->is_sure && same_part(cover->parts, &c->part);
}

hf_status hf__candidates_count(const hf__lookup *in, uint64_t most, const hf_scan *scan, bool *sure, uint64_t *count,
                               hf_error *err) {
  struct count c = {.attempt = {.in = in, .left = most + 1, .err = err}, .scan = scan};
  const hf__cover_wish wish = {in->condition, in->set, most, true, count_sure, &c};
  hf__cover *cover = hf__cover_make(&wish, NULL);
  *sure = c.attempt.status == HF_OK && is_counted(&c, cover);
  *count = c.within;
  hf__cover_free(cover);
  return c.attempt.status;
}

/* ---- names */

void hf__candidates_names(const hf__candidates *c, const hf_index_set *set, char *out, size_t capacity) {
  size_t used = 0;
  *out = '\0';
  for (size_t i = 0; i < c->cover->count && used < capacity; i++) {
    size_t place = c->cover->parts[i].place;
    if (c->used && !(c->used >> place & 1)) continue;
    hf_slice name = hf_index_set_at(set, place)->name;
    int n = snprintf(out + used, capacity - used, "%s%.*s", used ? " or " : "", (int)name.size, name.data);
    used += n > 0 ? (size_t)n : 0;
  }
}
