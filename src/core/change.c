/* SPDX-License-Identifier: MIT
 *
 * The one door for changes: see change.h.
 */
#include "core/change.h"

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

hf_status hf__change_apply(hf_persist *p, void *txn, const hf__change *change, hf_error *err) {
  /* What is to happen with every change goes here: before the slot what may refuse it, after it what tells of it, each
   * where hf__is_innermost(p) only. */
  return call_slot(p, txn, change, err);
}
