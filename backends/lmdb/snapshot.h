/* SPDX-License-Identifier: MIT
 *
 * Snapshots: read transactions that the core holds.  While one is open, the map cannot grow and no database is closed,
 * in this process.
 */
#ifndef HF_BACKENDS_LMDB_SNAPSHOT_H
#define HF_BACKENDS_LMDB_SNAPSHOT_H

#include "env.h"

/* Begins one, which knows the databases of all collections in use, and that of the indexes. */
hf_status hf__lmdb_snapshot_begin(hf__lmdb_env *env, hf__lmdb_txn *txn, hf_error *err);
/* The same for a few reads that end soon: what cannot happen beside a snapshot waits for it (map.h). */
hf_status hf__lmdb_brief_begin(hf__lmdb_env *env, hf__lmdb_txn *txn, hf_error *err);
/* Begins one that knows none, and so has looked at no page yet: it holds a moment for whoever reads the file itself. */
hf_status hf__lmdb_moment_begin(hf__lmdb_env *env, hf__lmdb_txn *txn, hf_error *err);
/* Ends any. */
void hf__lmdb_snapshot_end(hf__lmdb_env *env, hf__lmdb_txn *txn);

/* The database of a collection in a snapshot that does not know it yet: 0 where it is not in the store at that
 * moment.  HF_BUSY: the store has changed since, and the snapshot cannot learn it any more. */
hf_status hf__lmdb_find_in_snapshot(hf__lmdb_env *env, hf__lmdb_txn *txn, hf__lmdb_collection *collection, MDB_dbi *dbi,
                                    hf_error *err);

#endif
