/* SPDX-License-Identifier: MIT
 *
 * Pages of an iteration: which source they are read from, where each begins, and what becomes of one that fails.  See
 * iter.h.
 */
#include <stdlib.h>

#include "base/error.h"
#include "core/iter.h"
#include "core/judge.h"
#include "core/revisions.h"

enum { LARGEST_PAGE = 128 };

/* Puts the bound from which the next page is read after an order key. */
static void begin_after(hf_iter *it, hf_slice order) {
  hf__key *key = it->scan.reverse ? &it->upper : &it->lower;
  memmove(key->order, order.data, order.size);
  *(it->scan.reverse ? &it->scan.upper : &it->scan.lower) = (hf_slice){(const char *)key->order, order.size};
  *(it->scan.reverse ? &it->scan.upper_open : &it->scan.lower_open) = true;
}

/* Moves the bound from which the next page is read after an order key.  False: it would not move forward. */
static bool resume_after(hf_iter *it, hf_slice order) {
  hf__key *key = it->scan.reverse ? &it->upper : &it->lower;
  hf_slice *bound = it->scan.reverse ? &it->scan.upper : &it->scan.lower;
  if (order.size > sizeof key->order) return false;
  if (bound->data) {
    int c = hf__order_compare(order, *bound);
    bool *open = it->scan.reverse ? &it->scan.upper_open : &it->scan.lower_open;
    if (it->scan.reverse ? c > 0 : c < 0) return false;
    if (c == 0 && *open) return false;
  }
  begin_after(it, order);
  return true;
}

/* Where the page says that the scan goes on. */
static hf_slice page_end(const hf_page *page, unsigned char order[HF__ORDER_KEY_MAX]) {
  if (page->resume.data || !page->count) return page->resume;
  return (hf_slice){(const char *)order, hf_order_key(page->entries[page->count - 1].id, order)};
}

/* Keeps the failure until the entries before it are handed out. */
static hf_status keep_failure(hf_iter *it, hf_status status, const hf_error *err) {
  if (!it->failure) it->failure = malloc(sizeof *it->failure);
  if (!it->failure) return status;
  *it->failure = *err;
  it->has_failure = true;
  return HF_OK;
}

/* What is wanted of the next page: no more than is left, and nothing that comes after a fence. */
static hf_scan page_scan(const hf_iter *it) {
  hf_scan scan = it->scan;
  bool all_wanted = !it->condition || (scan.condition && !it->ordered); /* in an index's order none is judged there */
  if (all_wanted && it->has_limit && it->left < scan.limit) scan.limit = (size_t)it->left;
  if (!it->fence) return scan;
  hf_slice order = {(const char *)it->fence->order, it->fence->size};
  *(scan.reverse ? &scan.lower : &scan.upper) = order;
  *(scan.reverse ? &scan.lower_open : &scan.upper_open) = true;
  return scan;
}

/* Goes on after the next fence, once the failure that it is for is handed out. */
static hf_status pass_fence(hf_iter *it, hf_error *err) {
  struct hf__fence *f = it->fence;
  it->fence = f->after;
  it->more = true;
  begin_after(it, (hf_slice){(const char *)f->order, f->size});
  *err = f->failure;
  free(f);
  return keep_failure(it, err->status, err);
}

/* ---- the three sources */

static hf_status scan(hf_iter *it, void *txn, hf_scan *wanted, hf_error *err) {
  hf_persist *p = it->persist;
  hf_status (*slot)(void *, void *, void *, const hf_scan *, hf_page *, bool *, hf_error *) =
      it->quarantined ? p->backend->quarantine_scan : p->backend->scan;
  uint64_t patience = it->find ? hf__find_patience(it->find, it->looked_at) : 0;
  bool is_short = patience && patience < wanted->max_looked_at;
  if (is_short) wanted->max_looked_at = (size_t)patience;
  hf_status status = slot(p->impl, txn, p->collection, wanted, it->page, &it->more, err);
  if (is_short && it->page->count < wanted->limit) it->scan.limit /= 2; /* the next page is the rest of this one */
  return status;
}

/* Reads candidates.  *done stays false where it turns out that they cannot be relied on. */
static hf_status read_candidates(hf_iter *it, void *txn, const hf_scan *wanted, bool *done, hf_error *err) {
  hf_scan some = *wanted;
  some.condition = it->condition;
  if (it->has_limit) { /* most are wanted, and mostly more than one */
    size_t least = it->scan.limit / 4, left = it->left > least ? (size_t)it->left : least;
    some.limit = left < it->scan.limit ? left + !left : it->scan.limit;
  }
  hf_status status = hf__find_page(it->find, it->persist, txn, &some, it->page, &it->more, err);
  *done = status != HF_OK || hf__find_is_in_use(it->find);
  if (!*done) hf__page_reset(it->page);
  return status;
}

/* Whether there are candidates in place of what is scanned. */
static bool has_candidates(hf_iter *it, void *txn) {
  const hf__progress progress = {it->looked_at, it->wanted};
  return it->find && it->condition && hf__find_try(it->find, it->persist, txn, it->condition, &progress);
}

/* Counts all that is still to come by the entries of an index. */
static bool count_entries(hf_iter *it, void *txn, const hf_scan *wanted) {
  uint64_t count;
  if (!it->find || !it->scan.count_only || it->fence) return false;
  if (!hf__find_count(it->find, it->persist, txn, wanted, it->condition, &count)) return false;
  it->counted += count;
  return true;
}

/* Reads a page from the source that it is time for.  wanted->condition is what its entries were judged by. */
static hf_status read_source(hf_iter *it, void *txn, hf_scan *wanted, hf_error *err) {
  hf_condition *condition = wanted->condition;
  wanted->condition = NULL;
  if (it->ordered) return hf__index_order_page(it->ordered, it->persist, txn, wanted, it->page, &it->more, err);
  if (count_entries(it, txn, wanted)) return HF_OK;
  if (has_candidates(it, txn)) {
    bool done;
    hf_status status = read_candidates(it, txn, wanted, &done, err);
    if (done) wanted->condition = it->condition;
    if (done) return status;
  }
  wanted->condition = condition;
  return scan(it, txn, wanted, err);
}

/* Reads the next page, and with it *more and where the page after it begins.  *moved: that is further on. */
static hf_status read_page(hf_iter *it, void *txn, bool *moved, hf_error *err) {
  hf_persist *p = it->persist;
  hf_page *page = it->page;
  it->counted += page->counted;
  hf__page_reset(page);
  it->next = 0;
  it->more = false;
  hf_scan wanted = page_scan(it);
  hf_status status = read_source(it, txn, &wanted, err);
  if (__builtin_expect(txn != NULL, 0)) hf__revisions_hide_entries(p, page, 0);
  unsigned char order[HF__ORDER_KEY_MAX];
  hf_slice end = page_end(page, order);
  hf_slice at = page->failed_at;
  if (status == HF_CORRUPT && !page->resume.data && at.data) /* its key is sound: made from its id */
    end = (hf_slice){(const char *)order, hf_order_key(at, order)};
  *moved = it->ordered ? it->more : end.size && resume_after(it, end);
  it->page_judged = wanted.condition != NULL;
  it->looked_at += page->looked_at;
  if (it->page_judged) it->wanted += page->count + page->counted;
  hf__iter_look_at_answers(it);
  return status;
}

hf_status hf__iter_next_page(hf_iter *it, hf_error *err) {
  hf_persist *p = it->persist;
  void *txn;
  bool moved;
  hf_status status = hf__persist_enter(p, false, &txn, err);
  if (status) return status;
  if (it->scan.limit < LARGEST_PAGE) it->scan.limit = it->scan.limit ? it->scan.limit * 2 : 1;
  status = read_page(it, txn, &moved, err);
  if (status == HF_OK && it->more && !moved) {
    it->more = false;
    return hf__fail(err, HF_CORRUPT, "%s: the stored order of ids is damaged, so iteration cannot go on: run verify",
                    p->name.data);
  }
  if (status == HF_OK) return it->fence && !it->more ? pass_fence(it, err) : HF_OK;
  hf_slice at = it->page->failed_at;
  it->more = status == HF_CORRUPT && moved;
  if (it->more && (at.data || !it->ordered)) {
    unsigned char order[HF__ORDER_KEY_MAX];
    hf_key key = {at.data ? at : hf_text(""), it->scan.reverse ? it->scan.upper : it->scan.lower};
    if (it->ordered) key.order = (hf_slice){(const char *)order, hf_order_key(at, order)};
    status = hf__persist_fail(p, txn, status, &key, "", err);
  } else {
    hf__error_entity(err, (hf_slice){NULL, 0}, at);
    status = hf__persist_fail(p, txn, status, NULL, "", err);
  }
  return it->page->count ? keep_failure(it, status, err) : status;
}

/* Keeps the failure that is to come at the place where the next page begins. */
static bool add_fence(hf_iter *it) {
  hf_slice order = it->scan.reverse ? it->scan.upper : it->scan.lower;
  struct hf__fence *f = malloc(sizeof *f);
  if (!f) return false;
  f->after = it->fence;
  f->failure = *it->failure;
  f->size = order.size;
  memcpy(f->order, order.data, order.size);
  it->fence = f;
  return true;
}

bool hf__iter_go_back(hf_iter *it) {
  unsigned char order[HF__ORDER_KEY_MAX];
  if (!it->next) return true;
  size_t size = hf_order_key(it->page->entries[it->next - 1].id, order);
  if (!size) return true;
  if (it->has_failure && it->more && !add_fence(it)) return false;
  it->has_failure = false;
  it->more = true;
  it->counted = it->counted_here;
  begin_after(it, (hf_slice){(const char *)order, size});
  hf__page_reset(it->page);
  it->next = 0;
  it->page_judged = false;
  it->scan.limit = 0; /* the next page has one entity: it may have to go back again soon */
  return true;
}
