/* SPDX-License-Identifier: MIT
 *
 * What is in one page of LMDB's, read without trusting any byte of it.
 */
#ifndef HF_BACKENDS_LMDB_PAGE_NODE_H
#define HF_BACKENDS_LMDB_PAGE_NODE_H

#include <stdbool.h>

#include "holdfast/backend.h"
#include "page_format.h"

/* A page in memory. */
struct hf__lmdb_page {
  const unsigned char *bytes;
  uint32_t size; /* of all of it: the file's page size, or that of the node it is in */
};

/* A key with its child, its value, or where that is. */
struct hf__lmdb_node {
  hf_slice key;
  uint16_t flags;
  uint64_t child;  /* of a branch: a page */
  uint64_t size;   /* of a leaf: the value's bytes */
  hf_slice value;  /* where it is in the page; {NULL, 0} of a branch, and where flags say BIG */
  uint64_t big;    /* where flags say BIG: the overflow page */
  uint32_t begin;  /* where the node begins in the page ... */
  uint32_t beyond; /* ... and ends, rounded up as LMDB does */
};

/* The head of a page; all zero where the page is too short for one. */
struct hf__lmdb_page_head hf__lmdb_head_of(struct hf__lmdb_page page);

/* How many nodes the page says it has; more than fit count as those. */
uint32_t hf__lmdb_node_count(struct hf__lmdb_page page);

/* Reads the node that begins at a byte of the page.  NULL, or what is wrong with the page: the rest of a
 * sentence that begins with it.  *out is then not to be used. */
const char *hf__lmdb_node_read(struct hf__lmdb_page page, uint32_t begin, bool branch, struct hf__lmdb_node *out);

/* Reads the node of this place in the array. */
const char *hf__lmdb_node_at(struct hf__lmdb_page page, uint32_t place, bool branch, struct hf__lmdb_node *out);

/* The value at this place of a LEAF2 page. */
hf_slice hf__lmdb_leaf2_at(struct hf__lmdb_page page, uint32_t place);

/* What is wrong with a branch or leaf by itself: its bounds, and that its nodes fill the room that they have, each byte
 * once.  Not its number and its kind, nor any order.  NULL: nothing. */
const char *hf__lmdb_nodes_problem(struct hf__lmdb_page page);

/* Compares keys (or, with `values`, the values under one key) as a tree of these flags does. */
int hf__lmdb_compare(uint16_t tree_flags, bool values, hf_slice a, hf_slice b);

#endif
