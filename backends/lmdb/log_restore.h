/* SPDX-License-Identifier: MIT
 *
 * Beginning the log of changes again after commits of a program that does not know it.
 */
#ifndef HF_BACKENDS_LMDB_LOG_RESTORE_H
#define HF_BACKENDS_LMDB_LOG_RESTORE_H

#include "env.h"

/* Has the log of a store that keeps one begin with the transaction's commit, since what was committed before it is not
 * in it, and notes the hole.  Nothing else: the log is turned on by hf__lmdb_log_settle().  LMDB's result. */
int hf__lmdb_log_restore(hf__lmdb_env *env, MDB_txn *txn);

#endif
