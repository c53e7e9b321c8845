/* SPDX-License-Identifier: MIT
 *
 * A store put back to what it was at an earlier moment.
 */
#ifndef HF_CORE_REVERT_H
#define HF_CORE_REVERT_H

#include "holdfast/backend.h"

struct hf__reverting {
  const hf_moment *at;
  uint64_t revision; /* of the store afterwards */
};

/* Opens the store that nobody else knows of, makes its entities what they were at the moment, in one commit, by its own
 * history, and closes it; `arg` is a struct hf__reverting.  Fits hf_restoring.finish. */
hf_status hf__revert(void *arg, const hf_location *at, hf_error *err);

#endif
