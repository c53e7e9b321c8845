/* SPDX-License-Identifier: MIT
 *
 * What is kept of an id, newest first.
 */
#ifndef HF_BACKENDS_LMDB_HISTORY_LIST_H
#define HF_BACKENDS_LMDB_HISTORY_LIST_H

#include "holdfast/backend.h"

/* hf_backend.history */
hf_status hf__lmdb_history_list(void *store, void *collection, const hf_key *key, hf_change_fn fn, void *arg,
                                hf_changes_reach *reach, hf_error *err);

#endif
