/* SPDX-License-Identifier: MIT
 *
 * The settings of a store: the slots, and bringing into force what they say.
 */
#ifndef HF_BACKENDS_LMDB_SETTINGS_H
#define HF_BACKENDS_LMDB_SETTINGS_H

#include "env.h"

/* The slots of backend.h. */
hf_status hf__lmdb_settings_get(void *store, hf_page *page, hf_error *err);
hf_status hf__lmdb_settings_put(void *store, const hf_setting_change *changes, size_t count, unsigned format,
                                hf_error *err);
void hf__lmdb_settings_options(void *store, hf_options *options);

/* ---- for what else is obeyed by every process: definitions of indexes */

/* Changes something in a write transaction; *changed becomes true unless it was so already.  Notes in the transaction
 * that the map is full, and may be called again then. */
typedef hf_status hf__lmdb_resettle_fn(hf__lmdb_env *env, hf__lmdb_txn *txn, void *arg, bool *changed, hf_error *err);

/* Commits a change of which every process is to learn, and flushes it whatever the durability. */
hf_status hf__lmdb_resettle(hf__lmdb_env *env, hf__lmdb_resettle_fn *fn, void *arg, hf_error *err);

/* Flushes what was committed, whatever the durability; `doing` is what may not have happened where that fails
 * ("change"). */
hf_status hf__lmdb_flush(hf__lmdb_env *env, const char *doing, hf_error *err);

/* Raises the store to a format, with what all stores of that format have.  LMDB's result. */
int hf__lmdb_raise(hf__lmdb_env *env, MDB_txn *txn, unsigned format, bool *changed);

/* Adds to an object what stat tells: the format, and where there are any the features, the settings and the gaps. */
bool hf__lmdb_settings_stat(hf__lmdb_env *env, MDB_txn *txn, hf_buffer *json);

#endif
