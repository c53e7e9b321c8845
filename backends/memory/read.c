/* SPDX-License-Identifier: MIT
 *
 * Reading entities in memory, and what is in quarantine.  What has expired is there until it is removed, and nobody
 * finds it.
 */
#include <string.h>

#include "expiry.h"
#include "slots.h"

/* ---- entities */

hf_status hf__memory_check_quarantine(const hf__memory_type *t, const hf_key *key, hf_error *err) {
  bool found;
  size_t at = hf__memory_list_find(&t->damaged, key->order, &found);
  if (!found) return HF_NOT_FOUND;
  return hf_error_quarantined(err, hf__memory_item_problem(t->damaged.items[at]));
}

hf_status hf__memory_get(void *store, void *txn, void *collection, const hf_key *key, hf_buffer *json, hf_info *info,
                         hf_error *err) {
  hf_status status;
  hf__memory_type *t = hf__memory_enter(store, txn, collection);
  const hf__memory_item *it = hf__memory_living(t, key->order, hf__memory_now(txn));
  if (!it) {
    status = hf__memory_check_quarantine(t, key, err);
  } else {
    json->size = 0;
    if (info) *info = it->info;
    status = hf_buffer_add(json, it->data + it->order_size, it->json_size) ? HF_OK : hf_error_no_memory(err);
  }
  hf__memory_leave(store, txn);
  return status;
}

static hf_status get_into(const hf__memory_type *t, int64_t now, const hf_key *key, hf_page *page, hf_error *err) {
  const hf__memory_item *it = hf__memory_living(t, key->order, now);
  hf_status status = it ? HF_OK : hf__memory_check_quarantine(t, key, err);
  if (status && status != HF_NOT_FOUND) return status;
  hf_slice text = it ? hf__memory_item_json(it) : (hf_slice){NULL, 0};
  hf_entry *e = hf_page_add(page, key->id, text.data, text.size);
  if (!e) return hf_error_no_memory(err);
  e->status = status;
  if (it) e->info = it->info;
  return HF_OK;
}

hf_status hf__memory_get_many(void *store, void *txn, void *collection, const hf_key *keys, size_t n, hf_page *page,
                              hf_error *err) {
  hf_status status = HF_OK;
  const hf__memory_type *t = hf__memory_enter(store, txn, collection);
  for (size_t i = 0; status == HF_OK && i < n; i++) status = get_into(t, hf__memory_now(txn), &keys[i], page, err);
  hf__memory_leave(store, txn);
  return status;
}

hf_status hf__memory_has(void *store, void *txn, void *collection, const hf_key *key, hf_error *err) {
  const hf__memory_type *t = hf__memory_enter(store, txn, collection);
  hf_status status =
      hf__memory_living(t, key->order, hf__memory_now(txn)) ? HF_OK : hf__memory_check_quarantine(t, key, err);
  hf__memory_leave(store, txn);
  return status;
}

hf_status hf__memory_count(void *store, void *txn, void *collection, uint64_t *n, hf_error *err) {
  (void)err;
  const hf__memory_type *t = hf__memory_enter(store, txn, collection);
  *n = t->sound.count - hf__memory_over_count(t, hf__memory_now(txn));
  hf__memory_leave(store, txn);
  return HF_OK;
}

/* Whether the item is inside the scan's bounds; `before`: it lies before the first wanted one, as the scan goes. */
static bool inside(const hf_scan *s, const hf__memory_item *it, bool *before) {
  int c = s->lower.data ? hf__memory_item_compare(s->lower, it) : -1;
  bool above_lower = c < 0 || (c == 0 && !s->lower_open);
  c = s->upper.data ? hf__memory_item_compare(s->upper, it) : 1;
  bool below_upper = c > 0 || (c == 0 && !s->upper_open);
  *before = s->reverse ? !below_upper : !above_lower;
  return above_lower && below_upper;
}

/* Adds an item to the page.  False: out of memory. */
static bool add_item(const hf_scan *s, const hf__memory_item *it, hf_slice id, bool damaged, hf_page *page) {
  hf_slice text = s->keys_only ? (hf_slice){NULL, 0} : hf__memory_item_json(it);
  hf_entry *e = damaged ? hf_page_add_damaged(page, id, text, hf_text(hf__memory_item_problem(it)))
                        : hf_page_add(page, id, text.data, text.size);
  if (e) e->info = it->info;
  return e != NULL;
}

/* now  what has expired by then is left out */
static hf_status scan_list(const hf__memory_list *l, bool damaged, int64_t now, const hf_scan *s, hf_page *page,
                           bool *more, hf_error *err) {
  size_t taken = 0, bytes = 0, looked_at = 0, first = 0;
  hf_slice last = {NULL, 0};
  bool found;
  *more = false;
  if (s->reverse)
    first = s->upper.data ? l->count - hf__memory_list_find(l, s->upper, &found) - (found ? 1 : 0) : 0;
  else
    first = s->lower.data ? hf__memory_list_find(l, s->lower, &found) : 0;
  for (size_t n = first; n < l->count; n++) {
    const hf__memory_item *it = l->items[s->reverse ? l->count - 1 - n : n];
    bool before;
    if (!inside(s, it, &before)) {
      if (before) continue;
      break;
    }
    if (hf__memory_item_is_over(it, now)) continue;
    hf_slice id = {it->data + it->id_offset, it->order_size - it->id_offset};
    if (s->id_prefix.size &&
        (id.size < s->id_prefix.size || memcmp(id.data, s->id_prefix.data, s->id_prefix.size) != 0))
      continue;
    *more = taken == s->limit || (taken && bytes > s->max_bytes);
    if (*more) return HF_OK;
    *more = s->condition && looked_at++ == s->max_looked_at;
    if (*more) return hf_page_resume(page, last) ? HF_OK : hf_error_no_memory(err);
    last = (hf_slice){it->data, it->order_size};
    bool wanted = true;
    if (s->condition && hf_page_judge(page, s, id, hf__memory_item_json(it), &wanted, err)) return HF_NO_MEMORY;
    if (!wanted) continue;
    if (!add_item(s, it, id, damaged, page)) return hf_error_no_memory(err);
    bytes += it->json_size;
    taken++;
  }
  return HF_OK;
}

hf_status hf__memory_scan(void *store, void *txn, void *collection, const hf_scan *s, hf_page *page, bool *more,
                          hf_error *err) {
  const hf__memory_type *t = hf__memory_enter(store, txn, collection);
  hf_status status = scan_list(&t->sound, false, hf__memory_now(txn), s, page, more, err);
  hf__memory_leave(store, txn);
  return status;
}

/* ---- quarantine */

hf_status hf__memory_quarantined(void *store, void *collection, uint64_t *n, hf_error *err) {
  hf__memory_store *s = store;
  (void)err;
  *n = 0;
  pthread_mutex_lock(&s->lock);
  for (const hf__memory_type *t = collection ? collection : s->types; t; t = collection ? NULL : t->next)
    *n += t->damaged.count;
  pthread_mutex_unlock(&s->lock);
  return HF_OK;
}

hf_status hf__memory_quarantine_scan(void *store, void *txn, void *collection, const hf_scan *s, hf_page *page,
                                     bool *more, hf_error *err) {
  const hf__memory_txn *in = txn;
  *more = false;
  if (in && in->is_past) return HF_OK; /* what was in quarantine then is told of each id, and not listed */
  const hf__memory_type *t = hf__memory_enter(store, txn, collection);
  hf_status status = scan_list(&t->damaged, true, 0, s, page, more, err);
  hf__memory_leave(store, txn);
  return status;
}

/* ---- the store as a whole */

/* Whether somebody who looks finds anything of it.  In the past what was in quarantine does not count alone. */
static bool has_any(const hf__memory_type *t, const hf__memory_txn *in) {
  return t->sound.count > hf__memory_over_count(t, hf__memory_now(in)) || (t->damaged.count && !(in && in->is_past));
}

hf_status hf__memory_entities(void *store, void *txn, hf_page *page, hf_error *err) {
  hf__memory_store *s = store;
  const hf__memory_txn *in = txn;
  hf_status status = HF_OK;
  pthread_mutex_lock(&s->lock);
  for (hf__memory_type *t = in && in->kind == HF_TXN_READ ? in->types : s->types; t && status == HF_OK; t = t->next)
    if (has_any(t, in) && !hf_page_add(page, (hf_slice){t->name, t->name_size}, NULL, 0))
      status = hf_error_no_memory(err);
  pthread_mutex_unlock(&s->lock);
  return status;
}
