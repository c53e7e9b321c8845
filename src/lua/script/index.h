/* SPDX-License-Identifier: MIT
 *
 * The slots for indexes.
 */
#ifndef HF_LUA_SCRIPT_INDEX_H
#define HF_LUA_SCRIPT_INDEX_H

#include "holdfast/backend.h"

/* hf_backend.index_make: createIndex, unless indexes() has it already. */
hf_status hfL_script_index_make(void *store, void *collection, hf_slice definition, hf_error *err);
/* hf_backend.index_drop: dropIndex, of what indexes() has. */
hf_status hfL_script_index_drop(void *store, void *collection, hf_slice name, hf_error *err);
/* hf_backend.index_list: indexes. */
hf_status hfL_script_index_list(void *store, void *txn, void *collection, hf_page *page, hf_error *err);

/* These are the wrapped store's: a class of its own looks its indexes up by itself. */

/* hf_backend.index_set */
hf_status hfL_script_index_set(void *store, void *txn, void *collection, hf_index_set **set, hf_error *err);
/* hf_backend.index_each */
hf_status hfL_script_index_each(void *store, void *txn, void *collection, const hf_index *index,
                                const hf_index_walk *walk, hf_index_entry_fn *fn, void *arg, hf_error *err);
/* hf_backend.index_check */
hf_status hfL_script_index_check(void *store, void *collection, hf_slice name, hf_index_problem_fn *fn, void *arg,
                                 hf_error *err);
/* hf_backend.index_rebuild */
hf_status hfL_script_index_rebuild(void *store, void *collection, hf_slice name, hf_error *err);

#endif
