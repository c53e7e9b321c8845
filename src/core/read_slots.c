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
