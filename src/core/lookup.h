/* SPDX-License-Identifier: MIT
 *
 * Where a condition is looked up in indexes, and what becomes of an entity that is not what its index says: either
 * somebody has changed it since the index was read, or the index is damaged.  To tell which, both are read once more,
 * at one moment.
 */
#ifndef HF_CORE_LOOKUP_H
#define HF_CORE_LOOKUP_H

#include "core/handle.h"
#include "index/cover.h"

typedef struct hf__lookup {
  const hf_persist *persist;
  void *txn;
  const hf_index_set *set;
  hf_condition *condition; /* NULL: an index is gone over in its own order */
  bool explains;           /* hf__candidates.why is wanted */
} hf__lookup;

/* Has what is read by in->txn be of one moment until *own is aborted, where the storage can do that: a snapshot, unless
 * the thread is in a transaction. */
hf_status hf__lookup_begin_moment(hf__lookup *in, hf_txn **own, hf_error *err);

/* Whether an entity has a value for which one of the parts has an entry. */
bool hf__lookup_is_within(const hf_index_set *set, const hf__cover_part *parts, size_t count, hf_slice json);

/* Whether, at one moment, an entry of the parts leads to an entity that is not there, or has no such value: the index
 * is damaged.  False also where that cannot be told. */
bool hf__lookup_is_damaged(const hf__lookup *in, const hf__cover_part *parts, size_t count, const hf_key *key);

#endif
