/* SPDX-License-Identifier: MIT
 *
 * Entities that expire: see expiry.h.
 */
#include "expiry.h"

#include <stdlib.h>
#include <string.h>

enum { SWEEP_MAX = 64, TIME_SIZE = 8 };

/* Where an entity is among those that expire. */
struct position {
  size_t size;
  char bytes[TIME_SIZE + HF_ORDER_KEY_MAX];
};

static hf_slice position_of(struct position *p, int64_t time, hf_slice order) {
  for (int i = 0; i < TIME_SIZE; i++) p->bytes[i] = (char)((uint64_t)time >> (8 * (TIME_SIZE - 1 - i)));
  if (order.size) memcpy(p->bytes + TIME_SIZE, order.data, order.size);
  return (hf_slice){p->bytes, TIME_SIZE + order.size};
}

static hf_slice order_of(const hf__memory_item *it) { return (hf_slice){it->data, it->order_size}; }

/* Of an entry: the order key of its entity. */
static hf_slice entity_of(const hf__memory_item *entry) {
  return (hf_slice){entry->data + TIME_SIZE, entry->order_size - TIME_SIZE};
}

const hf__memory_item *hf__memory_living(const hf__memory_type *t, hf_slice order, int64_t now) {
  bool found;
  size_t at = hf__memory_list_find(&t->sound, order, &found);
  return found && !hf__memory_item_is_over(t->sound.items[at], now) ? t->sound.items[at] : NULL;
}

static bool forget(hf__memory_type *t, hf__memory_undo *undo, const hf__memory_item *it) {
  struct position p;
  bool found;
  return !it->info.expires_at ||
         hf__memory_undo_take(undo, &t->expiring, position_of(&p, it->info.expires_at, order_of(it)), &found);
}

static bool note(hf__memory_type *t, hf__memory_undo *undo, const hf__memory_item *it) {
  struct position p;
  bool found;
  if (!it->info.expires_at) return true;
  hf_slice position = position_of(&p, it->info.expires_at, order_of(it));
  size_t at = hf__memory_list_find(&t->expiring, position, &found);
  hf__memory_item *entry = hf__memory_item_new(&(hf_key){.id = order_of(it), .order = position}, (hf_slice){NULL, 0},
                                               (hf_slice){NULL, 0}, &it->info);
  if (entry && hf__memory_undo_put(undo, &t->expiring, at, found, entry)) return true;
  free(entry);
  return false;
}

bool hf__memory_sound_put(hf__memory_type *t, hf__memory_undo *undo, size_t at, bool replace, hf__memory_item *it) {
  if (replace && !forget(t, undo, t->sound.items[at])) return false;
  if (!note(t, undo, it)) return false;
  return hf__memory_undo_put(undo, &t->sound, at, replace, it);
}

bool hf__memory_sound_take(hf__memory_type *t, hf__memory_undo *undo, hf_slice order, bool *found) {
  size_t at = hf__memory_list_find(&t->sound, order, found);
  return !*found || (forget(t, undo, t->sound.items[at]) && hf__memory_undo_take(undo, &t->sound, order, found));
}

size_t hf__memory_over_count(const hf__memory_type *t, int64_t now) {
  struct position p;
  bool found;
  return hf__memory_list_find(&t->expiring, position_of(&p, now + 1, (hf_slice){NULL, 0}), &found);
}

/* ---- removing them */

/* Removes the first of a collection that expired by `limit`, unless the running commit wrote it.  False: there is
 * none, or no memory. */
static bool remove_first(hf__memory_type *t, hf__memory_log *log, uint64_t revision, int64_t limit) {
  bool found;
  hf__memory_undo step = {NULL, NULL};
  if (!t->expiring.count || t->expiring.items[0]->info.expires_at > limit) return false;
  hf_slice order = entity_of(t->expiring.items[0]);
  size_t logged = log->count, at = hf__memory_list_find(&t->sound, order, &found);
  hf__memory_item *it = t->sound.items[at];
  if (it->info.revision == revision) return false;
  order = order_of(it);
  hf__memory_logged change = {HF_CHANGE_EXPIRE, false, t, order, revision, it, NULL};
  if (hf__memory_log_add(log, &change) && hf__memory_indexes_take(&t->indexes, &step, it, (hf_slice){NULL, 0}) &&
      hf__memory_sound_take(t, &step, order, &found)) {
    hf__memory_undo_commit(&step, NULL);
    return true;
  }
  hf__memory_undo_all(&step);
  hf__memory_log_cut(log, logged);
  return false;
}

bool hf__memory_sweep_is_due(const hf__memory_type *types, int64_t limit) {
  for (const hf__memory_type *t = types; t; t = t->next)
    if (t->expiring.count && t->expiring.items[0]->info.expires_at <= limit) return true;
  return false;
}

void hf__memory_sweep(hf__memory_type *types, hf__memory_log *log, uint64_t revision, int64_t limit) {
  int left = SWEEP_MAX;
  for (hf__memory_type *t = types; t; t = t->next)
    while (left && remove_first(t, log, revision, limit)) left--;
}
