/* SPDX-License-Identifier: MIT
 *
 * Making all indexes out of what is there, in one transaction: after commits of a program that does not know them.
 */
#ifndef HF_BACKENDS_LMDB_INDEX_RESTORE_H
#define HF_BACKENDS_LMDB_INDEX_RESTORE_H

#include "env.h"

/* hf__lmdb_feature.build */
int hf__lmdb_index_restore(hf__lmdb_env *env, MDB_txn *txn);

#endif
