/* SPDX-License-Identifier: MIT
 *
 * Collections and their named databases.  Databases are opened when they are first used, and closed again when many
 * are open, since each open one costs every transaction a little.
 */
#ifndef HF_BACKENDS_LMDB_COLLECTIONS_H
#define HF_BACKENDS_LMDB_COLLECTIONS_H

#include "env.h"

/* Begins to use a collection. */
hf_status hf__lmdb_collection_open(hf__lmdb_env *env, hf_slice name, hf__lmdb_collection **out, hf_error *err);
void hf__lmdb_collection_close(hf__lmdb_env *env, hf__lmdb_collection *collection);

/* Opens the entity's database, if the store has it, in a transaction of its own.  *exists false: it has not. */
hf_status hf__lmdb_open_dbi(hf__lmdb_env *env, hf__lmdb_collection *collection, bool *exists, hf_error *err);

/* Closes databases that have not been used lately, until few enough are open.  Needs write_lock, and no transaction. */
void hf__lmdb_close_cold(hf__lmdb_env *env);

/* Whether the transaction knows the database: handles that were opened after it began are none to it. */
static inline bool hf__lmdb_knows_dbi(MDB_txn *txn, MDB_dbi dbi) {
  unsigned flags;
  return mdb_dbi_flags(txn, dbi, &flags) == 0;
}

/* Whether the store has the collection at the moment that the transaction sees: LMDB's result, MDB_NOTFOUND if not. */
int hf__lmdb_has_type(const hf__lmdb_env *env, MDB_txn *txn, hf__lmdb_collection *collection);

/* ---- in the write transaction */

/* The entity's database for writing; *dbi is 0 where there is none. */
hf_status hf__lmdb_write_dbi(hf__lmdb_env *env, hf__lmdb_txn *txn, hf__lmdb_collection *collection, MDB_dbi *dbi,
                             hf_error *err);
/* Makes it, where there is none. */
hf_status hf__lmdb_make_dbi(hf__lmdb_env *env, hf__lmdb_txn *txn, hf__lmdb_collection *collection, MDB_dbi *dbi,
                            hf_error *err);

/* Notes in the transaction, and those around it, that the map is full. */
void hf__lmdb_note_full(hf__lmdb_txn *txn);

/* Notes that the transaction opened the entity's database.  False: out of memory. */
bool hf__lmdb_remember_opened(hf__lmdb_txn *txn, hf__lmdb_collection *collection);

/* Settles the handles that the transaction opened: kept, or closed by LMDB. */
void hf__lmdb_settle_opened(hf__lmdb_env *env, hf__lmdb_txn *txn, bool keep);

#endif
