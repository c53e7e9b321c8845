/* SPDX-License-Identifier: MIT
 *
 * Transactions of classes of their own: those of a wrapped store bind to that store.
 */
#ifndef HF_LUA_SCRIPT_TRANSACTION_H
#define HF_LUA_SCRIPT_TRANSACTION_H

#include "holdfast/backend.h"

/* hf_backend.begin: begin. */
hf_status hfL_script_begin(void *store, hf_txn_kind kind, void *parent, void **txn, hf_error *err);

/* hf_backend.commit: commit. */
hf_status hfL_script_commit(void *store, void *txn, hf_error *err);

/* hf_backend.abort: rollback. */
void hfL_script_abort(void *store, void *txn);

#endif
