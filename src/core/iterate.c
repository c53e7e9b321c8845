/* SPDX-License-Identifier: MIT
 *
 * Iteration by pages.  A page is read in one go, its entries are copies, and no
 * transaction is held while the caller looks at them; the next page begins
 * after the last id of this one.  Since ids have a total order, an entity that is there
 * throughout is seen exactly once, whatever the caller writes in between.
 *
 * The first page is small, for `take(5)` and early breaks; pages then double.  That of entities which a condition
 * wants, and which may be few, is smaller still.
 *
 * A condition is evaluated where the data is, if the backend does that, and here, when an entity's turn comes, if not.
 * What it cannot tell is for a function to tell, which scripts have and ask themselves (`asks`); to C programs it is an
 * error.
 */
#include <stdlib.h>

#include "base/error.h"
#include "base/layout.h"
#include "core/iter.h"
#include "core/judge.h"

enum { FIRST_PAGE = 16, FIRST_FOUND = 4, PAGE_BYTES = 48 * 1024 };

uint64_t hf__scan_id(void) {
  static _Atomic uint64_t scans;
  return atomic_fetch_add_explicit(&scans, 1, memory_order_relaxed) + 1;
}

/* Validates one bound and copies it into the iterator. */
static hf_status set_bound(hf_iter *it, const char *name, hf_slice id, char *copy, hf__key *key, hf_slice *bound,
                           hf_error *err) {
  if (!id.data) return HF_OK;
  hf_status status = hf__key_init(it->persist->name, id, key, err);
  if (status) {
    if (err) {
      char message[sizeof err->message];
      memcpy(message, err->message, sizeof message);
      hf__fail(err, HF_INVALID_ARGUMENT, "range.%s: %s", name, message);
      hf__error_entity(err, it->persist->name, (hf_slice){NULL, 0});
    }
    return status;
  }
  memcpy(copy, id.data, id.size);
  key->key.id.data = copy;
  *bound = key->key.order;
  return HF_OK;
}

/* Whether values can be judged, and the condition is complete. */
static hf_status check_condition(const hf_iter *it, const hf_condition *condition, hf_error *err) {
  if (it->quarantined)
    return hf__fail(err, HF_INVALID_ARGUMENT, "range.where: what is in quarantine has no fields to look at");
  return hf__condition_check(condition, err);
}

/* From the next page on. */
static void use_condition(hf_iter *it, hf_condition *condition, bool count) {
  hf__condition_share(condition);
  hf__condition_free(it->condition);
  it->condition = condition;
  it->scan.condition = it->persist->backend->evaluates_conditions ? condition : NULL;
  it->scan.max_looked_at = condition ? HF__LOOKED_AT_MAX : 0;
  it->scan.count_only = condition && count;
  hf__iter_look_at_answers(it);
}

/* Looks which indexes there are to find by, if the iteration may. */
static hf_status learn_indexes(hf_iter *it, void *txn, hf_error *err) {
  const hf_backend *b = it->persist->backend;
  if (!b->index_each || !b->index_set || it->find || it->quarantined || it->ordered) return HF_OK;
  hf_status status = hf__find_begin(it->persist, txn, &it->find, err);
  if (it->find) it->scan.limit = FIRST_FOUND / 2;
  return status;
}

static hf_status set_index(hf_iter *it, void *txn, hf_slice name, hf_error *err) {
  if (it->quarantined) {
    hf__fail(err, HF_INVALID_ARGUMENT, "range.index: what is in quarantine has no values to go by");
    hf__error_entity(err, it->persist->name, (hf_slice){NULL, 0});
    return HF_INVALID_ARGUMENT;
  }
  return hf__index_order_begin(it->persist, txn, name, &it->ordered, err);
}

static hf_status set_range(hf_iter *it, void *txn, const hf_range *given, hf_error *err) {
  static const hf__layout layout = HF__LAYOUT(hf_range, "HF_RANGE_INIT", limit);
  hf_range taken;
  const hf_range *range = given->struct_size == sizeof taken ? given : &taken;
  hf_status status = range == given ? HF_OK : hf__layout_take(&layout, &taken, given, err);
  if (status) {
    hf__error_entity(err, it->persist->name, (hf_slice){NULL, 0});
    return status;
  }
  status = set_bound(it, "from", range->from, it->lower_id, &it->lower, &it->scan.lower, err);
  if (status == HF_OK) status = set_bound(it, "to", range->to, it->upper_id, &it->upper, &it->scan.upper, err);
  if (status == HF_OK && range->prefix.data && range->prefix.size) {
    hf__key unused;
    hf_slice copy;
    status = set_bound(it, "prefix", range->prefix, it->prefix, &unused, &copy, err);
    if (status == HF_OK) {
      it->scan.id_prefix = (hf_slice){it->prefix, range->prefix.size};
      it->scan.order_prefix =
          (hf_slice){(const char *)it->order_prefix, hf__order_prefix(it->scan.id_prefix, it->order_prefix)};
    }
  }
  it->scan.reverse = range->reverse;
  it->scan.keys_only = range->keys_only;
  it->has_limit = range->has_limit;
  it->left = range->limit;
  if (status == HF_OK && range->index.size) status = set_index(it, txn, range->index, err);
  if (status || !range->where) return status;
  status = check_condition(it, range->where, err);
  if (status) hf__error_entity(err, it->persist->name, (hf_slice){NULL, 0});
  it->keys_only = range->keys_only;
  it->scan.keys_only = false;
  use_condition(it, range->where, false);
  return status ? status : learn_indexes(it, txn, err);
}

static hf_status open_iter(hf_persist *p, const hf_range *range, bool quarantined, hf_iter **out, hf_error *err) {
  static const hf_range all = HF_RANGE_INIT;
  hf_error own;
  if (!err) err = &own;
  *out = NULL;
  void *txn;
  hf_status status = hf__persist_enter(p, false, &txn, err);
  if (status) return status;
  hf_iter *it = malloc(sizeof *it);
  hf_page *page = hf_page_new();
  if (!it || !page) {
    free(it);
    hf_page_free(page);
    return hf__no_memory(err);
  }
  memset(it, 0, offsetof(hf_iter, lower));
  it->persist = p;
  it->page = page;
  it->more = true;
  it->quarantined = quarantined;
  it->scan.max_bytes = PAGE_BYTES;
  it->scan.scan_id = hf__scan_id();
  it->scan.limit = FIRST_PAGE / 2;
  hf__persist_ref(p);
  status = set_range(it, txn, range ? range : &all, err);
  if (status) {
    hf_iter_close(it);
    return status;
  }
  *out = it;
  return HF_OK;
}

void hf__iter_without_info(hf_iter *it) { it->scan.without_info = true; }

hf_status hf_iter_open(hf_persist *p, const hf_range *range, hf_iter **out, hf_error *err) {
  return open_iter(p, range, false, out, err);
}

hf_status hf_persist_quarantined(hf_persist *p, const hf_range *range, hf_iter **out, hf_error *err) {
  hf_status status = open_iter(p, range, true, out, err);
  if (status || p->backend->quarantine_scan) return status;
  (*out)->more = false;
  if (!(p->backend->capabilities & HF_CAP_QUARANTINE)) return HF_OK;
  hf_iter_close(*out);
  *out = NULL;
  hf__fail(err, HF_UNSUPPORTED, "%s stores cannot list what they have in quarantine", p->backend->name);
  hf__error_entity(err, p->name, (hf_slice){NULL, 0});
  return HF_UNSUPPORTED;
}

void hf_iter_close(hf_iter *it) {
  if (!it) return;
  for (struct hf__fence *f = it->fence, *after; f; f = after) {
    after = f->after;
    free(f);
  }
  hf__find_free(it->find);
  hf__index_order_free(it->ordered);
  hf__persist_unref(it->persist);
  hf__condition_free(it->condition);
  hf_page_free(it->page);
  free(it->failure);
  free(it);
}

/* Ends the iteration at an entity that the condition cannot tell. */
static hf_status refuse(hf_iter *it, const hf_entry *e, hf_error *err) {
  hf_answer answer = hf__condition_test(it->condition, e->id, e->json); /* once more, for its reason */
  it->more = it->has_failure = false;
  it->page->count = it->next = 0;
  return hf__condition_fail(it->condition, answer, it->persist->name, e->id, err);
}

/* What the condition says of the entry whose turn it is. */
static hf_answer answer_to(hf_iter *it, const hf_entry *e) {
  it->looked_at += !it->page_judged;
  if (!it->page_judged) return hf__condition_test(it->condition, e->id, e->json);
  const hf__judged *judged = &it->page->judged[e - it->page->entries];
  it->counted_here = it->counted + judged->counted;
  return judged->answer;
}

/* Takes the entry whose turn it is.  *entry stays NULL where it is left out. */
static hf_status take_entry(hf_iter *it, const hf_entry **entry, hf_error *err) {
  hf_entry *e = &it->page->entries[it->next++];
  if (it->judges) {
    hf_answer answer = answer_to(it, e);
    if (answer == HF_ANSWER_NO) return HF_OK;
    if (answer == HF_ANSWER_YES && it->scan.count_only) {
      it->counted++;
      return HF_OK;
    }
    if (!it->page_judged) it->counted_here = it->counted;
    if (!it->asks && answer != HF_ANSWER_YES) return refuse(it, e, err);
    if (it->keys_only) e->json = (hf_slice){NULL, 0};
  }
  *entry = e;
  it->left--;
  return HF_OK;
}

/* What hf_iter_next() does when the page has no entry left. */
__attribute__((noinline)) static hf_status turn_page(hf_iter *it, const hf_entry **entry, hf_error *err) {
  hf_error own;
  if (!err) err = &own;
  for (;;) {
    /* In a child of fork() what was read before is handed out, and never an end that looks like that of all. */
    if (it->persist->closed || hf__store_is_inherited(it->persist->store)) return hf_persist_init(it->persist, err);
    if (it->has_limit && it->left == 0) return HF_OK;
    if (it->next < it->page->count) {
      hf_status status = take_entry(it, entry, err);
      if (status || *entry) return status;
      continue;
    }
    it->counted_here = it->counted + it->page->counted;
    if (it->has_failure) {
      it->has_failure = false;
      it->page->count = it->next = 0; /* nothing to go back to: what comes next comes after the failure */
      *err = *it->failure;
      return err->status;
    }
    if (!it->more) return HF_OK;
    hf_status status = hf__iter_next_page(it, err);
    if (status) return status;
  }
}

hf_status hf_iter_next(hf_iter *it, const hf_entry **entry, hf_error *err) {
  *entry = NULL;
  if (it->next >= it->page->count || it->persist->closed || it->judges || (it->has_limit && it->left == 0))
    return turn_page(it, entry, err);
  *entry = &it->page->entries[it->next++];
  it->left--;
  return HF_OK;
}

/* ---- for a function that tells what the condition cannot */

uint64_t hf__iter_counted(const hf_iter *it) { return it->counted_here; }
uint64_t hf__iter_looked_at(const hf_iter *it) { return it->looked_at; }
bool hf__iter_goes_by_index(const hf_iter *it) { return hf__find_is_in_use(it->find); }

bool hf__iter_learn_indexes(hf_iter *it) {
  hf_error err;
  void *txn;
  const hf_backend *b = it->persist->backend;
  if (!b->index_each || hf__persist_enter(it->persist, false, &txn, &err)) return false;
  return learn_indexes(it, txn, &err) == HF_OK && it->find;
}

bool hf__iter_ask(hf_iter *it, hf_condition *condition, bool count) {
  if (it->page_judged && !hf__iter_go_back(it)) return false;
  hf__find_restart(it->find);
  /* What such a backend keeps between two pages was made without this condition. */
  if (it->persist->backend->evaluates_conditions) it->scan.scan_id = hf__scan_id();
  it->asks = true;
  use_condition(it, condition, count);
  return true;
}

/* ---- counting */

/* Whether it is over the whole collection, which has its own count. */
static bool is_over_all(const hf_iter *it) {
  const hf_scan *s = &it->scan;
  return !it->condition && !it->ordered && !it->has_limit && !s->lower.data && !s->upper.data && !s->id_prefix.size;
}

hf_status hf_persist_count_where(hf_persist *p, const hf_range *range, uint64_t *count, hf_error *err) {
  hf_iter *it;
  const hf_entry *e;
  uint64_t found = 0;
  if (!range) return hf_persist_count(p, count, err);
  hf_status status = hf_iter_open(p, range, &it, err);
  if (status) return status;
  bool all = is_over_all(it);
  it->scan.keys_only = !it->condition;
  it->scan.without_info = true;
  if (it->condition && !it->has_limit) use_condition(it, it->condition, true);
  while (!all && (status = hf_iter_next(it, &e, err)) == HF_OK && e) found++;
  if (status == HF_OK) *count = found + it->counted_here;
  hf_iter_close(it);
  return all ? hf_persist_count(p, count, err) : status;
}
