/* SPDX-License-Identifier: MIT
 *
 * Collections as they were after a commit: the slots that list and count, in a transaction of the past.
 */
#ifndef HF_BACKENDS_LMDB_HISTORY_SCAN_H
#define HF_BACKENDS_LMDB_HISTORY_SCAN_H

#include "env.h"

/* hf_backend.scan */
hf_status hf__lmdb_past_scan(hf__lmdb_env *env, hf__lmdb_txn *txn, hf__lmdb_collection *collection, const hf_scan *scan,
                             hf_page *page, bool *more, hf_error *err);

/* hf_backend.count */
hf_status hf__lmdb_past_count(hf__lmdb_env *env, hf__lmdb_txn *txn, hf__lmdb_collection *collection, uint64_t *count,
                              hf_error *err);

/* Leaves of the names in `all` those in `page` that had an entity. */
hf_status hf__lmdb_past_entities(hf__lmdb_env *env, hf__lmdb_txn *txn, const hf_page *all, hf_page *page,
                                 hf_error *err);

#endif
