/* SPDX-License-Identifier: MIT
 *
 * Making a new store.
 */
#ifndef HF_BACKENDS_LMDB_CREATE_H
#define HF_BACKENDS_LMDB_CREATE_H

#include "holdfast/backend.h"

/* Makes a store in the directory unless there is one: nothing, or a whole one, whenever it is interrupted. */
hf_status hf__lmdb_create(const hf_location *at, hf_error *err);

/* Makes something in a folder that is there for it alone. */
typedef hf_status hf__lmdb_work(const char *work, void *arg, hf_error *err);

/* The same with a data file that fn makes in the folder, and flushes.  *made_it is false where there was a store
 * already, or another process made one meanwhile. */
hf_status hf__lmdb_make(const char *dir, hf__lmdb_work *fn, void *arg, bool *made_it, hf_error *err);

/* Calls fn with a new folder in the directory, on the same filesystem, and removes it with what LMDB's files there are.
 * What a killed process leaves of it, whoever opens the store next removes. */
hf_status hf__lmdb_work_in(const char *dir, hf__lmdb_work *fn, void *arg, hf_error *err);

/* Flushes the names in a directory. */
hf_status hf__lmdb_sync_directory(const char *path, hf_error *err);

#endif
