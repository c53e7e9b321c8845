/* SPDX-License-Identifier: MIT
 *
 * Moments of a store's past, and whether it can be read as it was then.
 */
#ifndef HF_CORE_MOMENT_H
#define HF_CORE_MOMENT_H

#include "core/open_stores.h"

/* Whether stores of this backend can be read as they were. */
static inline bool hf__can_look_back(const hf_backend *b) {
  return (b->capabilities & HF_CAP_HISTORY) && b->get_at && b->begin_at && b->changes_revision_at;
}

/* The newest revision until the moment, which is not "now". */
hf_status hf__moment_revision(const hf_store *store, const hf_moment *at, uint64_t *revision, hf_error *err);

/* Reads a time such as "2026-11-27", "2026-11-27T12:00Z", "2026-11-27T12:00:00.250Z" or "...+02:00": a date alone is
 * its midnight in UTC, a time of day says its zone.  False: it is none. */
bool hf__time_parse(hf_slice text, int64_t *ms);

#endif
