/* SPDX-License-Identifier: MIT
 *
 * Reading the log of changes: the slots.
 */
#ifndef HF_BACKENDS_LMDB_LOG_READ_H
#define HF_BACKENDS_LMDB_LOG_READ_H

#include "env.h"

/* hf_backend.changes_read.  All of one moment, unless it meets more than LOG_NAMES_MAX entity names, or one whose
 * database is not open yet after others have written meanwhile: then it ends early, and reach->next is not beyond
 * reach->newest. */
hf_status hf__lmdb_changes_read(void *store, const hf_changes_scan *scan, hf_change_fn fn, void *arg,
                                hf_changes_reach *reach, hf_error *err);
/* hf_backend.changes_revision_at */
hf_status hf__lmdb_changes_revision_at(void *store, int64_t time, uint64_t *revision, hf_changes_reach *reach,
                                       hf_error *err);
/* hf_backend.commits_seen */
uint64_t hf__lmdb_commits_seen(void *store);
/* hf_backend.commits_file */
const char *hf__lmdb_commits_file(void *store);

/* Adds to an object what stat tells of the log, if there is one.  False: it cannot.
 *   log, history  their databases in the transaction; 0: there are none */
bool hf__lmdb_log_stat(MDB_txn *txn, MDB_dbi log, MDB_dbi history, hf_buffer *json);

#endif
