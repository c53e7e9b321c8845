/* SPDX-License-Identifier: MIT
 *
 * Opening an LMDB environment, and opening it again after a commit that failed half way.
 */
#ifndef HF_BACKENDS_LMDB_OPEN_H
#define HF_BACKENDS_LMDB_OPEN_H

#include "env.h"

/* Opens the store in a directory, after a look at its files and at who else has them. */
hf_status hf__lmdb_open(const hf_location *at, hf__lmdb_env **out, hf_error *err);
void hf__lmdb_close(hf__lmdb_env *env);

/* A size limit as it is kept to: LMDB counts in pages, and needs a few.  0: no limit. */
uint64_t hf__lmdb_whole_limit(uint64_t max_size);

/* Closes the environment and opens it again.  `taken` are all its readers (hf__lmdb_exclusive_begin()).  Needs
 * write_lock, and no transaction; after a failure env->mdb is NULL. */
hf_status hf__lmdb_restart(hf__lmdb_env *env, MDB_txn *taken[READER_POOL], hf_error *err);

#endif
