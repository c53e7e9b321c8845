/* SPDX-License-Identifier: MIT
 *
 * The slot `backup`: the store as of one moment, in a file, while others go on.
 */
#ifndef HF_BACKENDS_LMDB_BACKUP_H
#define HF_BACKENDS_LMDB_BACKUP_H

#include "holdfast/backend.h"

/* See struct hf_backend. */
hf_status hf__lmdb_backup(void *store, const char *file, int fd, const hf_progress *progress, hf_backup_report *report,
                          hf_error *err);

#endif
