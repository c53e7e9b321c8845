/* SPDX-License-Identifier: MIT
 *
 * The reading slots of a handle: see slots.h.
 */
#include "core/read_slots.h"

hf_status hf__slot_get(hf_persist *p, void *txn, const hf_key *key, hf_buffer *json, hf_info *info, hf_error *err) {
  return p->backend->get(p->impl, txn, p->collection, key, json, info, err);
}

hf_status hf__slot_has(hf_persist *p, void *txn, const hf_key *key, hf_error *err) {
  return p->backend->has(p->impl, txn, p->collection, key, err);
}

hf_status hf__slot_get_many(hf_persist *p, void *txn, const hf_key *keys, size_t count, hf_page *page, hf_error *err) {
  return p->backend->get_many(p->impl, txn, p->collection, keys, count, page, err);
}

hf_status hf__slot_count(hf_persist *p, void *txn, uint64_t *count, hf_error *err) {
  return p->backend->count(p->impl, txn, p->collection, count, err);
}

hf_status hf__slot_scan(hf_persist *p, void *txn, const hf_scan *scan, hf_page *page, bool *more, hf_error *err) {
  return p->backend->scan(p->impl, txn, p->collection, scan, page, more, err);
}

hf_status hf__slot_stat(hf_persist *p, void *txn, hf_buffer *json, hf_error *err) {
  return p->backend->stat(p->impl, txn, p->collection, json, err);
}

hf_status hf__slot_entities(hf_persist *p, void *txn, hf_page *page, hf_error *err) {
  return p->store->backend->entities(p->store->impl, txn, page, err);
}

hf_status hf__slot_quarantined(hf_persist *p, uint64_t *count, hf_error *err) {
  return p->backend->quarantined(p->impl, p->collection, count, err);
}

hf_status hf__slot_quarantine_scan(hf_persist *p, void *txn, const hf_scan *scan, hf_page *page, bool *more,
                                   hf_error *err) {
  return p->backend->quarantine_scan(p->impl, txn, p->collection, scan, page, more, err);
}

/* ---- indexes */

hf_status hf__slot_index_make(hf_persist *p, hf_slice definition, hf_error *err) {
  return p->backend->index_make(p->impl, p->collection, definition, err);
}

hf_status hf__slot_index_drop(hf_persist *p, hf_slice name, hf_error *err) {
  return p->backend->index_drop(p->impl, p->collection, name, err);
}

hf_status hf__slot_index_list(hf_persist *p, void *txn, hf_page *page, hf_error *err) {
  return p->backend->index_list(p->impl, txn, p->collection, page, err);
}

hf_status hf__slot_index_set(hf_persist *p, void *txn, hf_index_set **set, hf_error *err) {
  return p->backend->index_set(p->impl, txn, p->collection, set, err);
}

hf_status hf__slot_index_each(hf_persist *p, void *txn, const hf_index *index, const hf_index_walk *walk,
                              hf_index_entry_fn *fn, void *arg, hf_error *err) {
  return p->backend->index_each(p->impl, txn, p->collection, index, walk, fn, arg, err);
}

hf_status hf__slot_index_check(hf_persist *p, hf_slice name, hf_index_problem_fn *fn, void *arg, hf_error *err) {
  return p->backend->index_check(p->impl, p->collection, name, fn, arg, err);
}

hf_status hf__slot_index_rebuild(hf_persist *p, hf_slice name, hf_error *err) {
  return p->backend->index_rebuild(p->impl, p->collection, name, err);
}
