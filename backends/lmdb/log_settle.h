/* SPDX-License-Identifier: MIT
 *
 * Turning the log of changes, and the history, on and off.
 */
#ifndef HF_BACKENDS_LMDB_LOG_SETTLE_H
#define HF_BACKENDS_LMDB_LOG_SETTLE_H

#include "env.h"

/* Has the head of the log say what the settings now say, which are in the transaction already: makes one where the log
 * was turned on, and takes it away where it was turned off.  HF_INVALID_ARGUMENT: history without a log. */
hf_status hf__lmdb_log_settle(hf__lmdb_env *env, hf__lmdb_txn *txn, hf_error *err);

#endif
