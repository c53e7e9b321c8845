/* SPDX-License-Identifier: MIT
 *
 * The slots for entities and quarantine of stores in memory: those that read, and those that change.
 */
#ifndef HF_BACKENDS_MEMORY_SLOTS_H
#define HF_BACKENDS_MEMORY_SLOTS_H

#include "store.h"

/* hf_backend.get and those that follow it */
hf_status hf__memory_get(void *store, void *txn, void *collection, const hf_key *key, hf_buffer *json, hf_info *info,
                         hf_error *err);
hf_status hf__memory_get_many(void *store, void *txn, void *collection, const hf_key *keys, size_t n, hf_page *page,
                              hf_error *err);
hf_status hf__memory_has(void *store, void *txn, void *collection, const hf_key *key, hf_error *err);
hf_status hf__memory_count(void *store, void *txn, void *collection, uint64_t *n, hf_error *err);
hf_status hf__memory_scan(void *store, void *txn, void *collection, const hf_scan *s, hf_page *page, bool *more,
                          hf_error *err);
hf_status hf__memory_entities(void *store, void *txn, hf_page *page, hf_error *err);
hf_status hf__memory_quarantined(void *store, void *collection, uint64_t *n, hf_error *err);
hf_status hf__memory_quarantine_scan(void *store, void *txn, void *collection, const hf_scan *s, hf_page *page,
                                     bool *more, hf_error *err);

/* HF_CORRUPT if the id is in quarantine, HF_NOT_FOUND if not. */
hf_status hf__memory_check_quarantine(const hf__memory_type *t, const hf_key *key, hf_error *err);

/* hf_backend.put and those that follow it */
hf_status hf__memory_put(void *store, void *txn, void *collection, const hf_put *p, const hf_write_options *options,
                         hf_info *info, hf_error *err);
hf_status hf__memory_put_many(void *store, void *txn, void *collection, const hf_put *puts, size_t n, hf_error *err);
hf_status hf__memory_remove(void *store, void *txn, void *collection, const hf_key *key, hf_error *err);
hf_status hf__memory_remove_if(void *store, void *txn, void *collection, const hf_key *key, uint64_t revision,
                               hf_info *info, hf_error *err);
hf_status hf__memory_clear(void *store, void *txn, void *collection, hf_error *err);
hf_status hf__memory_quarantine(void *store, void *collection, const hf_key *key, const char *problem, hf_error *err);
hf_status hf__memory_quarantine_put(void *store, void *txn, void *collection, const hf_key *key, const char *problem,
                                    hf_slice bytes, hf_error *err);

#endif
