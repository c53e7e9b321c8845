/* SPDX-License-Identifier: MIT
 *
 * Changes of entities in memory.  Each goes by a step: what it does to lists is noted, and what it adds to the log
 * counted, so that a step that fails in the middle is undone as a whole, and one that succeeds becomes a part of the
 * transaction, or a commit.
 */
#include <stdlib.h>
#include <string.h>

#include "expiry.h"
#include "slots.h"

struct step {
  hf__memory_store *store;
  hf__memory_txn *txn;
  hf__memory_type *type;
  hf__memory_undo undo;
  size_t logged; /* entries of the log before it */
  int64_t now;   /* what has expired by then is not there */
};

static struct step step_begin(void *store, void *txn, void *collection) {
  hf__memory_type *t = hf__memory_enter(store, txn, collection);
  hf__memory_store *s = store;
  return (struct step){s, txn, t, {NULL, NULL}, s->log.count, hf__memory_now(txn)};
}

/* Returns the status. */
static hf_status step_end(struct step *step, hf_status status) {
  bool changed = step->undo.newest != NULL;
  if (status == HF_OK) {
    hf__memory_undo_commit(&step->undo, hf__memory_undo_of(step->txn));
    step->store->is_changed |= changed;
  } else {
    hf__memory_undo_all(&step->undo);
    hf__memory_log_cut(&step->store->log, step->logged);
  }
  hf__memory_leave(step->store, step->txn);
  return status;
}

static hf__memory_item *find(const hf__memory_list *l, hf_slice order) {
  bool found;
  size_t at = hf__memory_list_find(l, order, &found);
  return found ? l->items[at] : NULL;
}

/* Adds what is about to happen to an id to the log.  False: out of memory. */
static bool log_id(struct step *step, hf_change_kind what, bool is_part, hf_slice order) {
  hf__memory_type *t = step->type;
  if (!step->store->log.is_on) return true;
  hf__memory_item *old = find(&t->sound, order), *damaged = find(&t->damaged, order);
  hf__memory_logged change = {what, is_part, t, order, hf__memory_next(step->store), old, damaged};
  return hf__memory_log_add(&step->store->log, &change);
}

/* Likewise a write: one over something that has expired is two changes. */
static bool log_write(struct step *step, hf_slice order) {
  hf__memory_item *old = find(&step->type->sound, order);
  hf__memory_logged change = {HF_CHANGE_WRITE, false, step->type, order, hf__memory_next(step->store), NULL, NULL};
  if (!old || !hf__memory_item_is_over(old, step->now)) return log_id(step, HF_CHANGE_WRITE, false, order);
  return log_id(step, HF_CHANGE_EXPIRE, false, order) && hf__memory_log_add(&step->store->log, &change);
}

/* ---- writing */

/* Takes out what they had in indexes, so that values may change places among them. */
static bool take_old(struct step *step, const hf_put *puts, size_t n) {
  hf__memory_type *t = step->type;
  bool ok = true;
  for (size_t i = 0; t->indexes.set && ok && i < n; i++) {
    const hf__memory_item *old = find(&t->sound, puts[i].key.order);
    ok = !old || hf__memory_indexes_take(&t->indexes, &step->undo, old, puts[i].json);
  }
  return ok;
}

/* Writes an entity, after what it had in indexes was taken out. */
static hf_status put_one(struct step *step, const hf_put *p, hf_info *info, hf_error *err) {
  hf__memory_type *t = step->type;
  bool found, settled;
  hf__memory_holders others = {&t->sound, step->now};
  hf_status status = hf__memory_indexes_put(&t->indexes, &step->undo, &others, p, err);
  if (status) return status;
  *info = (hf_info){.revision = hf__memory_next(step->store), .updated_at = hf_now_ms(), .expires_at = p->expires_at};
  size_t at = hf__memory_list_find(&t->sound, p->key.order, &found);
  hf__memory_item *it = hf__memory_item_new(&p->key, p->json, (hf_slice){NULL, 0}, info);
  if (!it || !log_write(step, p->key.order) || !hf__memory_sound_put(t, &step->undo, at, found, it)) {
    free(it);
    return hf_error_no_memory(err);
  }
  return hf__memory_undo_take(&step->undo, &t->damaged, p->key.order, &settled) ? HF_OK : hf_error_no_memory(err);
}

static hf_status put_all(struct step *step, const hf_put *puts, size_t n, hf_info *info, hf_error *err) {
  hf_status status = take_old(step, puts, n) ? HF_OK : hf_error_no_memory(err);
  for (size_t i = 0; status == HF_OK && i < n; i++) {
    status = put_one(step, &puts[i], info, err);
    if (status) hf_error_id(err, puts[i].key.id);
  }
  return status;
}

hf_status hf__memory_put(void *store, void *txn, void *collection, const hf_put *p, const hf_write_options *options,
                         hf_info *info, hf_error *err) {
  struct step step = step_begin(store, txn, collection);
  const hf__memory_item *there = hf__memory_living(step.type, p->key.order, step.now);
  uint64_t present = there ? there->info.revision : 0;
  hf_status status = options->if_absent && !there ? hf__memory_check_quarantine(step.type, &p->key, err) : HF_OK;
  if (status == HF_NOT_FOUND) status = HF_OK;
  if ((options->if_absent && there) || (options->if_revision && (!there || present != options->revision))) {
    info->revision = present;
    status = HF_CONFLICT;
  } else if (status == HF_OK) {
    status = put_all(&step, p, 1, info, err);
  }
  return step_end(&step, status);
}

hf_status hf__memory_put_many(void *store, void *txn, void *collection, const hf_put *puts, size_t n, hf_error *err) {
  hf_info info;
  struct step step = step_begin(store, txn, collection);
  return step_end(&step, put_all(&step, puts, n, &info, err));
}

/* ---- removing */

/* Takes an entity out, and what it has in indexes, and logs it so. */
static bool take(struct step *step, const hf__memory_item *it, hf_change_kind what, hf_slice order) {
  hf__memory_type *t = step->type;
  bool found;
  return log_id(step, what, false, order) &&
         hf__memory_indexes_take(&t->indexes, &step->undo, it, (hf_slice){NULL, 0}) &&
         hf__memory_sound_take(t, &step->undo, order, &found);
}

hf_status hf__memory_remove(void *store, void *txn, void *collection, const hf_key *key, hf_error *err) {
  struct step step = step_begin(store, txn, collection);
  const hf__memory_item *it = hf__memory_living(step.type, key->order, step.now);
  bool ok = true, settled = false;
  if (it)
    ok = take(&step, it, HF_CHANGE_REMOVE, key->order);
  else if (find(&step.type->damaged, key->order))
    ok = log_id(&step, HF_CHANGE_REMOVE, false, key->order) &&
         hf__memory_undo_take(&step.undo, &step.type->damaged, key->order, &settled);
  return step_end(&step, !ok ? hf_error_no_memory(err) : it || settled ? HF_OK : HF_NOT_FOUND);
}

hf_status hf__memory_remove_if(void *store, void *txn, void *collection, const hf_key *key, uint64_t revision,
                               hf_info *info, hf_error *err) {
  struct step step = step_begin(store, txn, collection);
  const hf__memory_item *it = hf__memory_living(step.type, key->order, step.now);
  hf_status status = it ? HF_OK : hf__memory_check_quarantine(step.type, key, err);
  if (it) info->revision = it->info.revision;
  if (it && info->revision != revision) status = HF_CONFLICT;
  if (status == HF_OK && !take(&step, it, HF_CHANGE_REMOVE, key->order)) status = hf_error_no_memory(err);
  return step_end(&step, status);
}

/* Logs that all were removed, and where history is kept what that did to each. */
static bool log_clear(struct step *step) {
  const hf__memory_type *t = step->type;
  hf__memory_logged change = {.what = HF_CHANGE_CLEAR, .type = step->type, .revision = hf__memory_next(step->store)};
  if (!t->sound.count && !t->damaged.count) return true;
  bool ok = hf__memory_log_add(&step->store->log, &change);
  if (!step->store->log.keeps_history) return ok;
  for (size_t i = 0; ok && i < t->sound.count + t->damaged.count; i++) {
    const hf__memory_item *it = i < t->sound.count ? t->sound.items[i] : t->damaged.items[i - t->sound.count];
    ok = log_id(step, HF_CHANGE_CLEAR, true, (hf_slice){it->data, it->order_size});
  }
  return ok;
}

hf_status hf__memory_clear(void *store, void *txn, void *collection, hf_error *err) {
  struct step step = step_begin(store, txn, collection);
  hf__memory_type *t = step.type;
  bool ok = log_clear(&step) && hf__memory_undo_clear(&step.undo, &t->damaged) &&
            hf__memory_indexes_clear(&t->indexes, &step.undo) && hf__memory_undo_clear(&step.undo, &t->expiring) &&
            hf__memory_undo_clear(&step.undo, &t->sound);
  return step_end(&step, ok ? HF_OK : hf_error_no_memory(err));
}

/* ---- quarantine */

/* Nothing is ever found unreadable. */
hf_status hf__memory_quarantine(void *store, void *collection, const hf_key *key, const char *problem, hf_error *err) {
  (void)store, (void)collection, (void)key, (void)problem, (void)err;
  return HF_NOT_FOUND;
}

/* Puts it there, in the place of what has expired. */
static hf_status put_damaged(struct step *step, const hf_key *key, const char *problem, hf_slice bytes, hf_error *err) {
  hf__memory_type *t = step->type;
  bool found;
  hf_info info = {.updated_at = hf_now_ms()};
  const hf__memory_item *over = find(&t->sound, key->order);
  if (over ? !take(step, over, HF_CHANGE_QUARANTINE, key->order)
           : !log_id(step, HF_CHANGE_QUARANTINE, false, key->order))
    return hf_error_no_memory(err);
  size_t at = hf__memory_list_find(&t->damaged, key->order, &found);
  hf__memory_item *it = hf__memory_item_new(key, bytes, (hf_slice){problem, strlen(problem) + 1}, &info);
  if (it && hf__memory_undo_put(&step->undo, &t->damaged, at, found, it)) return HF_OK;
  free(it);
  return hf_error_no_memory(err);
}

hf_status hf__memory_quarantine_put(void *store, void *txn, void *collection, const hf_key *key, const char *problem,
                                    hf_slice bytes, hf_error *err) {
  struct step step = step_begin(store, txn, collection);
  const hf__memory_item *there = find(&step.type->damaged, key->order);
  hf_status status = HF_OK;
  if (hf__memory_living(step.type, key->order, step.now))
    status = HF_CONFLICT;
  else if (!there || !hf__memory_item_has(there, bytes))
    status = put_damaged(&step, key, problem, bytes, err);
  return step_end(&step, status);
}
