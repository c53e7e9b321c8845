/* SPDX-License-Identifier: MIT
 *
 * The slots for looking back at stores in memory.
 */
#ifndef HF_BACKENDS_MEMORY_PAST_H
#define HF_BACKENDS_MEMORY_PAST_H

#include "store.h"

/* The entity after the commit, under the lock, whether or not it had expired; NULL: there was none.  The history has to
 * reach back so far. */
const hf__memory_item *hf__memory_at(const hf__memory_store *s, const hf__memory_type *t, hf_slice order,
                                     uint64_t revision);

/* hf_backend.get_at and those that follow it */
hf_status hf__memory_get_at(void *store, void *collection, const hf_key *key, uint64_t revision, hf_buffer *json,
                            hf_info *info, hf_error *err);
hf_status hf__memory_begin_at(void *store, uint64_t revision, void **txn, hf_error *err);
hf_status hf__memory_history(void *store, void *collection, const hf_key *key, hf_change_fn fn, void *arg,
                             hf_changes_reach *reach, hf_error *err);

#endif
