/* SPDX-License-Identifier: MIT
 *
 * Sums: how many entities each collection has, and a hash over them, as they were written.  What the pages of a store
 * cannot tell by themselves, they do: that an entity is missing or was replaced by an older one, and that a name is
 * damaged.  Every commit of a store that has the feature `sums` keeps them up, with its own changes alone: the hash is
 * the sum, modulo 2^64, of what each record adds (hf__lmdb_record_hash), so that the order does not matter.
 *
 * They lie after the mark that each commit leaves anyway, where they cost next to nothing (README.md has what else was
 * measured): SUMS_IN_MARK collections by the hashes of their names, three little-endian numbers each, in the order in
 * which they were first written to.  Those of further collections are records of their own in the main database.
 *
 * A write transaction collects what it changes in a list, and so does each transaction within it; the commit adds that
 * to what is stored.
 */
#ifndef HF_BACKENDS_LMDB_SUMS_H
#define HF_BACKENDS_LMDB_SUMS_H

#include "env.h"
#include "meta.h"

#define FEATURE_SUMS "sums"

/* Under this and its name the main database has the sum of a collection that is not in the mark, as two little-endian
 * numbers.  What is in neither place is empty. */
#define SUM_KEY "\001sum:"

/* ---- what a transaction changes */

/* The list's entry for the collection, which is made where there is none; NULL: out of memory.  Valid until the
 * transaction ends. */
hf__lmdb_delta *hf__lmdb_sums_delta(hf__lmdb_txn *txn, hf__lmdb_collection *collection);

/* Notes that the collection was made empty. */
static inline void hf__lmdb_sums_clear(hf__lmdb_delta *delta) {
  delta->cleared = true;
  delta->by = (hf__lmdb_sum){0, 0};
}

/* Makes room in the list of the parent for all that the transaction within it has; false: out of memory. */
bool hf__lmdb_sums_reserve(hf__lmdb_txn *parent, const hf__lmdb_txn *txn);
/* Then adds it, which cannot fail. */
void hf__lmdb_sums_merge(hf__lmdb_txn *parent, const hf__lmdb_txn *txn);
/* Forgets the list. */
void hf__lmdb_sums_end(hf__lmdb_txn *txn);

/* ---- what is stored.  All needs write_lock. */

/* Makes env->sums what the commit of the transaction leaves, and writes those that are not in the mark.  LMDB's result.
 */
int hf__lmdb_sums_add(hf__lmdb_env *env, hf__lmdb_txn *txn);

/* Leaves the mark of the transaction's commit, with env->sums after it if they are those of this commit.  LMDB's
 * result. */
int hf__lmdb_sums_put_mark(const hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_mark *mark);

/* Whatever env->sums was, it is to be read again: the transaction did not come to its commit, and its number comes
 * again. */
static inline void hf__lmdb_sums_forget(hf__lmdb_env *env) { env->sums.of = 0; }

/* Stores the sum of a collection that is not in the mark.  LMDB's result. */
int hf__lmdb_sum_put(const hf__lmdb_env *env, MDB_txn *txn, hf_slice name, const hf__lmdb_sum *sum);

/* Reads what comes after the mark in its value. */
void hf__lmdb_sums_read(hf_slice mark, hf__lmdb_sums *out);

/* Reads the sum of a collection that is not in the mark; all 0: it is none. */
hf__lmdb_sum hf__lmdb_sum_read(hf_slice value);

#endif
