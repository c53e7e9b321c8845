/* SPDX-License-Identifier: MIT
 *
 * Whether the collections of a commit are what was written: what a walk has counted, against the sums in the store.
 */
#ifndef HF_BACKENDS_LMDB_SUMS_CHECK_H
#define HF_BACKENDS_LMDB_SUMS_CHECK_H

#include "tally.h"

/* Told of each collection that is not; false: stop.
 *   damage  false: worth knowing, and harmless */
typedef bool hf__lmdb_sums_tell(void *arg, hf_slice name, const char *text, bool damage);

/* Compares.  The tally is of this commit, and the walk has found its pages sound. */
void hf__lmdb_sums_check(const struct hf__lmdb_tally *tally, uint64_t commit, hf__lmdb_sums_tell *tell, void *arg);

#endif
