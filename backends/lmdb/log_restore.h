/* SPDX-License-Identifier: MIT
 *
 * Beginning the log of changes: where it is turned on, and anew after commits of a program that does not know it.
 */
#ifndef HF_BACKENDS_LMDB_LOG_RESTORE_H
#define HF_BACKENDS_LMDB_LOG_RESTORE_H

#include "env.h"

/* Has the log of a store that keeps one begin with the transaction's commit, since what was committed before it is not
 * in it, and notes the hole.  Nothing else: the log is turned on by hf__lmdb_log_settle().  LMDB's result. */
int hf__lmdb_log_restore(hf__lmdb_env *env, MDB_txn *txn);

/* Has the head of the log say what the settings now say, which are in the transaction already: makes one where the log
 * was turned on, and takes it away where it was turned off.  HF_INVALID_ARGUMENT: history without a log. */
hf_status hf__lmdb_log_settle(hf__lmdb_env *env, hf__lmdb_txn *txn, hf_error *err);

#endif
