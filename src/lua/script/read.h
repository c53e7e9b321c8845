/* SPDX-License-Identifier: MIT
 *
 * The slots that read entities by their ids.
 */
#ifndef HF_LUA_SCRIPT_READ_H
#define HF_LUA_SCRIPT_READ_H

#include "holdfast/backend.h"

/* hf_backend.get: readValue, or readEntry where the revision is wanted. */
hf_status hfL_script_get(void *store, void *txn, void *collection, const hf_key *key, hf_buffer *json, hf_info *info,
                         hf_error *err);

/* hf_backend.has: hasValue. */
hf_status hfL_script_has(void *store, void *txn, void *collection, const hf_key *key, hf_error *err);

/* hf_backend.get_many: readMany. */
hf_status hfL_script_get_many(void *store, void *txn, void *collection, const hf_key *keys, size_t count, hf_page *page,
                              hf_error *err);

#endif
