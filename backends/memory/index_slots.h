/* SPDX-License-Identifier: MIT
 *
 * The slots for indexes of stores in memory.
 */
#ifndef HF_BACKENDS_MEMORY_INDEX_SLOTS_H
#define HF_BACKENDS_MEMORY_INDEX_SLOTS_H

#include "holdfast/backend.h"

/* hf_backend.index_make and those that follow it */
hf_status hf__memory_index_make(void *store, void *collection, hf_slice definition, hf_error *err);
hf_status hf__memory_index_drop(void *store, void *collection, hf_slice name, hf_error *err);
hf_status hf__memory_index_list(void *store, void *txn, void *collection, hf_page *page, hf_error *err);
hf_status hf__memory_index_set(void *store, void *txn, void *collection, hf_index_set **set, hf_error *err);
hf_status hf__memory_index_each(void *store, void *txn, void *collection, const hf_index *index,
                                const hf_index_walk *walk, hf_index_entry_fn *fn, void *arg, hf_error *err);
hf_status hf__memory_index_check(void *store, void *collection, hf_slice name, hf_index_problem_fn *fn, void *arg,
                                 hf_error *err);
hf_status hf__memory_index_rebuild(void *store, void *collection, hf_slice name, hf_error *err);

#endif
