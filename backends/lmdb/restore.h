/* SPDX-License-Identifier: MIT
 *
 * The slot `restore`: a store made of a backup, where there is none.
 */
#ifndef HF_BACKENDS_LMDB_RESTORE_H
#define HF_BACKENDS_LMDB_RESTORE_H

#include "holdfast/backend.h"

/* See struct hf_backend. */
hf_status hf__lmdb_restore(const hf_location *at, int fd, const hf_restoring *how, hf_backup_report *report,
                           hf_error *err);

#endif
