/* SPDX-License-Identifier: MIT
 *
 * A record of LMDB's free list: the pages that one commit gave back.
 */
#ifndef HF_BACKENDS_LMDB_PAGE_FREE_H
#define HF_BACKENDS_LMDB_PAGE_FREE_H

#include "page_state.h"

/* Checks the record in a node of a leaf of the free list, and notes its pages as free. */
void hf__lmdb_check_free_record(struct hf__lmdb_tree_walk *t, uint64_t page, const struct hf__lmdb_node *node);

#endif
