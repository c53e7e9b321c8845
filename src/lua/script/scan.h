/* SPDX-License-Identifier: MIT
 *
 * The scan slot: pages out of a script's loops.
 */
#ifndef HF_LUA_SCRIPT_SCAN_H
#define HF_LUA_SCRIPT_SCAN_H

#include "holdfast/backend.h"

/* hf_backend.scan: over entries() or keys(), or over the store that the class extends. */
hf_status hfL_script_scan(void *store, void *txn, void *collection, const hf_scan *scan, hf_page *page, bool *more,
                          hf_error *err);

#endif
