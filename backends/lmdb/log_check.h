/* SPDX-License-Identifier: MIT
 *
 * Whether the log of changes and the history agree with the records: what a walk over the pages comes by is compared,
 * all of it of one commit.
 *
 *  - Each record that was written since the log begins has its change in the log, unless an id was purged since.
 *  - Each change that has replaced a value has it in the history, since that begins, and there is no other; each value
 *    that is kept is sound, but what went to quarantine.
 *  - Times never go back, and there is a head where the settings say that there is a log.
 */
#ifndef HF_BACKENDS_LMDB_LOG_CHECK_H
#define HF_BACKENDS_LMDB_LOG_CHECK_H

#include "log_store.h"
#include "sums_check.h"

struct hf__lmdb_log_check {
  const struct hf__lmdb_walk *walk;
  bool has_setting, has_head, is_sorted;
  hf__lmdb_log_head head;
  struct hf__lmdb_hashes {
    uint64_t *list;
    size_t count, capacity;
  } written, kept, found; /* writes in the log; those that keep; what is kept, with a number for the name */
  struct hf__lmdb_numbered {
    uint64_t number, hash;
  } * numbers; /* of entity names, in the order of their names */
  size_t numbers_count, numbers_capacity;
  uint64_t newest; /* revision in the log */
  int64_t newest_at;
  uint64_t damaged_entries, damaged_values, went_back; /* how many */
  struct hf__lmdb_unlogged {
    char name[HF_ID_MAX];
    size_t name_size;
    uint64_t count;
  } * unlogged; /* names that have records without a change */
  size_t unlogged_count, unlogged_capacity;
  bool out_of_memory;
};

/* Takes what is in a page: hf__lmdb_walk.visited calls it. */
void hf__lmdb_log_check_visit(struct hf__lmdb_log_check *check, const struct hf__lmdb_visit *visit);

/* Compares, when the walk has ended, has found all pages sound, and the commit is none of a stranger's. */
void hf__lmdb_log_check_end(struct hf__lmdb_log_check *check, uint64_t commit, hf__lmdb_sums_tell *tell, void *arg);

void hf__lmdb_log_check_free(struct hf__lmdb_log_check *check);

#endif
