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

#endif
