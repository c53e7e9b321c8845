/* SPDX-License-Identifier: MIT
 *
 * The slots that change something, and the only file that touches the records of a store: what has to be in the same
 * commit as a change (an index, a log of changes) goes into change.c, and nowhere else.
 */
#ifndef HF_BACKENDS_LMDB_CHANGE_H
#define HF_BACKENDS_LMDB_CHANGE_H

#include "holdfast/backend.h"

/* hf_backend.put */
hf_status hf__lmdb_put(void *store, void *txn, void *collection, const hf_put *put, const hf_write_options *options,
                       hf_info *info, hf_error *err);
/* hf_backend.put_many */
hf_status hf__lmdb_put_many(void *store, void *txn, void *collection, const hf_put *puts, size_t count, hf_error *err);
/* hf_backend.remove */
hf_status hf__lmdb_remove(void *store, void *txn, void *collection, const hf_key *key, hf_error *err);
/* hf_backend.remove_if */
hf_status hf__lmdb_remove_if(void *store, void *txn, void *collection, const hf_key *key, uint64_t revision,
                             hf_info *info, hf_error *err);
/* hf_backend.remove_many */
hf_status hf__lmdb_remove_many(void *store, void *txn, void *collection, const hf_key *keys, size_t count,
                               uint64_t *removed, hf_error *err);
/* hf_backend.clear */
hf_status hf__lmdb_clear(void *store, void *txn, void *collection, hf_error *err);
/* hf_backend.quarantine */
hf_status hf__lmdb_quarantine(void *store, void *collection, const hf_key *key, const char *problem, hf_error *err);
/* hf_backend.quarantine_put */
hf_status hf__lmdb_put_damaged(void *store, void *txn, void *collection, const hf_key *key, const char *problem,
                               hf_slice bytes, hf_error *err);

#endif
