/* SPDX-License-Identifier: MIT
 *
 * Checks on a data file and its filesystem before LMDB opens it.
 */
#ifndef HF_BACKENDS_LMDB_INSPECT_H
#define HF_BACKENDS_LMDB_INSPECT_H

#include "holdfast/backend.h"

/* HF_CORRUPT for a file that is empty, not LMDB's, or cut off. */
hf_status lmdb_inspect(const char *path, hf_error *err);

/* HF_UNSUPPORTED where the directory is on a network filesystem. */
hf_status lmdb_check_filesystem(const char *dir, hf_error *err);

/* The name of the network filesystem with this statfs() type, or NULL for a local one. */
const char *lmdb_network_filesystem(long type);

#endif
