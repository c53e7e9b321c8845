/* SPDX-License-Identifier: MIT
 *
 * The slot `scan` of the LMDB backend, see struct hf_backend.
 */
#ifndef HF_BACKENDS_LMDB_SCAN_H
#define HF_BACKENDS_LMDB_SCAN_H

#include "env.h"

hf_status hf__lmdb_scan(void *store, void *txn, void *entity, const hf_scan *scan, hf_page *page, bool *more,
                        hf_error *err);

/* Our bytes as LMDB's, which are not const but not written to either. */
static inline MDB_val hf__lmdb_val(hf_slice s) { return (MDB_val){s.size, (void *)(uintptr_t)s.data}; }

#endif
