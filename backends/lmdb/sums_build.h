/* SPDX-License-Identifier: MIT
 *
 * Making the sums of a store out of what is in it: when the feature is turned on, and after commits of a program that
 * does not know it.
 */
#ifndef HF_BACKENDS_LMDB_SUMS_BUILD_H
#define HF_BACKENDS_LMDB_SUMS_BUILD_H

#include "env.h"

/* hf__lmdb_feature.build.  The transaction has changed no record yet.  MDB_CORRUPTED: the pages are damaged, and what
 * they have is not all that there was. */
int hf__lmdb_sums_build(hf__lmdb_env *env, MDB_txn *txn);

#endif
