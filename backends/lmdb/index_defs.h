/* SPDX-License-Identifier: MIT
 *
 * Which indexes a store has: their definitions, as records of META_DB, and what this process knows of them.  A change
 * of definitions is one of settings: the mark names its commit, so that every process learns of it at its next
 * transaction.
 *
 * A writer goes by what its own transaction sees, and a reader by what was so at its moment.  After commits of a
 * program that knows nothing of indexes a reader goes by none, until a writer has brought them up to date (gap.h).
 */
#ifndef HF_BACKENDS_LMDB_INDEX_DEFS_H
#define HF_BACKENDS_LMDB_INDEX_DEFS_H

#include "env.h"

#define FEATURE_INDEX "index"

/* ---- as they are stored; LMDB's results */

typedef enum hf__lmdb_index_state {
  HF__LMDB_INDEX_NEW,   /* it is being built */
  HF__LMDB_INDEX_AGAIN, /* so it is, and it was there before: what is unique may be there twice */
  HF__LMDB_INDEX_READY
} hf__lmdb_index_state;

typedef struct hf__lmdb_definition {
  uint32_t number;
  hf__lmdb_index_state state;
  hf_slice entity_name, definition; /* valid during the call that hands it out */
} hf__lmdb_definition;

/* Calls the function for each definition of a collection (NULL: of all), until a result is not 0. */
int hf__lmdb_index_each(hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_collection *collection,
                        int (*fn)(const hf__lmdb_definition *d, void *arg), void *arg);

/* Keeps a definition, in the place of one of this number; takes it away. */
int hf__lmdb_index_define(hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_collection *collection, uint32_t number,
                          hf_slice definition, hf__lmdb_index_state state);
int hf__lmdb_index_forget(hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_collection *collection, uint32_t number);

/* Gives out a number that no index has had, and none has, whatever became of the counter.  The database of entries is
 * there. */
int hf__lmdb_index_number(hf__lmdb_env *env, MDB_txn *txn, uint32_t *number);

/* ---- as sets */

/* The set that the transaction sees, to be freed; NULL: the collection has none. */
hf_status hf__lmdb_index_read(hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_collection *collection,
                              hf_index_set **set, hf_error *err);

/* The set that a write transaction has to keep up; NULL: none.  Valid until it ends. */
hf_status hf__lmdb_index_kept(hf__lmdb_env *env, MDB_txn *txn, hf__lmdb_collection *collection,
                              const hf_index_set **set, hf_error *err);

/* A share in the set that a reader may go by; NULL: none. */
hf_status hf__lmdb_index_seen(hf__lmdb_env *env, MDB_txn *txn, hf__lmdb_collection *collection, hf_index_set **set,
                              hf_error *err);

#endif
