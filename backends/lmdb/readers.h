/* SPDX-License-Identifier: MIT
 *
 * Reading at the present moment, or in the transaction that the core holds.
 */
#ifndef HF_BACKENDS_LMDB_READERS_H
#define HF_BACKENDS_LMDB_READERS_H

#include "env.h"

/* A read transaction at the present moment, from the pool.  Give it back soon, in the same thread: nothing may wait
 * in between, and locks.h sees to that. */
hf_status hf__lmdb_read_begin(hf__lmdb_env *env, MDB_txn **txn, hf_error *err);
void hf__lmdb_read_end(hf__lmdb_env *env, MDB_txn *txn);

/* The same with the entity's database: *dbi is 0 where the collection is not in the store.  With `in` given (a
 * snapshot or write transaction of this thread), uses that. */
hf_status hf__lmdb_read_collection(hf__lmdb_env *env, hf__lmdb_txn *in, hf__lmdb_collection *collection, MDB_txn **txn,
                                   MDB_dbi *dbi, hf_error *err);
/* Ends what hf__lmdb_read_collection() began; `in` as there. */
void hf__lmdb_read_collection_end(hf__lmdb_env *env, hf__lmdb_txn *in, MDB_txn *txn);

#endif
