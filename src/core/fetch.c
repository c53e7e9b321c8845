/* SPDX-License-Identifier: MIT
 *
 * Reading entities that an index leads to: see fetch.h.
 */
#include "core/fetch.h"

#include "base/error.h"
#include "core/page.h"

/* Keys that are read in one call, so that large values do not pile up. */
enum { AT_ONCE = 32 };

/* Reads one by one where the storage has no other way.  Like the slot get_many. */
static hf_status get_each(hf_persist *p, void *txn, const hf_key *keys, size_t count, hf_page *page, hf_error *err) {
  hf_buffer json = HF_BUFFER_INIT;
  hf_status status = HF_OK;
  for (size_t i = 0; i < count && status == HF_OK; i++) {
    hf_info info = {0};
    hf_status got = p->backend->get(p->impl, txn, p->collection, &keys[i], &json, &info, err);
    status = got == HF_NOT_FOUND ? HF_OK : got;
    if (status) break;
    hf_entry *e = hf_page_add(page, keys[i].id, got ? NULL : json.data, got ? 0 : json.size);
    if (!e) status = hf__no_memory(err);
    if (e) e->status = got;
    if (e && !got) e->info = info;
  }
  hf_buffer_free(&json);
  return status;
}

static hf_status get(hf_persist *p, void *txn, const hf_key *keys, size_t count, hf_page *page, hf_error *err) {
  if (!p->backend->get_many) return get_each(p, txn, keys, count, page, err);
  return p->backend->get_many(p->impl, txn, p->collection, keys, count, page, err);
}

/* Takes out of the page, from `first` on, what is not to be there.  *bytes grows by the size of the values of the rest.
 */
static hf_status sift(hf__fetch *f, hf_page *page, size_t first, size_t *bytes, hf_error *err) {
  size_t end = page->count;
  hf_status status = HF_OK;
  page->count = first;
  for (size_t i = first; i < end && status == HF_OK; i++) {
    const hf_entry *e = &page->entries[i];
    size_t place = f->done + (i - first);
    hf__fetched what = HF__FETCHED_ODD;
    if (e->status != HF_NOT_FOUND) status = f->judge(e, place, &what, f->arg, err);
    if (what == HF__FETCHED_ODD && f->odd_count < HF__FETCH_ODD_MAX) f->odd[f->odd_count++] = place;
    if (what != HF__FETCHED_KEPT) continue;
    *bytes += e->json.size;
    if (page->count != i) page->entries[page->count] = *e;
    page->count++;
  }
  f->done += end - first;
  return status;
}

hf_status hf__fetch_entities(hf_persist *p, void *txn, hf__fetch *f, hf_page *page, hf_error *err) {
  size_t bytes = 0;
  hf_error other;
  f->done = 0;
  f->odd_count = 0;
  while (f->done < f->count && bytes < f->max_bytes) {
    size_t first = page->count, left = f->count - f->done;
    hf_status status = get(p, txn, &f->keys[f->done], left < AT_ONCE ? left : AT_ONCE, page, err);
    hf_status sifted = sift(f, page, first, &bytes, &other);
    if (sifted) *err = other;
    if (sifted) return sifted;
    if (status == HF_CORRUPT && err->in_quarantine) {
      f->done++;
      status = HF_OK;
    }
    if (status) return status;
  }
  return HF_OK;
}
