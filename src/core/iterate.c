/* SPDX-License-Identifier: MIT
 *
 * Iteration by pages.  A page is read in one go, its entries are copies, and no
 * transaction is held while the caller looks at them; the next page begins
 * after the last id of this one.  Since ids have a total order, an entity that is there
 * throughout is seen exactly once, whatever the caller writes in between.
 *
 * The first page is small, for `take(5)` and early breaks; pages then double.
 *
 * A condition is evaluated where the data is, if the backend does that, and here, when an entity's turn comes, if not.
 * What it cannot tell is for a function to tell, which scripts have and ask themselves (`asks`); to C programs it is an
 * error.
 */
#include <stdlib.h>

#include "base/error.h"
#include "base/layout.h"
#include "core/judge.h"
#include "core/persist.h"
#include "core/revisions.h"
#include "core/transaction.h"

enum { FIRST_PAGE = 16, LARGEST_PAGE = 128, PAGE_BYTES = 48 * 1024 };

/* A failure that was met, and not handed out, when the iteration went back: it is still to come, at its place. */
struct fence {
  struct fence *after; /* a later one */
  hf_error failure;
  size_t size;
  unsigned char order[HF__ORDER_KEY_MAX]; /* where it stands */
};

struct hf_iter {
  hf_persist *persist;
  hf_page *page;
  size_t next; /* index of the entry to hand out */
  bool more;   /* there may be entities after this page */
  bool has_limit;
  bool has_failure;
  bool quarantined;        /* over what is in quarantine */
  bool judges;             /* there is a condition, and what it says of each entry is looked at */
  bool page_judged;        /* by the backend, which has left out what the condition is no to */
  bool asks;               /* entries that the condition cannot tell are handed out, for a function to tell */
  bool keys_only;          /* with a condition: values are scanned, and not handed out */
  uint64_t left;           /* entities still to hand out, with has_limit */
  hf_scan scan;            /* bounds of what is still to come; its slices point into the arrays below */
  hf_error *failure;       /* of the page, raised once its entries are handed out */
  hf_condition *condition; /* shared with whoever made it; NULL: none */
  uint64_t counted;        /* by the condition, in the pages before this one */
  uint64_t counted_here;   /* before what was handed out last */
  uint64_t looked_at;      /* by the condition */
  struct fence *fence;     /* the next one; NULL: none */
  hf__key lower, upper;    /* order keys of the bounds */
  char prefix[HF_ID_MAX];
  unsigned char order_prefix[HF_ID_MAX];
  char upper_id[HF_ID_MAX], lower_id[HF_ID_MAX];
};

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

/* Whether entries are to be looked at, or handed out as they are. */
static void look_at_answers(hf_iter *it) {
  it->judges = it->condition && (it->scan.count_only || !it->asks || !it->page_judged);
}

/* From the next page on. */
static void use_condition(hf_iter *it, hf_condition *condition, bool count) {
  hf__condition_share(condition);
  hf__condition_free(it->condition);
  it->condition = condition;
  it->scan.condition = it->persist->backend->evaluates_conditions ? condition : NULL;
  it->scan.max_looked_at = condition ? HF__LOOKED_AT_MAX : 0;
  it->scan.count_only = condition && count;
  look_at_answers(it);
}

static hf_status set_range(hf_iter *it, const hf_range *given, hf_error *err) {
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
  if (status || !range->where) return status;
  status = check_condition(it, range->where, err);
  if (status) hf__error_entity(err, it->persist->name, (hf_slice){NULL, 0});
  it->keys_only = range->keys_only;
  it->scan.keys_only = false;
  use_condition(it, range->where, false);
  return status;
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
  status = set_range(it, range ? range : &all, err);
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
  for (struct fence *f = it->fence, *after; f; f = after) {
    after = f->after;
    free(f);
  }
  hf__persist_unref(it->persist);
  hf__condition_free(it->condition);
  hf_page_free(it->page);
  free(it->failure);
  free(it);
}

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
  bool all_wanted = !it->condition || scan.condition;
  if (all_wanted && it->has_limit && it->left < scan.limit) scan.limit = (size_t)it->left;
  if (!it->fence) return scan;
  hf_slice order = {(const char *)it->fence->order, it->fence->size};
  *(scan.reverse ? &scan.lower : &scan.upper) = order;
  *(scan.reverse ? &scan.lower_open : &scan.upper_open) = true;
  return scan;
}

/* Goes on after the next fence, once the failure that it is for is handed out. */
static hf_status pass_fence(hf_iter *it, hf_error *err) {
  struct fence *f = it->fence;
  it->fence = f->after;
  it->more = true;
  begin_after(it, (hf_slice){(const char *)f->order, f->size});
  *err = f->failure;
  free(f);
  return keep_failure(it, err->status, err);
}

/* Reads the next page, and with it *more and where the page after it begins.  *moved: that is further on. */
static hf_status scan_page(hf_iter *it, void *txn, bool *moved, hf_error *err) {
  hf_persist *p = it->persist;
  hf_page *page = it->page;
  it->counted += page->counted;
  hf__page_reset(page);
  it->next = 0;
  it->more = false;
  hf_status (*scan)(void *, void *, void *, const hf_scan *, hf_page *, bool *, hf_error *) =
      it->quarantined ? p->backend->quarantine_scan : p->backend->scan;
  hf_scan wanted = page_scan(it);
  hf_status status = scan(p->impl, txn, p->collection, &wanted, page, &it->more, err);
  if (__builtin_expect(txn != NULL, 0)) hf__revisions_hide_entries(p, page, 0);
  unsigned char order[HF__ORDER_KEY_MAX];
  hf_slice end = page_end(page, order);
  hf_slice at = page->failed_at;
  if (status == HF_CORRUPT && !page->resume.data && at.data) /* its key is sound: made from its id */
    end = (hf_slice){(const char *)order, hf_order_key(at, order)};
  *moved = end.size && resume_after(it, end);
  it->page_judged = wanted.condition != NULL;
  it->looked_at += page->looked_at;
  look_at_answers(it);
  return status;
}

static hf_status next_page(hf_iter *it, hf_error *err) {
  hf_persist *p = it->persist;
  void *txn;
  bool moved;
  hf_status status = hf__persist_enter(p, false, &txn, err);
  if (status) return status;
  if (it->scan.limit < LARGEST_PAGE) it->scan.limit = it->scan.limit ? it->scan.limit * 2 : 1;
  status = scan_page(it, txn, &moved, err);
  if (status == HF_OK && it->more && !moved) {
    it->more = false;
    return hf__fail(err, HF_CORRUPT, "%s: the stored order of ids is damaged, so iteration cannot go on: run verify",
                    p->name.data);
  }
  if (status == HF_OK) return it->fence && !it->more ? pass_fence(it, err) : HF_OK;
  hf_slice at = it->page->failed_at;
  it->more = status == HF_CORRUPT && moved;
  if (it->more) {
    hf_key key = {at.data ? at : hf_text(""), it->scan.reverse ? it->scan.upper : it->scan.lower};
    status = hf__persist_fail(p, txn, status, &key, "", err);
  } else {
    hf__error_entity(err, (hf_slice){NULL, 0}, at);
    status = hf__persist_fail(p, txn, status, NULL, "", err);
  }
  return it->page->count ? keep_failure(it, status, err) : status;
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
    hf_status status = next_page(it, err);
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

/* Keeps the failure that is to come at the place where the next page begins. */
static bool add_fence(hf_iter *it) {
  hf_slice order = it->scan.reverse ? it->scan.upper : it->scan.lower;
  struct fence *f = malloc(sizeof *f);
  if (!f) return false;
  f->after = it->fence;
  f->failure = *it->failure;
  f->size = order.size;
  memcpy(f->order, order.data, order.size);
  it->fence = f;
  return true;
}

/* Goes on just after the entity that was handed out last. */
static bool go_back(hf_iter *it) {
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

bool hf__iter_ask(hf_iter *it, hf_condition *condition, bool count) {
  if (it->page_judged && !go_back(it)) return false;
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
  return !it->condition && !it->has_limit && !s->lower.data && !s->upper.data && !s->id_prefix.size;
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
