/* SPDX-License-Identifier: MIT
 *
 * The transaction that the calling thread is in, as the operations see it.
 */
#ifndef HF_CORE_TRANSACTION_H
#define HF_CORE_TRANSACTION_H

#include "core/open_stores.h"

/* Finds what an operation on `store` must pass to the backend as txn: *txn is NULL when the thread is in no
 * transaction.  Binds an unbound transaction to the store.
 * HF_UNSUPPORTED: the transaction is bound to another store.  HF_READONLY: `writing` inside a snapshot. */
hf_status hf__txn_join(hf_store *store, bool writing, void **txn, hf_error *err);

/* Tells the current transaction that an operation in it failed in a way that may have left it half done: its commit
 * will fail with this error.  Harmless outcomes (not_found, conflict, invalid arguments) are ignored, unless the
 * operation was on many entities at once (`batch`).  Returns `status`. */
hf_status hf__txn_note_failure(hf_status status, bool batch, const hf_error *err);

/* Leaves the snapshot, and those around it, without ending it: until the matching hf_txn_abort() or hf_txn_commit() of
 * what this gives, operations of the thread see none, and may begin transactions of their own.  The store of the
 * snapshot is refused to them meanwhile (HF_UNSUPPORTED), so that nothing of it is mistaken for that moment.
 * HF_UNSUPPORTED: the thread is in a transaction. */
hf_status hf__txn_step_outside(hf_txn **out, hf_error *err);

/* Whether it is in one of this kind. */
bool hf__txn_is(hf_txn_kind kind);

/* Whether the calling thread is in a transaction that an operation on the store would join, or be refused by. */
bool hf__txn_is_open(void);

#endif
