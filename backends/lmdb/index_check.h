/* SPDX-License-Identifier: MIT
 *
 * Whether an index and the entities agree: the slot index_check.
 */
#ifndef HF_BACKENDS_LMDB_INDEX_CHECK_H
#define HF_BACKENDS_LMDB_INDEX_CHECK_H

#include "env.h"

/* hf_backend.index_check */
hf_status hf__lmdb_index_check(void *store, void *collection, hf_slice name, hf_index_problem_fn *fn, void *arg,
                               hf_error *err);

#endif
