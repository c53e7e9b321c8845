/* SPDX-License-Identifier: MIT
 *
 * Taking an id out of the log of changes for ever: the slot.
 */
#ifndef HF_BACKENDS_LMDB_LOG_PURGE_H
#define HF_BACKENDS_LMDB_LOG_PURGE_H

#include "holdfast/backend.h"

/* hf_backend.changes_purge.  Looks at all of the log, during which nobody writes: a million changes take about 0.1 s.
 * The bytes stay in free pages of the file until those are used again. */
hf_status hf__lmdb_changes_purge(void *store, void *collection, const hf_key *key, uint64_t *purged, hf_error *err);

#endif
