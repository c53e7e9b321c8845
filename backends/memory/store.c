/* SPDX-License-Identifier: MIT
 *
 * Transactions and commits in memory: see store.h.
 */
#include "store.h"

#include <stdlib.h>

#include "expiry.h"

/* ---- commits */

/* The running commit is done: what has expired goes, and what the log need not keep. */
static void finish(hf__memory_store *s) {
  hf__clocks now;
  bool by_time = false;
  hf__clocks_now(&now);
  int64_t limit = now.wall - HF__CLOCKS_EXPIRY_MARGIN_MS;
  if (hf__memory_sweep_is_due(s->types, limit) || hf__memory_log_is_old(&s->log, now.wall)) {
    hf__clocks_verdict verdict = hf__clocks_compare(&s->clocks, &now);
    if (verdict == HF__CLOCKS_DIFFER) s->clocks = now;
    by_time = verdict == HF__CLOCKS_AGREE;
  }
  if (by_time) hf__memory_sweep(s->types, &s->log, hf__memory_next(s), limit);
  hf__memory_log_commit(&s->log, hf__memory_next(s), now.wall, by_time);
  s->is_changed = false;
  __atomic_store_n(&s->revision, hf__memory_next(s), __ATOMIC_RELEASE);
}

/* ---- transactions */

bool hf__memory_see(const hf__memory_store *s, hf__memory_txn *t, bool with_indexes) {
  bool ok;
  t->types = hf__memory_types_copy(s->types, with_indexes, &ok);
  return ok && hf__memory_list_copy(&s->notes, &t->notes);
}

void hf__memory_txn_free(hf__memory_txn *t) {
  if (!t) return;
  hf__memory_types_free(t->types);
  hf__memory_list_free(&t->notes);
  free(t);
}

hf_status hf__memory_begin(void *store, hf_txn_kind kind, void *parent, void **txn, hf_error *err) {
  hf__memory_store *s = store;
  hf__memory_txn *t = calloc(1, sizeof *t);
  bool ok = t != NULL;
  if (!parent) pthread_mutex_lock(&s->lock);
  if (t) {
    t->kind = kind;
    t->parent = parent;
    t->logged = s->log.count;
    t->now = parent ? ((hf__memory_txn *)parent)->now : hf_now_ms();
    if (kind == HF_TXN_READ) ok = hf__memory_see(s, t, true);
  }
  if (!parent && (!ok || kind == HF_TXN_READ)) pthread_mutex_unlock(&s->lock);
  if (ok) {
    *txn = t;
    return HF_OK;
  }
  hf__memory_txn_free(t);
  return hf_error_no_memory(err);
}

static void end(hf__memory_store *s, hf__memory_txn *t) {
  if (t->kind == HF_TXN_WRITE && !t->parent) pthread_mutex_unlock(&s->lock);
  hf__memory_txn_free(t);
}

hf_status hf__memory_commit(void *store, void *txn, hf_error *err) {
  hf__memory_store *s = store;
  hf__memory_txn *t = txn;
  (void)err;
  hf__memory_undo_commit(&t->undo, t->parent ? &t->parent->undo : NULL);
  if (t->kind == HF_TXN_WRITE && !t->parent && s->is_changed) finish(s);
  end(s, t);
  return HF_OK;
}

void hf__memory_abort(void *store, void *txn) {
  hf__memory_store *s = store;
  hf__memory_txn *t = txn;
  if (t->kind == HF_TXN_WRITE) {
    hf__memory_undo_all(&t->undo);
    hf__memory_log_cut(&s->log, t->logged);
    if (!t->parent) s->is_changed = false;
  }
  end(s, t);
}

hf__memory_undo *hf__memory_undo_of(hf__memory_txn *txn) { return txn ? &txn->undo : NULL; }

int64_t hf__memory_now(const hf__memory_txn *txn) { return txn ? txn->now : hf_now_ms(); }

hf__memory_type *hf__memory_enter(hf__memory_store *s, hf__memory_txn *txn, hf__memory_type *live) {
  static hf__memory_type nothing;
  if (txn && txn->kind == HF_TXN_READ) {
    hf__memory_type *t = hf__memory_types_find(txn->types, live->name, live->name_size);
    return t ? t : &nothing;
  }
  if (!txn) pthread_mutex_lock(&s->lock);
  return live;
}

void hf__memory_leave(hf__memory_store *s, const hf__memory_txn *txn) {
  if (txn) return;
  if (s->is_changed) finish(s);
  pthread_mutex_unlock(&s->lock);
}
