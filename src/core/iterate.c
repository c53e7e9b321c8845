/* SPDX-License-Identifier: MIT
 *
 * Iteration by pages.  A page is read in one go, its entries are copies, and no
 * transaction is held while the caller looks at them; the next page begins
 * after the last id of this one.  Since ids have a total order, an entity that is there
 * throughout is seen exactly once, whatever the caller writes in between.
 *
 * The first page is small, for `take(5)` and early breaks; pages then double.
 */
#include <stdlib.h>

#include "base/error.h"
#include "base/layout.h"
#include "core/persist.h"
#include "core/transaction.h"

enum { FIRST_PAGE = 16, LARGEST_PAGE = 128, PAGE_BYTES = 48 * 1024 };

struct hf_iter {
  hf_persist *persist;
  hf_page *page;
  size_t next; /* index of the entry to hand out */
  bool more;   /* there may be entities after this page */
  bool has_limit;
  bool has_failure;
  bool quarantined;     /* over what is in quarantine */
  uint64_t left;        /* entities still to hand out, with has_limit */
  hf_scan scan;         /* bounds of what is still to come; its slices point into the arrays below */
  hf_error *failure;    /* of the page, raised once its entries are handed out */
  hf__key lower, upper; /* order keys of the bounds */
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
  hf__persist_unref(it->persist);
  hf_page_free(it->page);
  free(it->failure);
  free(it);
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
  memmove(key->order, order.data, order.size);
  *bound = (hf_slice){(const char *)key->order, order.size};
  if (it->scan.reverse)
    it->scan.upper_open = true;
  else
    it->scan.lower_open = true;
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

static hf_status next_page(hf_iter *it, hf_error *err) {
  hf_persist *p = it->persist;
  void *txn;
  hf_status status = hf__persist_enter(p, false, &txn, err);
  if (status) return status;
  if (it->scan.limit < LARGEST_PAGE) it->scan.limit *= 2;
  size_t limit = it->scan.limit;
  if (it->has_limit && it->left < limit) it->scan.limit = (size_t)it->left;
  hf__page_reset(it->page);
  it->next = 0;
  it->more = false;
  hf_status (*scan)(void *, void *, void *, const hf_scan *, hf_page *, bool *, hf_error *) =
      it->quarantined ? p->backend->quarantine_scan : p->backend->scan;
  status = scan(p->impl, txn, p->collection, &it->scan, it->page, &it->more, err);
  it->scan.limit = limit;
  unsigned char order[HF__ORDER_KEY_MAX];
  hf_slice end = page_end(it->page, order);
  hf_slice at = it->page->failed_at;
  if (status == HF_CORRUPT && !it->page->resume.data && at.data) /* its key is sound: made from its id */
    end = (hf_slice){(const char *)order, hf_order_key(at, order)};
  bool moved = end.size && resume_after(it, end);
  if (status == HF_OK) {
    if (it->more && !moved) {
      it->more = false;
      return hf__fail(err, HF_CORRUPT, "%s: the stored order of ids is damaged, so iteration cannot go on: run verify",
                      p->name.data);
    }
    return HF_OK;
  }
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

/* What hf_iter_next() does when the page has no entry left. */
__attribute__((noinline)) static hf_status turn_page(hf_iter *it, const hf_entry **entry, hf_error *err) {
  hf_error own;
  if (!err) err = &own;
  for (;;) {
    /* In a child of fork() what was read before is handed out, and never an end that looks like that of all. */
    if (it->persist->closed || hf__store_is_inherited(it->persist->store)) return hf_persist_init(it->persist, err);
    if (it->has_limit && it->left == 0) return HF_OK;
    if (it->next < it->page->count) {
      *entry = &it->page->entries[it->next++];
      it->left--;
      return HF_OK;
    }
    if (it->has_failure) {
      it->has_failure = false;
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
  if (it->next >= it->page->count || it->persist->closed || (it->has_limit && it->left == 0))
    return turn_page(it, entry, err);
  *entry = &it->page->entries[it->next++];
  it->left--;
  return HF_OK;
}
