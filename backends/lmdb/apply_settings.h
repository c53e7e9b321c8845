/* SPDX-License-Identifier: MIT
 *
 * Obeying the settings of a store that stand for options: durability and the size limit.
 */
#ifndef HF_BACKENDS_LMDB_APPLY_SETTINGS_H
#define HF_BACKENDS_LMDB_APPLY_SETTINGS_H

#include "env.h"

/* Whether settings are known that are not in force yet.  Needs write_lock. */
bool hf__lmdb_must_apply_settings(const hf__lmdb_env *env);

/* Brings them into force, where nothing else was said when the store was opened.  A map that must become smaller while
 * a snapshot is open stays until the next time.  Needs write_lock, and no transaction. */
void hf__lmdb_apply_settings(hf__lmdb_env *env);

#endif
