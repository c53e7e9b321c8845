/* SPDX-License-Identifier: MIT
 *
 * The transaction that the calling thread is in, as the operations see it.
 */
#ifndef HF_CORE_TRANSACTION_H
#define HF_CORE_TRANSACTION_H

#include "core/open_stores.h"
#include "core/written.h"

/* Finds what an operation on `store` must pass to the backend as txn: *txn is NULL when the thread is in no
 * transaction, or in a part of a group that has none in the store.  Binds an unbound transaction to the store.
 *   can  the capabilities of the handle, which may have fewer than its store
 * HF_UNSUPPORTED: the transaction is bound to another store.  HF_READONLY: `writing` inside a snapshot. */
hf_status hf__txn_join(hf_store *store, uint32_t can, bool writing, void **txn, hf_error *err);

/* Begins a snapshot for a few reads that end soon, for as long as *out: see hf_backend.begin_brief.  Only where the
 * thread is in no transaction. */
hf_status hf__txn_begin_brief(hf_txn **out, hf_error *err);

/* Tells the current transaction that an operation in it failed in a way that may have left it half done: its commit
 * will fail with this error.  Harmless outcomes (not_found, conflict, invalid arguments) are ignored, unless the
 * operation was on many entities at once (`batch`).  Returns `status`. */
hf_status hf__txn_note_failure(hf_status status, bool batch, const hf_error *err);

/* Tells the current transaction that something of this group was changed in it (hf__change_count()). */
void hf__txn_note_change(unsigned group);

/* Leaves the snapshot, and those around it, without ending it: until the matching hf_txn_abort() or hf_txn_commit() of
 * what this gives, operations of the thread see none, and may begin transactions of their own.  The store of the
 * snapshot is refused to them meanwhile (HF_UNSUPPORTED), so that nothing of it is mistaken for that moment.
 * HF_UNSUPPORTED: the thread is in a transaction. */
hf_status hf__txn_step_outside(hf_txn **out, hf_error *err);

/* Whether it is in one of this kind. */
bool hf__txn_is(hf_txn_kind kind);

/* Whether it is in one that writes, also where a snapshot was begun in that since. */
bool hf__txn_is_writing(void);

/* Whether it is in a snapshot of the past. */
bool hf__txn_looks_back(void);

/* Whether the calling thread is in a transaction that an operation on the store would join, or be refused by. */
bool hf__txn_is_open(void);

/* ---- parts of hf_transactions() */

/* Whether the thread is in a part that a handle without transactions may use. */
bool hf__txn_may_be_loose(void);

/* A part that is running, or what parts share.  The program may end it meanwhile, by ending one around it. */
typedef struct hf__part {
  hf_txn *txn; /* NULL: there is none */
  uint64_t serial;
} hf__part;

/* Begins what parts share, unless the thread is in a transaction, in which they are then: group->txn is NULL. */
hf_status hf__txn_group_begin(hf__part *group, hf_error *err);

/* Ends it: commits it where `status`, which is what became of the parts, is HF_OK, and undoes it otherwise.  Returns
 * what became of all of it; *err is written unless it is `status`. */
hf_status hf__txn_group_end(const hf__part *group, hf_status status, hf_error *err);

hf_status hf__txn_part_begin(hf__part *part, hf_error *err);

/* Ends the part: commits it if its function has given HF_OK, which is `ran`, and no operation has broken it, and undoes
 * it otherwise.  Returns what became of it; *err is written unless it is `ran`.  *for_all: no further part can begin;
 * what the parts share can only be undone. */
hf_status hf__txn_part_end(const hf__part *part, hf_status ran, bool *for_all, hf_error *err);

/* Why what the parts are in can only be undone; HF_OK: it can be committed. */
hf_status hf__txn_around_failed(hf_error *err);

/* What is known of a commit that parts share, in which revisions are hidden: see revisions.h. */
typedef struct hf__commit {
  hf__written written; /* what parts have changed in it, and what was not undone */
  bool written_apart;  /* something was changed in it by who is no part */
} hf__commit;

/* The commit that will make what the thread does now happen, and whether the thread is in one of its parts.  NULL:
 * there is none to be shared, since it is in no transaction, in a snapshot, or in a part that has a commit of its own.
 */
hf__commit *hf__txn_commit_shared(bool *in_part);

#endif
