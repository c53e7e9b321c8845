/* SPDX-License-Identifier: MIT
 *
 * What the parts of a page walk share: which pages were taken, and how findings are told.
 */
#ifndef HF_BACKENDS_LMDB_PAGE_STATE_H
#define HF_BACKENDS_LMDB_PAGE_STATE_H

#include "page_report.h"

/* A walk on its way. */
struct hf__lmdb_state {
  struct hf__lmdb_walk *walk;
  struct hf__lmdb_totals *totals;
  bool stopped; /* by whom it tells, or for lack of memory */
  bool out_of_memory;
  int unreadable; /* the error of the system, where a page cannot be read and the walk ends */
  uint64_t unreadable_page;
};

/* The tree that is walked, and what was counted of it. */
struct hf__lmdb_tree_walk {
  struct hf__lmdb_state *state;
  const struct hf__lmdb_tree *tree;
  enum hf__lmdb_tree_kind kind;
  hf_slice name;
  uint16_t order; /* the flags that say how it is ordered: of values, those of the tree that they are in */
  uint64_t branch, leaf, overflow, entries;
  uint64_t problems;
};

/* Tells of damage.  page may be HF__LMDB_NO_PAGE. */
void hf__lmdb_tell(struct hf__lmdb_tree_walk *t, uint64_t page, const char *fmt, ...) HF_PRINTF(3, 4);
/* Tells of what is no damage. */
void hf__lmdb_tell_note(struct hf__lmdb_tree_walk *t, uint64_t page, const char *fmt, ...) HF_PRINTF(3, 4);

/* Takes a page for a tree: NULL, or why it cannot be. */
const char *hf__lmdb_take(struct hf__lmdb_state *state, uint64_t page);
/* Reads `size` bytes of a page: NULL, or what is wrong.  Where the disk does not give it, that ends the walk, unless it
 * goes on there. */
const char *hf__lmdb_walk_read(struct hf__lmdb_state *state, uint64_t page, void *out, size_t size);
/* Notes that a page is free: NULL, or why it cannot be. */
const char *hf__lmdb_take_free(struct hf__lmdb_state *state, uint64_t page);

/* Takes the overflow pages of a node whose value is not in its page, and counts them.  Tells of damage and returns
 * false where they are not sound. */
bool hf__lmdb_take_overflow(struct hf__lmdb_tree_walk *t, uint64_t page, const struct hf__lmdb_node *node);

#endif
