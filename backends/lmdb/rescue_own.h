/* SPDX-License-Identifier: MIT
 *
 * What a damaged store has kept of itself: settings and features, and how many entities were written.
 */
#ifndef HF_BACKENDS_LMDB_RESCUE_OWN_H
#define HF_BACKENDS_LMDB_RESCUE_OWN_H

#include "rescue_names.h"
#include "tally.h"

/* Whether a tree of this name may be one of ours, if a byte of the name is damaged or none is. */
bool hf__lmdb_may_be_own(hf_slice name);

/* Whether it is one for sure. */
bool hf__lmdb_is_own(hf_slice name);

/* Whether a key is one under which a store keeps something of itself. */
bool hf__lmdb_is_meta_key(hf_slice key);

/* Notes a record that was handed out as present, in the tally that has seen the main tree. */
void hf__lmdb_written_back(struct hf__lmdb_tally *tally, hf_slice name, hf_slice record, hf_slice id);

/* Hands out how many entities each collection had and how many of them came back, as HF_RESCUE_WRITTEN.  The tally has
 * seen the main tree and ours, and all that came back.  `whole`: the main tree was walked without a gap; otherwise what
 * it does not tell of is unknown and not 0.  False: fn said so.  *known: the store has told how many. */
bool hf__lmdb_tell_written(struct hf__lmdb_tally *tally, uint64_t commit, bool whole, const hf__lmdb_names *names,
                           hf_rescue_fn fn, void *arg, bool *known);

#endif
