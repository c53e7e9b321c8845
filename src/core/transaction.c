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
 *
 * The parts of hf_transactions() are entries, too, and so is the group around them, unless they are in a transaction.
 * Where the store cannot nest, the group is nothing in the store (it is loose), and each part a transaction of its own;
 * where it has no transactions, the parts are loose as well.
 */
#include "core/transaction.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/redact.h"
#include "core/moment.h"
#include "core/watch_hub.h"

enum { DEPTH_MAX = 64 }; /* far below what the C stack of a small thread can take */

/* What an entry of the stack is. */
enum role {
  PLAIN,   /* what the program has begun */
  OUTSIDE, /* no transaction: it hides those below it */
  GROUP,   /* what the parts of one hf_transactions() are in, where that was not called in a transaction */
  PART     /* one of them */
};

struct hf_txn {
  hf_txn_kind kind;
  enum role role;
  hf_store *store; /* NULL until the first operation; holds a reference */
  void *impl;      /* the backend's; the parent's when borrowed */
  bool borrowed;
  hf_moment at; /* whose store a snapshot reads; all 0: the present one */
  bool brief;   /* a snapshot of the core's own, see hf_backend.begin_brief */
  bool loose;   /* bound to a store that has nothing of it: a group or a part, see above */
  unsigned generation;
  uint64_t serial; /* no other of the thread has it, not even one that has the place in memory later */
  struct hf_txn *parent;
  struct hf_txn *outermost; /* of those in force around it; itself */
  unsigned depth;           /* how many are around it */
  uint64_t changed;         /* the groups of changes that it has some of, as bits */
  size_t written_before;    /* of commit.written, when it began */
  hf__commit commit;        /* of the outermost one */
  hf_status failed;         /* of the first operation that broke it */
  hf_error failure;
};

static _Thread_local hf_txn *current __attribute__((tls_model("initial-exec")));

/* What is in force where `t` is on top of the stack. */
static hf_txn *in_force(hf_txn *t) { return t && t->role != OUTSIDE ? t : NULL; }

/* Whether it began before fork(), and is the parent's. */
static bool is_inherited(const hf_txn *t) { return t->generation != atomic_load(&hf__process_generation); }

static hf_status push(hf_txn_kind kind, enum role role, hf_txn **out, hf_error *err) {
  static _Thread_local uint64_t serials;
  hf_txn *parent = current;
  if (parent && parent->depth + 1 >= DEPTH_MAX)
    return hf__fail(err, HF_UNSUPPORTED, "transactions and snapshots nest at most %d deep", DEPTH_MAX);
  hf_txn *t = malloc(sizeof *t);
  if (!t) return hf__no_memory(err);
  memset(t, 0, offsetof(hf_txn, failure));
  t->kind = kind;
  t->role = role;
  t->serial = ++serials;
  t->parent = parent;
  t->outermost = in_force(parent) ? parent->outermost : t;
  t->written_before = t->outermost->commit.written.count;
  t->depth = parent ? parent->depth + 1 : 0;
  t->generation = atomic_load(&hf__process_generation);
  current = *out = t;
  return HF_OK;
}

/* Whether one of this kind may begin now. */
static hf_status check_begin(hf_txn_kind kind, hf_error *err) {
  const hf_txn *parent = in_force(current);
  if (parent && parent->kind == HF_TXN_READ && kind == HF_TXN_WRITE)
    return hf__fail(err, HF_READONLY, "a transaction cannot begin inside a snapshot: begin it outside");
  if (current && is_inherited(current))
    return hf__fail(err, HF_CLOSED, "a transaction that began before fork() is open here: end it first");
  return HF_OK;
}

hf_status hf_txn_begin(hf_txn_kind kind, hf_txn **out, hf_error *err) {
  *out = NULL;
  if (kind != HF_TXN_WRITE && kind != HF_TXN_READ)
    return hf__fail(err, HF_INVALID_ARGUMENT, "transaction kind %d: HF_TXN_WRITE or HF_TXN_READ", (int)kind);
  hf_status status = check_begin(kind, err);
  return status ? status : push(kind, PLAIN, out, err);
}

hf_status hf_txn_begin_at(const hf_moment *at, hf_txn **out, hf_error *err) {
  *out = NULL;
  if (in_force(current))
    return hf__fail(err, HF_UNSUPPORTED, "a snapshot of the past cannot begin inside a transaction: begin it outside");
  hf_status status = hf_txn_begin(HF_TXN_READ, out, err);
  if (status == HF_OK && at) (*out)->at = *at;
  return status;
}

hf_status hf__txn_begin_brief(hf_txn **out, hf_error *err) {
  hf_status status = hf_txn_begin(HF_TXN_READ, out, err);
  if (status == HF_OK) (*out)->brief = true;
  return status;
}

hf_status hf__txn_step_outside(hf_txn **out, hf_error *err) {
  *out = NULL;
  for (const hf_txn *t = in_force(current); t; t = in_force(t->parent))
    if (t->kind == HF_TXN_WRITE)
      return hf__fail(err, HF_UNSUPPORTED, "only a snapshot can be left for a while: end the transaction first");
  return push(HF_TXN_READ, OUTSIDE, out, err);
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

static hf_status fail_other_store(const hf_txn *t, const hf_store *store, hf_error *err) {
  return hf__fail(err, HF_UNSUPPORTED, "a transaction covers one store: it began on %s and cannot reach %s as well",
                  t->store->url, store->url);
}

static hf_status begin_in_past(hf_txn *t, const hf_store *store, hf_error *err) {
  uint64_t revision;
  if (!hf__can_look_back(store->backend))
    return hf__fail(err, HF_UNSUPPORTED, "%s stores cannot be read as they were", store->backend->name);
  hf_status status = hf__moment_revision(store, &t->at, &revision, err);
  return status ? status : store->backend->begin_at(store->impl, revision, &t->impl, err);
}

/* Has the store begin it.  `parent` is what it is in there, or NULL. */
static hf_status begin_in_store(hf_txn *t, const hf_txn *parent, const hf_store *store, hf_error *err) {
  const hf_backend *b = store->backend;
  bool writing = t->kind == HF_TXN_WRITE;
  if (parent && !writing) {
    t->borrowed = true;
    t->impl = parent->impl;
    return HF_OK;
  }
  if (!(b->capabilities & (writing ? HF_CAP_TRANSACTION : HF_CAP_SNAPSHOT)))
    return hf__fail(err, HF_UNSUPPORTED, "%s stores have no %s", b->name, writing ? "transactions" : "snapshots");
  if (parent && !(b->capabilities & HF_CAP_NESTED))
    return hf__fail(err, HF_UNSUPPORTED, "%s stores have no nested transactions", b->name);
  if (writing && store->options.read_only)
    return hf__fail(err, HF_READONLY, "store %s was opened read-only", store->url);
  if (t->at.revision || t->at.time) return begin_in_past(t, store, err);
  if (t->brief && b->begin_brief) return b->begin_brief(store->impl, &t->impl, err);
  return b->begin(store->impl, t->kind, parent ? parent->impl : NULL, &t->impl, err);
}

/* Begins the transaction, and those around it, on the store, for a handle that can do this. */
static hf_status bind(hf_txn *t, hf_store *store, uint32_t can, hf_error *err) {
  hf_txn *parent = in_force(t->parent);
  hf_status status = HF_OK;
  if (parent && parent->failed) return fail_undone(parent, err);
  if (parent && !parent->store) status = bind(parent, store, can, err);
  if (!parent && t->parent) status = check_outside(t->parent, store, err);
  if (status) return status;
  if (parent && parent->store != store) return fail_other_store(parent, store, err);
  bool is_loose_in = parent && parent->loose;
  if (t->role == GROUP)
    t->loose = !(can & HF_CAP_TRANSACTION) || !(can & HF_CAP_NESTED);
  else if (t->role == PART)
    t->loose = is_loose_in && !(can & HF_CAP_TRANSACTION);
  if (!t->loose) status = begin_in_store(t, is_loose_in ? NULL : parent, store, err);
  if (status) return status;
  t->store = store;
  hf__store_ref(store);
  return HF_OK;
}

hf_status hf__txn_join(hf_store *store, uint32_t can, bool writing, void **txn, hf_error *err) {
  hf_txn *t = current;
  if (!t) {
    *txn = NULL;
    return HF_OK;
  }
  if (t->generation != atomic_load_explicit(&hf__process_generation, memory_order_relaxed))
    return hf__fail(err, HF_CLOSED, "this transaction began before fork(): end it, and begin another in the child");
  if (t->role == OUTSIDE) {
    *txn = NULL;
    return check_outside(t, store, err);
  }
  if (writing && t->kind == HF_TXN_READ)
    return hf__fail(err, HF_READONLY, "a snapshot only allows reading: write after it, or use a transaction");
  if (t->store && t->store != store) return fail_other_store(t, store, err);
  if (t->failed) return fail_undone(t, err);
  hf_status status = t->store ? HF_OK : bind(t, store, can & store->backend->capabilities, err);
  if (status) return status;
  *txn = t->impl;
  return HF_OK;
}

void hf__txn_note_change(unsigned group) {
  if (current) current->changed |= UINT64_C(1) << group;
}

bool hf__txn_is(hf_txn_kind kind) { return in_force(current) && current->kind == kind; }

bool hf__txn_looks_back(void) {
  const hf_txn *t = in_force(current);
  return t && (t->outermost->at.revision || t->outermost->at.time);
}

bool hf__txn_is_writing(void) { return in_force(current) && current->outermost->kind == HF_TXN_WRITE; }

bool hf__txn_is_open(void) { return in_force(current) != NULL; }

bool hf__txn_may_be_loose(void) {
  const hf_txn *t = in_force(current);
  while (t && t->role == PART && !t->store) t = in_force(t->parent);
  return t && (t->store ? t->loose : t->role == GROUP);
}

hf__commit *hf__txn_commit_shared(bool *in_part) {
  hf_txn *t = in_force(current);
  *in_part = false;
  if (!t || !t->store || t->outermost->loose || t->outermost->kind == HF_TXN_READ) return NULL;
  for (const hf_txn *p = t; p && !*in_part; p = in_force(p->parent)) *in_part = p->role == PART;
  return &t->outermost->commit;
}

hf_status hf__txn_note_failure(hf_status status, bool batch, const hf_error *err) {
  hf_txn *t = current;
  if (!t || t->role == OUTSIDE || t->kind != HF_TXN_WRITE || t->loose || t->failed || status == HF_OK) return status;
  switch (batch ? HF_IO : status) {
  case HF_NOT_FOUND:
  case HF_CONFLICT:
  case HF_DUPLICATE:
  case HF_INVALID_ARGUMENT:
  case HF_INVALID_VALUE:
  case HF_UNSUPPORTED:
  case HF_READONLY:
  case HF_CLOSED:
  case HF_COMPACTED:
  case HF_CORRUPT: break;
  default:
    t->failed = status;
    if (err)
      t->failure = *err;
    else
      hf__fail(&t->failure, status, "%s", hf_status_meaning(status));
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
  if (t->outermost == t) hf__written_free(&t->commit.written);
  hf__store_release(t->store);
  free(t);
}

/* What has it begun in the store, and is to end it there; NULL: nothing. */
static const hf_backend *begun_in(const hf_txn *t) { return t->store && !t->loose ? t->store->backend : NULL; }

/* Has those hear of it who keep what they have read: the thread does not see any more what it has changed, or others
 * begin to. */
static void note_end(const hf_txn *t) {
  for (unsigned i = 0; t->changed >> i; i++) {
    if (t->changed >> i & 1) atomic_fetch_add_explicit(&t->store->changes[i], 1, memory_order_relaxed);
    if (i == HF__CHANGE_GROUPS - 1) break;
  }
  hf_txn *parent = in_force(t->parent);
  if (parent) parent->changed |= t->changed;
}

/* Undoes what the store has of it. */
static void undo(hf_txn *t) {
  const hf_backend *b = begun_in(t);
  hf__written_cut(&t->outermost->commit.written, t->written_before);
  if (b && !t->borrowed) b->abort(t->store->impl, t->impl);
  note_end(t);
}

/* Commits what the store has of it, or undoes it and says why. */
static hf_status finish(hf_txn *t, bool left_open, hf_error *err) {
  const hf_backend *b = begun_in(t);
  if (left_open || t->failed) undo(t);
  if (b && left_open)
    return hf__fail(err, HF_INVALID_ARGUMENT,
                    "a transaction inside this one was not ended, so all of it was undone: commit or abort the inner "
                    "one first");
  if (t->failed) *err = t->failure;
  if (t->failed || !b) return t->failed;
  hf_status status = b->commit(t->store->impl, t->impl, err);
  note_end(t);
  hf__hub_poke(t->store);
  if (status) hf__written_cut(&t->outermost->commit.written, t->written_before);
  if (status) hf__copy_text(err->backend, sizeof err->backend, b->name, strlen(b->name));
  if (status) hf__error_redact(err, t->store->secret);
  return status;
}

static hf_status fail_inherited(hf_error *err) {
  return hf__fail(err, HF_CLOSED, "this transaction began before fork(): only the parent can commit it");
}

/* What it is in can only be undone, too. */
static void fail_around(hf_txn *t, hf_status status, const hf_error *err) {
  hf_txn *parent = in_force(t->parent);
  if (!parent || parent->loose || parent->failed) return;
  parent->failed = status;
  parent->failure = *err;
}

hf_status hf_txn_commit(hf_txn *t, hf_error *err) {
  hf_error own;
  if (!err) err = &own;
  bool left_open = current != t;
  if (!leave(t))
    return hf__fail(err, HF_INVALID_ARGUMENT, "this transaction belongs to another thread: only that one can end it");
  hf_status status = HF_OK;
  if (is_inherited(t)) {
    status = fail_inherited(err);
  } else if (!t->borrowed) {
    status = finish(t, left_open, err);
    if (status) fail_around(t, status, err);
  }
  release(t);
  return status;
}

void hf_txn_abort(hf_txn *t) {
  if (!t || !leave(t)) return;
  if (!is_inherited(t)) undo(t);
  release(t);
}

/* ---- the parts of a group */

static hf_status begin_part(enum role role, hf__part *part, hf_error *err) {
  hf_status status = push(HF_TXN_WRITE, role, &part->txn, err);
  if (status == HF_OK) part->serial = part->txn->serial;
  return status;
}

hf_status hf__txn_group_begin(hf__part *group, hf_error *err) {
  *group = (hf__part){NULL, 0};
  hf_status status = check_begin(HF_TXN_WRITE, err);
  const hf_txn *around = in_force(current);
  if (status == HF_OK && around && around->failed) status = fail_undone(around, err);
  return status || around ? status : begin_part(GROUP, group, err);
}

hf_status hf__txn_part_begin(hf__part *part, hf_error *err) { return begin_part(PART, part, err); }

/* What is left of it on the thread's stack; NULL, and an error, where it was ended. */
static hf_txn *find_part(const hf__part *part, hf_error *err) {
  hf_txn *t = current;
  while (t && (t != part->txn || t->serial != part->serial)) t = t->parent;
  if (!t)
    hf__fail(err, HF_INVALID_ARGUMENT,
             "a transaction around hf_transactions() was ended in one of its parts: end it when that has returned");
  return t;
}

hf_status hf__txn_group_end(const hf__part *group, hf_status status, hf_error *err) {
  if (!group->txn) return status;
  if (!find_part(group, err)) return HF_INVALID_ARGUMENT;
  if (status == HF_OK) return hf_txn_commit(group->txn, err);
  hf_txn_abort(group->txn);
  return status;
}

/* Whether the store has said that it is full, and will have room once what is around the part has ended. */
static bool is_full_for_now(const hf_txn *t) {
  const hf_backend *b = begun_in(t);
  return t->failed == HF_FULL && b && b->makes_room && b->makes_room(t->store->impl, t->impl);
}

/* Commits the part, whose function has given `ran`, or undoes it. */
static hf_status end_part(hf_txn *t, hf_status ran, bool left_open, bool *for_all, hf_error *err) {
  const hf_txn *parent = in_force(t->parent);
  bool is_alone = !parent || parent->loose, is_undone = ran || left_open || t->failed;
  *for_all = !is_alone && is_full_for_now(t);
  if (*for_all) fail_around(t, t->failed, &t->failure);
  if (ran) {
    undo(t);
    return ran;
  }
  hf_status status = finish(t, left_open, err);
  if (status && !is_undone && !is_alone) { /* the store could not end it: what else is in there is in doubt */
    fail_around(t, status, err);
    *for_all = true;
  }
  return status;
}

hf_status hf__txn_part_end(const hf__part *part, hf_status ran, bool *for_all, hf_error *err) {
  hf_txn *t = find_part(part, err);
  *for_all = true;
  if (!t) return HF_INVALID_ARGUMENT;
  bool left_open = current != t;
  leave(t);
  hf_status status = is_inherited(t) ? fail_inherited(err) : end_part(t, ran, left_open, for_all, err);
  release(t);
  return status;
}

hf_status hf__txn_around_failed(hf_error *err) {
  const hf_txn *t = in_force(current);
  if (!t || !t->failed) return HF_OK;
  *err = t->failure;
  return t->failed;
}
