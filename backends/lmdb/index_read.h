/* SPDX-License-Identifier: MIT
 *
 * Reading indexes: the slots.
 */
#ifndef HF_BACKENDS_LMDB_INDEX_READ_H
#define HF_BACKENDS_LMDB_INDEX_READ_H

#include "env.h"

/* The slots of backend.h. */
hf_status hf__lmdb_index_set(void *store, void *txn, void *collection, hf_index_set **set, hf_error *err);
hf_status hf__lmdb_index_list(void *store, void *txn, void *collection, hf_page *page, hf_error *err);
hf_status hf__lmdb_index_walk(void *store, void *txn, void *collection, const hf_index *index,
                              const hf_index_walk *walk, hf_index_entry_fn *fn, void *arg, hf_error *err);

#endif
