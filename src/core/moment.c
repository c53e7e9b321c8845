/* SPDX-License-Identifier: MIT
 *
 * Moments of a store's past: see moment.h.
 */
#include "core/moment.h"

#include "base/error.h"

hf_status hf__moment_revision(const hf_store *store, const hf_moment *at, uint64_t *revision, hf_error *err) {
  hf_changes_reach reach;
  *revision = at->revision;
  if (at->revision && at->time)
    return hf__fail(err, HF_INVALID_ARGUMENT, "a moment is a revision or a time, not both");
  if (at->time < 0) return hf__fail(err, HF_INVALID_ARGUMENT, "a time before 1970: %lld ms", (long long)at->time);
  if (at->revision) return HF_OK;
  return store->backend->changes_revision_at(store->impl, at->time, revision, &reach, err);
}
