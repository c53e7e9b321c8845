/* SPDX-License-Identifier: MIT
 *
 * The slots that say how much there is.
 */
#ifndef HF_LUA_SCRIPT_COUNT_H
#define HF_LUA_SCRIPT_COUNT_H

#include "holdfast/backend.h"

/* hf_backend.count: count, or the keys one by one. */
hf_status hfL_script_count(void *store, void *txn, void *collection, uint64_t *count, hf_error *err);

/* hf_backend.stat: stat, or what the bridge itself knows. */
hf_status hfL_script_stat(void *store, void *txn, void *collection, hf_buffer *json, hf_error *err);

#endif
