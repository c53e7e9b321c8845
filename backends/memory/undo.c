/* SPDX-License-Identifier: MIT
 *
 * Undoing changes in memory: see undo.h.  Going back needs no memory: a list that has had so many items has room for
 * them.
 */
#include "undo.h"

#include <stdlib.h>

/* Notes a change of an id, whose item this is, before it happens.  False: out of memory. */
static bool note(hf__memory_undo *undo, hf__memory_list *l, hf__memory_item *item, bool was_there) {
  if (!undo) return true;
  hf__memory_change *c = malloc(sizeof *c);
  if (!c) return false;
  __atomic_add_fetch(&item->refs, 1, __ATOMIC_RELAXED);
  *c = (hf__memory_change){undo->newest, l, item, was_there};
  undo->newest = c;
  if (!undo->oldest) undo->oldest = c;
  return true;
}

/* Forgets the newest one. */
static void forget(hf__memory_undo *undo) {
  hf__memory_change *c = undo->newest;
  undo->newest = c->older;
  if (!undo->newest) undo->oldest = NULL;
  hf__memory_item_unref(c->item);
  free(c);
}

bool hf__memory_undo_put(hf__memory_undo *undo, hf__memory_list *l, size_t at, bool replace, hf__memory_item *it) {
  if (!note(undo, l, replace ? l->items[at] : it, replace)) return false;
  if (hf__memory_list_put(l, at, replace, it)) return true;
  if (undo) forget(undo);
  return false;
}

bool hf__memory_undo_take(hf__memory_undo *undo, hf__memory_list *l, hf_slice order, bool *found) {
  size_t at = hf__memory_list_find(l, order, found);
  if (!*found) return true;
  if (!note(undo, l, l->items[at], true)) return false;
  hf__memory_list_take(l, order);
  return true;
}

bool hf__memory_undo_clear(hf__memory_undo *undo, hf__memory_list *l) {
  for (size_t i = 0; undo && i < l->count; i++)
    if (!note(undo, l, l->items[i], true)) {
      while (i--) forget(undo);
      return false;
    }
  hf__memory_list_clear(l);
  return true;
}

/* Makes the id what it was before the change. */
static void go_back(const hf__memory_change *c) {
  bool found;
  hf_slice order = {c->item->data, c->item->order_size};
  size_t at = hf__memory_list_find(c->list, order, &found);
  if (c->was_there) {
    __atomic_add_fetch(&c->item->refs, 1, __ATOMIC_RELAXED);
    hf__memory_list_put(c->list, at, found, c->item);
  } else {
    hf__memory_list_take(c->list, order);
  }
}

void hf__memory_undo_all(hf__memory_undo *undo) {
  while (undo->newest) {
    go_back(undo->newest);
    forget(undo);
  }
}

void hf__memory_undo_commit(hf__memory_undo *undo, hf__memory_undo *around) {
  if (!around)
    while (undo->newest) forget(undo);
  if (!undo->newest) return;
  undo->oldest->older = around->newest;
  if (!around->oldest) around->oldest = undo->oldest;
  around->newest = undo->newest;
  *undo = (hf__memory_undo){NULL, NULL};
}
