/* SPDX-License-Identifier: MIT
 *
 * Reading indexes: the slots.
 */
#ifndef HF_BACKENDS_LMDB_INDEX_READ_H
#define HF_BACKENDS_LMDB_INDEX_READ_H

#include "env.h"

/* The slots of backend.h. */
hf_status hf__lmdb_index_set(void *store, void *txn, void *collection, hf_index_set **set, hf_error *err);
hf_status hf__lmdb_index_list(void *store, void *txn, void *collection, hf_page *page, hf_error *err);
hf_status hf__lmdb_index_walk(void *store, void *txn, void *collection, const hf_index *index,
                              const hf_index_walk *walk, hf_index_entry_fn *fn, void *arg, hf_error *err);

/* ---- what stat tells.  dbi: the database of entries, 0: none */

/* Adds ,"indexes":{"pnl":12,"symbol":"not built"} where the collection has some: how many entries each has. */
hf_status hf__lmdb_index_stat(hf__lmdb_env *env, MDB_txn *txn, MDB_dbi dbi, const hf__lmdb_collection *collection,
                              hf_buffer *json, hf_error *err);

/* Adds ,"indexEntries":24,"indexBytes":8192, those of all, where there are some. */
bool hf__lmdb_index_stat_all(MDB_txn *txn, MDB_dbi dbi, hf_buffer *json);

#endif
