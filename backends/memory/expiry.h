/* SPDX-License-Identifier: MIT
 *
 * Entities in memory that expire.  From its time on nobody finds one; it is removed by later commits, a few with each.
 * Those of a collection that expire are in a list like that of an index: the position of each is its time, and then its
 * order key.
 */
#ifndef HF_BACKENDS_MEMORY_EXPIRY_H
#define HF_BACKENDS_MEMORY_EXPIRY_H

#include "collection.h"
#include "log.h"
#include "undo.h"

/* As hf__memory_list_find() in the sound ones; NULL: it is not there, or has expired. */
const hf__memory_item *hf__memory_living(const hf__memory_type *t, hf_slice order, int64_t now);

/* These change the sound ones as hf__memory_undo_put() and _take() do, and the list of those that expire. */
bool hf__memory_sound_put(hf__memory_type *t, hf__memory_undo *undo, size_t at, bool replace, hf__memory_item *it);
bool hf__memory_sound_take(hf__memory_type *t, hf__memory_undo *undo, hf_slice order, bool *found);

/* How many have expired by this time, and are still there. */
size_t hf__memory_over_count(const hf__memory_type *t, int64_t now);

/* Whether one had expired by `limit` and is still there. */
bool hf__memory_sweep_is_due(const hf__memory_type *types, int64_t limit);
/* Removes a few of those, as part of the commit that has this revision.  Without memory it is left to a later one. */
void hf__memory_sweep(hf__memory_type *types, hf__memory_log *log, uint64_t revision, int64_t limit);

#endif
