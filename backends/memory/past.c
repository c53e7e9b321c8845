/* SPDX-License-Identifier: MIT
 *
 * Looking back at a store in memory: from what there is now one goes back, entry by entry of the log.
 */
#include "past.h"

#include <stdlib.h>

#include "expiry.h"

/* Whether the store can be read as it was after the commit. */
static hf_status check(const hf__memory_store *s, uint64_t revision, hf_error *err) {
  hf_changes_reach reach;
  hf__memory_log_reach(&s->log, s->revision, &reach);
  if (reach.history_from == UINT64_MAX)
    return hf_error_set(err, HF_UNSUPPORTED, "the store keeps no history: set history=true, and changes=7d with it");
  if (revision > s->revision)
    return hf_error_set(err, HF_INVALID_ARGUMENT, "revision %llu is not there yet: the newest is %llu",
                        (unsigned long long)revision, (unsigned long long)s->revision);
  reach.from = reach.history_from;
  return revision + 1 < reach.history_from ? hf_error_compacted(err, revision, &reach) : HF_OK;
}

/* ---- one id */

/* What there was of an id: as the item is, or was before a change. */
struct state {
  const hf__memory_item *sound, *damaged;
};

static const hf__memory_item *find(const hf__memory_list *l, hf_slice order) {
  bool found;
  size_t at = hf__memory_list_find(l, order, &found);
  return found ? l->items[at] : NULL;
}

/* The id after the commit: what the next change found, or what there is now. */
static struct state state_at(const hf__memory_store *s, const hf__memory_type *t, hf_slice order, uint64_t revision) {
  size_t i = hf__memory_log_find(&s->log, revision + 1);
  while (i < s->log.count && !hf__memory_log_is_of(&s->log.entries[i], t, order)) i++;
  struct state state = {find(&t->sound, order), find(&t->damaged, order)};
  if (i < s->log.count) state = (struct state){s->log.entries[i].old, s->log.entries[i].damaged};
  if (state.sound && state.sound->info.revision > revision) state.sound = NULL; /* what was before it was purged */
  return state;
}

const hf__memory_item *hf__memory_at(const hf__memory_store *s, const hf__memory_type *t, hf_slice order,
                                     uint64_t revision) {
  return state_at(s, t, order, revision).sound;
}

static hf_status copy(const struct state *state, int64_t now, hf_buffer *json, hf_info *info, hf_error *err) {
  const hf__memory_item *it = state->sound;
  if (!it && state->damaged) return hf_error_quarantined(err, hf__memory_item_problem(state->damaged));
  if (!it || hf__memory_item_is_over(it, now)) return HF_NOT_FOUND;
  hf_slice text = hf__memory_item_json(it);
  json->size = 0;
  if (info) *info = it->info;
  return hf_buffer_add(json, text.data, text.size) ? HF_OK : hf_error_no_memory(err);
}

hf_status hf__memory_get_at(void *store, void *collection, const hf_key *key, uint64_t revision, hf_buffer *json,
                            hf_info *info, hf_error *err) {
  hf__memory_store *s = store;
  hf__memory_type *t = hf__memory_enter(s, NULL, collection);
  hf_status status = check(s, revision, err);
  if (status == HF_OK) {
    struct state state = state_at(s, t, key->order, revision);
    status = copy(&state, hf__memory_log_time(&s->log, revision), json, info, err);
  }
  hf__memory_leave(s, NULL);
  return status;
}

/* Hands out a value that the id had.  False: it was enough. */
static bool tell_value(const hf__memory_store *s, hf_change *c, const hf__memory_item *it, hf_change_fn fn, void *arg) {
  size_t i = hf__memory_log_find(&s->log, it->info.revision);
  bool is_logged = i < s->log.count && s->log.entries[i].revision == it->info.revision;
  c->what = HF_CHANGE_WRITE;
  c->revision = it->info.revision;
  c->at = is_logged ? s->log.entries[i].at : it->info.updated_at;
  c->json = hf__memory_item_json(it);
  c->expires_at = it->info.expires_at;
  return fn(arg, c);
}

/* Hands out what a change did that left nothing, unless its commit went on to do another thing, and what was before it.
 * *c  what was handed out before */
static bool tell_entry(const hf__memory_store *s, hf_change *c, const hf__memory_log_entry *e, hf_change_fn fn,
                       void *arg) {
  if (e->what != HF_CHANGE_WRITE && c->revision != e->revision) {
    c->what = e->what;
    c->revision = e->revision;
    c->at = e->at;
    c->json = (hf_slice){NULL, 0};
    c->expires_at = 0;
    if (!fn(arg, c)) return false;
  }
  return !e->old || e->old->info.revision == e->revision || tell_value(s, c, e->old, fn, arg);
}

hf_status hf__memory_history(void *store, void *collection, const hf_key *key, hf_change_fn fn, void *arg,
                             hf_changes_reach *reach, hf_error *err) {
  hf__memory_store *s = store;
  hf__memory_type *t = hf__memory_enter(s, NULL, collection);
  hf_change c = {.entity_name = {t->name, t->name_size}, .id = key->id, .is_last = true};
  const hf__memory_item *now = find(&t->sound, key->order);
  hf__memory_log_reach(&s->log, s->revision, reach);
  hf_status status = check(s, s->revision, err);
  if (status == HF_OK && (!now || tell_value(s, &c, now, fn, arg)))
    for (size_t i = s->log.count; i && s->log.entries[i - 1].revision >= s->log.history_from; i--)
      if (hf__memory_log_is_of(&s->log.entries[i - 1], t, key->order) &&
          !tell_entry(s, &c, &s->log.entries[i - 1], fn, arg))
        break;
  hf__memory_leave(s, NULL);
  return status;
}

/* ---- snapshots of the past */

/* Makes an id in a list what it was: this item, or none. */
static bool list_back(hf__memory_list *l, hf_slice order, hf__memory_item *was) {
  bool found;
  size_t at = hf__memory_list_find(l, order, &found);
  if (!was) {
    hf__memory_list_take(l, order);
    return true;
  }
  __atomic_add_fetch(&was->refs, 1, __ATOMIC_RELAXED);
  if (hf__memory_list_put(l, at, found, was)) return true;
  hf__memory_item_unref(was);
  return false;
}

/* Undoes a change in the copies of the collections. */
static bool go_back(hf__memory_type *types, const hf__memory_log_entry *e) {
  hf__memory_type *t = hf__memory_types_find(types, e->type->name, e->type->name_size);
  if (!t || !e->key) return true;
  hf_slice order = {e->key->data, e->key->order_size};
  return list_back(&t->sound, order, e->old) && list_back(&t->damaged, order, e->damaged);
}

/* Takes out what was not there yet, and what had expired by then.  Only of ids that were purged is the former left. */
static void take_later(hf__memory_list *l, uint64_t revision, int64_t now) {
  size_t left = 0;
  for (size_t i = 0; i < l->count; i++)
    if (l->items[i]->info.revision > revision || hf__memory_item_is_over(l->items[i], now))
      hf__memory_item_unref(l->items[i]);
    else
      l->items[left++] = l->items[i];
  l->count = left;
}

/* Makes the snapshot of what there is now one of what there was then. */
static bool see_past(const hf__memory_store *s, hf__memory_txn *t, uint64_t revision) {
  bool ok = true;
  for (size_t i = s->log.count; ok && i && s->log.entries[i - 1].revision > revision; i--)
    ok = go_back(t->types, &s->log.entries[i - 1]);
  for (hf__memory_type *type = t->types; type; type = type->next) {
    hf__memory_list_clear(&type->expiring);
    take_later(&type->sound, revision, t->now);
  }
  return ok;
}

hf_status hf__memory_begin_at(void *store, uint64_t revision, void **txn, hf_error *err) {
  hf__memory_store *s = store;
  hf__memory_txn *t = calloc(1, sizeof *t);
  if (!t) return hf_error_no_memory(err);
  pthread_mutex_lock(&s->lock);
  t->kind = HF_TXN_READ;
  t->is_past = true;
  t->now = hf__memory_log_time(&s->log, revision);
  hf_status status = check(s, revision, err);
  if (status == HF_OK && (!hf__memory_see(s, t, false) || !see_past(s, t, revision))) status = hf_error_no_memory(err);
  pthread_mutex_unlock(&s->lock);
  if (status) hf__memory_txn_free(t);
  *txn = status ? NULL : t;
  return status;
}
