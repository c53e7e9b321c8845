/* SPDX-License-Identifier: MIT
 *
 * Beginning to read, in any environment.  Both give LMDB's result; what *txn is where that is not 0 is not said.
 */
#ifndef HF_BACKENDS_LMDB_BEGIN_H
#define HF_BACKENDS_LMDB_BEGIN_H

#include <lmdb.h>

/* Begins, also where the slots for readers are full of dead processes. */
int hf__lmdb_begin_reading(MDB_env *mdb, MDB_txn **txn);

/* The same where this process has no transaction: also while another process is growing the file. */
int hf__lmdb_begin_following(MDB_env *mdb, MDB_txn **txn);

#endif
