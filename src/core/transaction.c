/* SPDX-License-Identifier: MIT
 *
 * Transactions.  One is current per thread; operations join it by themselves, so
 * that a script's `transaction(fn)` needs to pass nothing along.  It is bound to a
 * store, and begun there, by the first operation inside it.
 *
 * Kinds nest so: writing in writing is a real nested transaction (where the
 * backend has HF_CAP_NESTED); reading in either joins the outer one; writing in
 * reading is refused.
 *
 * A thread can step outside its snapshots for a while.  That is an entry of the same stack, so that
 * whatever is begun meanwhile is ended before the snapshot is seen again.
 */
#include "core/transaction.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/redact.h"

enum { DEPTH_MAX = 64 }; /* far below what the C stack of a small thread can take */

struct hf_txn {
  hf_txn_kind kind;
  hf_store *store; /* NULL until the first operation; holds a reference */
  void *impl;      /* the backend's; the parent's when borrowed */
  bool borrowed;
  bool outside; /* no transaction: it hides those below it on the stack */
  unsigned generation;
  struct hf_txn *parent;
  unsigned depth;   /* how many are around it */
  hf_status failed; /* of the first operation that broke it */
  hf_error failure;
};

static _Thread_local hf_txn *current __attribute__((tls_model("initial-exec")));

/* What is in force where `t` is on top of the stack. */
static hf_txn *in_force(hf_txn *t) { return t && !t->outside ? t : NULL; }

static hf_status push(hf_txn_kind kind, bool outside, hf_txn **out, hf_error *err) {
  hf_txn *parent = current;
  if (parent && parent->depth + 1 >= DEPTH_MAX)
    return hf__fail(err, HF_UNSUPPORTED, "transactions and snapshots nest at most %d deep", DEPTH_MAX);
  hf_txn *t = calloc(1, sizeof *t);
  if (!t) return hf__no_memory(err);
  t->kind = kind;
  t->outside = outside;
  t->parent = parent;
  t->depth = parent ? parent->depth + 1 : 0;
  t->generation = atomic_load(&hf__process_generation);
  current = *out = t;
  return HF_OK;
}

hf_status hf_txn_begin(hf_txn_kind kind, hf_txn **out, hf_error *err) {
  *out = NULL;
  const hf_txn *parent = in_force(current);
  if (kind != HF_TXN_WRITE && kind != HF_TXN_READ)
    return hf__fail(err, HF_INVALID_ARGUMENT, "transaction kind %d: HF_TXN_WRITE or HF_TXN_READ", (int)kind);
  if (parent && parent->kind == HF_TXN_READ && kind == HF_TXN_WRITE)
    return hf__fail(err, HF_READONLY, "a transaction cannot begin inside a snapshot: begin it outside");
  if (current && current->generation != atomic_load(&hf__process_generation))
    return hf__fail(err, HF_CLOSED, "a transaction that began before fork() is open here: end it first");
  return push(kind, false, out, err);
}

hf_status hf__txn_step_outside(hf_txn **out, hf_error *err) {
  *out = NULL;
  for (const hf_txn *t = in_force(current); t; t = in_force(t->parent))
    if (t->kind == HF_TXN_WRITE)
      return hf__fail(err, HF_UNSUPPORTED, "only a snapshot can be left for a while: end the transaction first");
  return push(HF_TXN_READ, true, out, err);
}

/* Whether the store may be used where `t` is what was stepped out of: only by who is not reading it at one moment. */
static hf_status check_outside(const hf_txn *t, const hf_store *store, hf_error *err) {
  for (; t; t = t->parent)
    if (t->store == store)
      return hf__fail(err, HF_UNSUPPORTED,
                      "store %s is being read at one moment: use it inside that snapshot, or after it", store->url);
  return HF_OK;
}

static hf_status fail_undone(const hf_txn *t, hf_error *err) {
  return hf__fail(err, t->failed, "an operation of this transaction has failed, so it can only be undone: %s",
                  t->failure.message);
}

/* Begins the transaction, and those around it, on the store. */
static hf_status bind(hf_txn *t, hf_store *store, hf_error *err) {
  hf_txn *parent = in_force(t->parent);
  hf_status status = HF_OK;
  if (parent && parent->failed) return fail_undone(parent, err);
  if (parent && !parent->store) status = bind(parent, store, err);
  if (!parent && t->parent) status = check_outside(t->parent, store, err);
  if (status) return status;
  if (parent && parent->store != store)
    return hf__fail(err, HF_UNSUPPORTED, "a transaction covers one store: it began on %s and cannot reach %s as well",
                    parent->store->url, store->url);
  const hf_backend *b = store->backend;
  bool writing = t->kind == HF_TXN_WRITE;
  if (parent && !writing) {
    t->borrowed = true;
    t->impl = parent->impl;
  } else {
    if (!(b->capabilities & (writing ? HF_CAP_TRANSACTION : HF_CAP_SNAPSHOT)))
      return hf__fail(err, HF_UNSUPPORTED, "%s stores have no %s", b->name, writing ? "transactions" : "snapshots");
    if (parent && !(b->capabilities & HF_CAP_NESTED))
      return hf__fail(err, HF_UNSUPPORTED, "%s stores have no nested transactions", b->name);
    if (writing && store->options.read_only)
      return hf__fail(err, HF_READONLY, "store %s was opened read-only", store->url);
    status = b->begin(store->impl, t->kind, parent ? parent->impl : NULL, &t->impl, err);
    if (status) return status;
  }
  t->store = store;
  hf__store_ref(store);
  return HF_OK;
}

hf_status hf__txn_join(hf_store *store, bool writing, void **txn, hf_error *err) {
  hf_txn *t = current;
  if (!t) {
    *txn = NULL;
    return HF_OK;
  }
  if (t->generation != atomic_load_explicit(&hf__process_generation, memory_order_relaxed))
    return hf__fail(err, HF_CLOSED, "this transaction began before fork(): end it, and begin another in the child");
  if (t->outside) {
    *txn = NULL;
    return check_outside(t, store, err);
  }
  if (writing && t->kind == HF_TXN_READ)
    return hf__fail(err, HF_READONLY, "a snapshot only allows reading: write after it, or use a transaction");
  if (t->store && t->store != store)
    return hf__fail(err, HF_UNSUPPORTED, "a transaction covers one store: it began on %s and cannot reach %s as well",
                    t->store->url, store->url);
  if (t->failed) return fail_undone(t, err);
  hf_status status = t->store ? HF_OK : bind(t, store, err);
  if (status) return status;
  *txn = t->impl;
  return HF_OK;
}

bool hf__txn_is(hf_txn_kind kind) { return in_force(current) && current->kind == kind; }

bool hf__txn_is_open(void) { return in_force(current) != NULL; }

hf_status hf__txn_note_failure(hf_status status, bool batch, const hf_error *err) {
  hf_txn *t = current;
  if (!t || t->outside || t->kind != HF_TXN_WRITE || t->failed || status == HF_OK) return status;
  switch (batch ? HF_IO : status) {
  case HF_NOT_FOUND:
  case HF_CONFLICT:
  case HF_INVALID_ARGUMENT:
  case HF_INVALID_VALUE:
  case HF_UNSUPPORTED:
  case HF_READONLY:
  case HF_CLOSED:
  case HF_CORRUPT: break;
  default:
    t->failed = status;
    if (err) t->failure = *err;
  }
  return status;
}

/* Takes the transaction, and any left open inside it, off the thread's stack.  False: not this thread's. */
static bool leave(hf_txn *t) {
  hf_txn *seen = current;
  while (seen && seen != t) seen = seen->parent;
  if (!seen) return false;
  while (current != t) hf_txn_abort(current);
  current = t->parent;
  return true;
}

static void release(hf_txn *t) {
  hf__store_release(t->store);
  free(t);
}

/* Commits what the store has of it, or undoes it and says why. */
static hf_status finish(hf_txn *t, bool left_open, hf_error *err) {
  const hf_backend *b = t->store ? t->store->backend : NULL;
  if (b && (left_open || t->failed)) b->abort(t->store->impl, t->impl);
  if (b && left_open)
    return hf__fail(err, HF_INVALID_ARGUMENT,
                    "a transaction inside this one was not ended, so all of it was undone: commit or abort the inner "
                    "one first");
  if (t->failed) *err = t->failure;
  if (t->failed || !b) return t->failed;
  hf_status status = b->commit(t->store->impl, t->impl, err);
  if (status) hf__copy_text(err->backend, sizeof err->backend, b->name, strlen(b->name));
  if (status) hf__error_redact(err, t->store->secret);
  return status;
}

hf_status hf_txn_commit(hf_txn *t, hf_error *err) {
  hf_error own;
  if (!err) err = &own;
  bool left_open = current != t;
  if (!leave(t))
    return hf__fail(err, HF_INVALID_ARGUMENT, "this transaction belongs to another thread: only that one can end it");
  hf_status status = HF_OK;
  if (t->generation != atomic_load(&hf__process_generation)) {
    status = hf__fail(err, HF_CLOSED, "this transaction began before fork(): only the parent can commit it");
  } else if (!t->borrowed) {
    status = finish(t, left_open, err);
    if (status && in_force(t->parent)) {
      t->parent->failed = status;
      t->parent->failure = *err;
    }
  }
  release(t);
  return status;
}

void hf_txn_abort(hf_txn *t) {
  if (!t || !leave(t)) return;
  if (t->store && !t->borrowed && t->generation == atomic_load(&hf__process_generation))
    t->store->backend->abort(t->store->impl, t->impl);
  release(t);
}
