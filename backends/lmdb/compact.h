/* SPDX-License-Identifier: MIT
 *
 * Free room given back to the disk by a compact copy that takes the place of a store's file, where nobody has the store
 * open.  For others there is punch.h.
 */
#ifndef HF_BACKENDS_LMDB_COMPACT_H
#define HF_BACKENDS_LMDB_COMPACT_H

#include "holdfast/backend.h"

/* Does so, and fills the report; HF_OK also where it could not be done, for report->reason: somebody has the store
 * open, or there is no room for a copy. */
hf_status hf__lmdb_compact(const hf_location *at, const hf_progress *progress, hf_compact_report *report,
                           hf_error *err);

/* What the data file in the directory takes of the disk; 0 where there is none. */
uint64_t hf__lmdb_bytes_on_disk(const char *dir);

#endif
