/* SPDX-License-Identifier: MIT
 *
 * What has expired and is still there, for those who read without looking at records: counts, and entries of indexes.
 */
#ifndef HF_BACKENDS_LMDB_EXPIRY_READ_H
#define HF_BACKENDS_LMDB_EXPIRY_READ_H

#include "expiry_store.h"

/* Has EXPIRY_DB opened, for the transactions that begin after it. */
hf_status hf__lmdb_expiry_open(hf__lmdb_env *env, hf__lmdb_txn *in, hf_error *err);

/* Counts the records of a collection that have expired.
 *   in       the core's transaction; NULL: none
 *   txn      in which it is read: that one, or one that began after hf__lmdb_expiry_open()
 *   records  the collection's database
 *   most     more than this many are not counted
 * LMDB's result. */
int hf__lmdb_expiry_count(hf__lmdb_env *env, hf__lmdb_txn *in, MDB_txn *txn, const hf__lmdb_collection *collection,
                          MDB_dbi records, uint64_t most, uint64_t *count);

/* The same, taken off the number of all records. */
hf_status hf__lmdb_expiry_subtract(hf__lmdb_env *env, hf__lmdb_txn *in, MDB_txn *txn,
                                   const hf__lmdb_collection *collection, MDB_dbi records, uint64_t *count,
                                   hf_error *err);

/* Adds to what stat tells of a collection how many are to expire, and how many of those have.  False: out of memory. */
bool hf__lmdb_expiry_stat(hf__lmdb_env *env, hf__lmdb_txn *in, MDB_txn *txn, const hf__lmdb_collection *collection,
                          hf_buffer *json);

#endif
