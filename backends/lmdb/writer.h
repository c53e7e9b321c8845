/* SPDX-License-Identifier: MIT
 *
 * The write transaction: one a process at a time, and those nested in it.
 */
#ifndef HF_BACKENDS_LMDB_WRITER_H
#define HF_BACKENDS_LMDB_WRITER_H

#include "env.h"

/* Begins the process's write transaction, waiting for other writers.
 *   frees  it frees more than it takes, and may use lent room */
hf_status hf__lmdb_write_begin(hf__lmdb_env *env, hf__lmdb_txn *txn, bool frees, hf_error *err);
hf_status hf__lmdb_write_commit(hf__lmdb_env *env, hf__lmdb_txn *txn, hf_error *err);
/* The same, but the caller lets write_lock go, whatever the result. */
hf_status hf__lmdb_write_commit_locked(hf__lmdb_env *env, hf__lmdb_txn *txn, hf_error *err);
void hf__lmdb_write_abort(hf__lmdb_env *env, hf__lmdb_txn *txn);

/* A transaction inside another one. */
hf_status hf__lmdb_nested_begin(hf__lmdb_env *env, hf__lmdb_txn *parent, hf__lmdb_txn *txn, hf_error *err);
hf_status hf__lmdb_nested_commit(hf__lmdb_env *env, hf__lmdb_txn *txn, hf_error *err);
void hf__lmdb_nested_abort(hf__lmdb_txn *txn);

#endif
