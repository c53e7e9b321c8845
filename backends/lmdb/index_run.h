/* SPDX-License-Identifier: MIT
 *
 * Entries of an index that are being collected, to be inserted in the order of the index: each page of the tree is then
 * written once, and the pages of an index that is new are full.
 */
#ifndef HF_BACKENDS_LMDB_INDEX_RUN_H
#define HF_BACKENDS_LMDB_INDEX_RUN_H

#include "holdfast/backend.h"

/* One of them. */
typedef struct hf__lmdb_run_entry {
  hf_slice value, order;
  uint64_t record; /* hf__lmdb_record_hash() of the record that it was made of */
  bool is_unique, is_cut;
} hf__lmdb_run_entry;

typedef struct hf__lmdb_run {
  char *bytes;
  size_t size, capacity;
  struct hf__lmdb_run_item *items;
  size_t count, items_capacity;
} hf__lmdb_run;

/* How many bytes of entries are collected at most.  A variable, so that tests can have small ones. */
extern size_t hf__lmdb_run_most;

static inline bool hf__lmdb_run_is_full(const hf__lmdb_run *run) { return run->size >= hf__lmdb_run_most; }

/* Adds one.  False: out of memory. */
bool hf__lmdb_run_add(hf__lmdb_run *run, const hf_index_value *value, hf_slice order, uint64_t record);
/* Sorts them: by value, then by order key. */
void hf__lmdb_run_sort(hf__lmdb_run *run);
/* The one at a place. */
hf__lmdb_run_entry hf__lmdb_run_at(const hf__lmdb_run *run, size_t place);
/* Makes it empty, and keeps the memory; frees that. */
void hf__lmdb_run_clear(hf__lmdb_run *run);
void hf__lmdb_run_free(hf__lmdb_run *run);

#endif
