/* SPDX-License-Identifier: MIT
 *
 * A check of both header pages of a data file, before LMDB maps it.
 */
#ifndef HF_BACKENDS_LMDB_HEADER_CHECK_H
#define HF_BACKENDS_LMDB_HEADER_CHECK_H

#include "holdfast/backend.h"

/* HF_OK where LMDB may open the file.  HF_CORRUPT for one that is empty, not LMDB's, cut off, or has a damaged header:
 * the message says which.  HF_NOT_FOUND, HF_READONLY (no right to read it), HF_IO (the cause has the errno). */
hf_status hf__lmdb_header_check(const char *path, hf_error *err);

#endif
