/* SPDX-License-Identifier: MIT
 *
 * The one door for changes: see change.h.
 */
#include "core/change.h"

#include "core/revisions.h"
#include "core/transaction.h"
#include "core/watch_hub.h"

/* Has the backend make the change. */
static inline hf_status call_slot(const hf_persist *p, void *txn, const hf__change *c, hf_error *err) {
  const hf_backend *b = p->backend;
  switch (c->kind) {
  case HF__CHANGE_PUT: return b->put(p->impl, txn, p->collection, c->puts, c->options, c->info, err);
  case HF__CHANGE_PUT_MANY: return b->put_many(p->impl, txn, p->collection, c->puts, c->count, err);
  case HF__CHANGE_REMOVE: return b->remove(p->impl, txn, p->collection, c->keys, err);
  case HF__CHANGE_REMOVE_IF: return b->remove_if(p->impl, txn, p->collection, c->keys, c->revision, c->info, err);
  case HF__CHANGE_REMOVE_MANY: return b->remove_many(p->impl, txn, p->collection, c->keys, c->count, c->removed, err);
  case HF__CHANGE_CLEAR: return b->clear(p->impl, txn, p->collection, err);
  case HF__CHANGE_QUARANTINE: return b->quarantine(p->impl, p->collection, c->keys, c->problem, err);
  case HF__CHANGE_DAMAGE: return b->quarantine_put(p->impl, txn, p->collection, c->keys, c->problem, c->bytes, err);
  }
  __builtin_unreachable();
}

static bool is_put(const hf__change *c) { return c->kind == HF__CHANGE_PUT || c->kind == HF__CHANGE_PUT_MANY; }

static size_t put_count(const hf__change *c) { return c->kind == HF__CHANGE_PUT ? 1 : c->count; }

/* The entity that the change is to happen at a revision of; NULL: at whatever there is. */
static const hf_key *key_at_revision(const hf__change *c) {
  if (c->kind == HF__CHANGE_REMOVE_IF) return c->keys;
  return c->kind == HF__CHANGE_PUT && c->options->if_revision ? &c->puts->key : NULL;
}

/* The change in a transaction, whose commit may be shared: see revisions.h. */
static hf_status apply_in(const hf_persist *p, void *txn, const hf__change *c, hf_error *err) {
  const hf_key *key = key_at_revision(c);
  if (key && hf__revisions_refuse(p, key)) {
    c->info->revision = HF_REVISION_UNKNOWN;
    return HF_CONFLICT;
  }
  hf_status status = is_put(c) ? hf__revisions_reserve(put_count(c), err) : HF_OK;
  if (status == HF_OK) status = call_slot(p, txn, c, err);
  if (is_put(c) && status == HF_OK) hf__revisions_note(p, c->puts, put_count(c));
  if (c->kind == HF__CHANGE_PUT) key = &c->puts->key;
  if (key && c->info->revision) hf__revisions_hide(p, key, c->info);
  return status;
}

hf_status hf__change_apply(hf_persist *p, void *txn, const hf__change *change, hf_error *err) {
  /* What is to happen with every change goes here: before the slot what may refuse it, after it what tells of it, each
   * where hf__is_innermost(p) only. */
  hf_status status = __builtin_expect(txn == NULL, 1) ? call_slot(p, txn, change, err) : apply_in(p, txn, change, err);
  if (p->backend->index_each && hf__is_innermost(p)) {
    atomic_fetch_add_explicit(&p->store->changes[p->change_group], 1, memory_order_relaxed);
    if (txn) hf__txn_note_change(p->change_group);
  }
  if (!txn && p->store) hf__hub_poke(p->store);
  return status;
}
