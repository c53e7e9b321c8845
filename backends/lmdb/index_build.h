/* SPDX-License-Identifier: MIT
 *
 * Building an index of what is there, while others read and write: entities are read a page at a time, their entries
 * sorted in memory, and inserted in short transactions of their own.  Each of those looks again whether an entity still
 * is what was read, since whoever has changed it meanwhile has kept the index up.  All of it may be done twice, or by
 * two at once.
 */
#ifndef HF_BACKENDS_LMDB_INDEX_BUILD_H
#define HF_BACKENDS_LMDB_INDEX_BUILD_H

#include "env.h"

/* Builds the index of this number, which is defined and not ready.  HF_CONFLICT: it is not defined any more;
 * HF_DUPLICATE: two entities have the same in a unique one.
 *   again  it was there before: what two have the same, it has twice, and forbids others to have */
hf_status hf__lmdb_index_build(hf__lmdb_env *env, hf__lmdb_collection *collection, uint32_t number, bool again,
                               hf_error *err);

/* Takes away entries of numbers that no index has.  What fails is left for the next time. */
void hf__lmdb_index_clean(hf__lmdb_env *env);

#endif
