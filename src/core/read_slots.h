/* SPDX-License-Identifier: MIT
 *
 * The reading slots of a handle, one function each, for who is attached to another handle: a script's class that hands
 * an operation down to the store that it wraps.  Arguments have been checked and the transaction joined for the handle
 * that was called; errors are as the slots give them, and are named for that one.  Changes go down through
 * hf__change_apply().
 *
 * The handle is ready (hf_persist_init()).  A slot that may be NULL is there: whoever calls has looked.
 */
#ifndef HF_CORE_READ_SLOTS_H
#define HF_CORE_READ_SLOTS_H

#include "core/handle.h"

/* hf_backend.get */
hf_status hf__slot_get(hf_persist *p, void *txn, const hf_key *key, hf_buffer *json, hf_info *info, hf_error *err);
/* hf_backend.has */
hf_status hf__slot_has(hf_persist *p, void *txn, const hf_key *key, hf_error *err);
/* hf_backend.get_many */
hf_status hf__slot_get_many(hf_persist *p, void *txn, const hf_key *keys, size_t count, hf_page *page, hf_error *err);
/* hf_backend.count */
hf_status hf__slot_count(hf_persist *p, void *txn, uint64_t *count, hf_error *err);
/* hf_backend.scan */
hf_status hf__slot_scan(hf_persist *p, void *txn, const hf_scan *scan, hf_page *page, bool *more, hf_error *err);
/* hf_backend.stat, of the collection */
hf_status hf__slot_stat(hf_persist *p, void *txn, hf_buffer *json, hf_error *err);
/* hf_backend.entities, of the store that the handle is on */
hf_status hf__slot_entities(hf_persist *p, void *txn, hf_page *page, hf_error *err);
/* hf_backend.quarantined, of the collection */
hf_status hf__slot_quarantined(hf_persist *p, uint64_t *count, hf_error *err);
/* hf_backend.quarantine_scan */
hf_status hf__slot_quarantine_scan(hf_persist *p, void *txn, const hf_scan *scan, hf_page *page, bool *more,
                                   hf_error *err);

/* Of indexes.  Making and forgetting one changes no entity, so there is nothing at the door for them. */

/* hf_backend.index_make */
hf_status hf__slot_index_make(hf_persist *p, hf_slice definition, hf_error *err);
/* hf_backend.index_drop */
hf_status hf__slot_index_drop(hf_persist *p, hf_slice name, hf_error *err);
/* hf_backend.index_list */
hf_status hf__slot_index_list(hf_persist *p, void *txn, hf_page *page, hf_error *err);
/* hf_backend.index_set */
hf_status hf__slot_index_set(hf_persist *p, void *txn, hf_index_set **set, hf_error *err);
/* hf_backend.index_each */
hf_status hf__slot_index_each(hf_persist *p, void *txn, const hf_index *index, const hf_index_walk *walk,
                              hf_index_entry_fn *fn, void *arg, hf_error *err);
/* hf_backend.index_check */
hf_status hf__slot_index_check(hf_persist *p, hf_slice name, hf_index_problem_fn *fn, void *arg, hf_error *err);
/* hf_backend.index_rebuild */
hf_status hf__slot_index_rebuild(hf_persist *p, hf_slice name, hf_error *err);

#endif
