/* SPDX-License-Identifier: MIT
 *
 * The slot that scans.
 */
#ifndef HF_BACKENDS_LMDB_SCAN_H
#define HF_BACKENDS_LMDB_SCAN_H

#include "holdfast/backend.h"

/* hf_backend.scan */
hf_status hf__lmdb_scan(void *store, void *txn, void *collection, const hf_scan *scan, hf_page *page, bool *more,
                        hf_error *err);

#endif
