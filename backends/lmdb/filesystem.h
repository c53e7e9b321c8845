/* SPDX-License-Identifier: MIT
 *
 * On what kind of filesystem a store lies, and whether that is full.
 */
#ifndef HF_BACKENDS_LMDB_FILESYSTEM_H
#define HF_BACKENDS_LMDB_FILESYSTEM_H

#include "holdfast/backend.h"

/* HF_UNSUPPORTED where the directory is on a network filesystem. */
hf_status hf__lmdb_check_filesystem(const char *dir, hf_error *err);

/* The name of the network filesystem with this statfs() type, or NULL for a local one. */
const char *hf__lmdb_network_filesystem(long type);

/* LMDB reports a short write, as on a disk that runs full, as EIO: ENOSPC or EFBIG where that is what happened to the
 * store in this folder, otherwise rc as it is. */
int hf__lmdb_explain_eio(int rc, const char *dir);

#endif
