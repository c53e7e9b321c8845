/* SPDX-License-Identifier: MIT
 *
 * Keeping up the indexes of a collection: what a change of its records changes of them, in the same transaction.
 * change.c calls this, and nothing else does.
 *
 * What an unreadable record had in an index cannot be told from it: its entries are searched.  Where it goes to
 * quarantine, unique indexes hold its values for it (hf__lmdb_held()), until its id is written or removed.
 */
#ifndef HF_BACKENDS_LMDB_INDEX_KEEP_H
#define HF_BACKENDS_LMDB_INDEX_KEEP_H

#include "env.h"

/* What is kept up in a transaction. */
typedef struct hf__lmdb_keep {
  hf__lmdb_env *env;
  hf__lmdb_txn *t;
  hf__lmdb_collection *collection;
  const hf_index_set *set; /* NULL: nothing */
  MDB_dbi dbi;             /* of the entries */
} hf__lmdb_keep;

/* Begins. */
hf_status hf__lmdb_keep_enter(hf__lmdb_keep *keep, hf__lmdb_env *env, hf__lmdb_txn *txn,
                              hf__lmdb_collection *collection, hf_error *err);

/* Whether a unique index forbids the puts, whose ids are in the order of their order keys: HF_DUPLICATE.
 *   records  the collection's database; 0: there is none yet */
hf_status hf__lmdb_keep_check(const hf__lmdb_keep *keep, MDB_dbi records, const hf_put *puts, size_t count,
                              hf_error *err);

/* The same of one put, and of its value in the index at one place of the set, for who builds that. */
hf_status hf__lmdb_keep_check_value(const hf__lmdb_keep *keep, MDB_dbi records, const hf_put *put, size_t place,
                                    const hf_index_value *value, hf_error *err);

/* What one record's change moves in the indexes. */
typedef struct hf__lmdb_moves {
  hf_index_value before[HF_INDEXES_MAX], after[HF_INDEXES_MAX];
  bool had, has;      /* whether there are values before, and after */
  bool is_unreadable; /* what it had is to be searched */
} hf__lmdb_moves;

/* Looks what has to be moved, before the record is changed.
 *   old   NULL: there was none
 *   text  the new one; NULL: it is removed */
void hf__lmdb_moves_find(const hf__lmdb_keep *keep, const hf_key *key, const MDB_val *old, const hf_slice *text,
                         hf__lmdb_moves *moves);
/* Moves it.  LMDB's result. */
int hf__lmdb_moves_make(const hf__lmdb_keep *keep, const hf_key *key, const hf__lmdb_moves *moves);

/* A record went to quarantine, with the key that it stood under.  LMDB's result. */
int hf__lmdb_keep_aside(const hf__lmdb_keep *keep, MDB_dbi records, const hf_key *key);
/* An id in quarantine was written or removed; with key NULL, all of the collection.  LMDB's result. */
int hf__lmdb_keep_settled(const hf__lmdb_keep *keep, const hf_key *key);
/* All records were removed.  LMDB's result. */
int hf__lmdb_keep_clear(const hf__lmdb_keep *keep);

#endif
