/* SPDX-License-Identifier: MIT
 *
 * The slots for the log of changes of stores in memory, for their settings, and for notes.
 */
#ifndef HF_BACKENDS_MEMORY_LOG_SLOTS_H
#define HF_BACKENDS_MEMORY_LOG_SLOTS_H

#include "store.h"

/* hf_backend.changes_read and those that follow it */
hf_status hf__memory_changes_read(void *store, const hf_changes_scan *scan, hf_change_fn fn, void *arg,
                                  hf_changes_reach *reach, hf_error *err);
hf_status hf__memory_changes_revision_at(void *store, int64_t time, uint64_t *revision, hf_changes_reach *reach,
                                         hf_error *err);
hf_status hf__memory_changes_purge(void *store, void *collection, const hf_key *key, uint64_t *purged, hf_error *err);
uint64_t hf__memory_commits_seen(void *store);

#endif
