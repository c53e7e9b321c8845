/* SPDX-License-Identifier: MIT
 *
 * The slots that change entities.
 */
#ifndef HF_LUA_SCRIPT_WRITE_H
#define HF_LUA_SCRIPT_WRITE_H

#include "holdfast/backend.h"

/* hf_backend.put: writeValue. */
hf_status hfL_script_put(void *store, void *txn, void *collection, const hf_put *put, const hf_write_options *options,
                         hf_info *info, hf_error *err);

/* hf_backend.remove: removeValue. */
hf_status hfL_script_remove(void *store, void *txn, void *collection, const hf_key *key, hf_error *err);

/* hf_backend.remove_if: removeValue with {ifRevision=}. */
hf_status hfL_script_remove_if(void *store, void *txn, void *collection, const hf_key *key, uint64_t revision,
                               hf_info *info, hf_error *err);

/* hf_backend.clear: removeAll. */
hf_status hfL_script_clear(void *store, void *txn, void *collection, hf_error *err);

/* hf_backend.put_many: writeMany. */
hf_status hfL_script_put_many(void *store, void *txn, void *collection, const hf_put *puts, size_t count,
                              hf_error *err);

/* hf_backend.remove_many: removeMany. */
hf_status hfL_script_remove_many(void *store, void *txn, void *collection, const hf_key *keys, size_t count,
                                 uint64_t *removed, hf_error *err);

#endif
