/* SPDX-License-Identifier: MIT
 *
 * Counting what a walk over the pages of a commit comes by: the entities of each collection and the hash over them, and
 * what the commits before have stored of that.  Nothing is read by LMDB, so this too ends on any file whatever.
 */
#ifndef HF_BACKENDS_LMDB_TALLY_H
#define HF_BACKENDS_LMDB_TALLY_H

#include "env.h"
#include "page_report.h"

/* A collection that is in the store, or of which a sum is stored; the name of one whose sum was in the mark alone is
 * {NULL, 0}. */
struct hf__lmdb_counted {
  hf_slice name;
  uint64_t name_hash;
  bool is_there;               /* it has a tree */
  hf__lmdb_sum found, written; /* what the walk came by; what is stored */
};

struct hf__lmdb_tally {
  const struct hf__lmdb_walk *walk;
  struct hf__lmdb_counted *collections; /* in the order of their names; last those without one */
  size_t count, capacity;
  size_t at;          /* the one whose leaves are walked */
  uint64_t *in_doubt; /* hashes of the names of collections of which something is or was in quarantine */
  size_t doubts, doubts_capacity;
  uint64_t mark;        /* the number that the newest commit of ours has left */
  hf__lmdb_sums marked; /* and the sums after it */
  bool keeps_sums;      /* the store has the feature */
  bool out_of_memory;
};

/* Takes what is in a page: hf__lmdb_walk.visited calls it. */
void hf__lmdb_tally_visit(struct hf__lmdb_tally *tally, const struct hf__lmdb_visit *visit);
/* Takes a record of a collection that was come by otherwise. */
void hf__lmdb_tally_add(struct hf__lmdb_tally *tally, hf_slice name, const MDB_val *record, hf_slice id);
/* Puts the sums of the mark to the collections that they are of: when the walk has ended. */
void hf__lmdb_tally_end(struct hf__lmdb_tally *tally);
/* Whether something of the collection is in quarantine, or was. */
bool hf__lmdb_tally_doubts(const struct hf__lmdb_tally *tally, uint64_t name_hash);
void hf__lmdb_tally_free(struct hf__lmdb_tally *tally);

#endif
