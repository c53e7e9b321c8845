/* SPDX-License-Identifier: MIT
 *
 * Taking old changes out of the log, with the values that they replaced: a few with each commit that adds some, so that
 * none takes long.
 */
#ifndef HF_BACKENDS_LMDB_LOG_TRIM_H
#define HF_BACKENDS_LMDB_LOG_TRIM_H

#include "env.h"

/* Takes out at most twice as many as the transaction has added, and TRIM_MORE, of the oldest that the setting `changes`
 * does not keep, in the transaction, before it commits.  LMDB's result. */
int hf__lmdb_log_trim(hf__lmdb_env *env, const hf__lmdb_txn *txn);

enum { TRIM_MORE = 16 };

#endif
