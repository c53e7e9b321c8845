/* SPDX-License-Identifier: MIT
 *
 * A table of ids: of each a number.  For rescue, which has to know what it has met.
 */
#ifndef HF_BACKENDS_LMDB_RESCUE_IDS_H
#define HF_BACKENDS_LMDB_RESCUE_IDS_H

#include "holdfast/backend.h"

typedef struct hf__lmdb_ids {
  struct hf__lmdb_id_slot *slots;
  size_t capacity, count;
} hf__lmdb_ids;

/* Where the number of an id, under a tag such as that of its entity name, is kept: 0 in the beginning.  Valid until the
 * next call.  NULL: out of memory.  Ids are told apart by 64 bits of hash. */
uint64_t *hf__lmdb_ids_at(hf__lmdb_ids *ids, uint32_t tag, hf_slice id);
/* The number; 0 where there is none. */
uint64_t hf__lmdb_ids_get(const hf__lmdb_ids *ids, uint32_t tag, hf_slice id);
void hf__lmdb_ids_free(hf__lmdb_ids *ids);

#endif
