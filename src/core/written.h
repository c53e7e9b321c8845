/* SPDX-License-Identifier: MIT
 *
 * The entities that the parts of one commit have written: a set that can go back to what it was.
 *
 * All that one commit writes may carry one revision.  Where several share the commit, a revision of it would let one of
 * them write over what another has just written; so none is given out, and none is taken, for an entity in the set.
 *
 * An entity is told by a hash of its entity name and id.  Two that have the same one are taken for each other, which
 * costs a revision that might have been given.
 */
#ifndef HF_CORE_WRITTEN_H
#define HF_CORE_WRITTEN_H

#include "holdfast/backend.h"

/* All zero: empty. */
typedef struct hf__written {
  uint64_t *hashes;   /* in the order in which they came */
  size_t count;       /* of them */
  uint32_t *places;   /* where in `hashes`, from 1, by hash; 0: free */
  size_t place_count; /* a power of two, at least twice as many as there is room for */
} hf__written;

/* The hash of the entity with this name and id, of which `order` is the order key. */
uint64_t hf__written_hash(hf_slice entity_name, hf_slice order);

/* Makes room for so many more.  False: out of memory. */
bool hf__written_reserve(hf__written *w, size_t more);

/* Adds one, for which there is room, unless it is there. */
void hf__written_add(hf__written *w, uint64_t hash);

bool hf__written_has(const hf__written *w, uint64_t hash);

/* Takes out those that came after it had `count`. */
void hf__written_cut(hf__written *w, size_t count);

void hf__written_free(hf__written *w);

#endif
