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

/* Adds to an object what stat tells: the format, and where there are any the features, the settings and the gaps. */
bool hf__lmdb_settings_stat(hf__lmdb_env *env, MDB_txn *txn, hf_buffer *json);

#endif
