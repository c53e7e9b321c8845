/* SPDX-License-Identifier: MIT
 *
 * Sorted lists of what is kept: see items.h.
 */
#include "items.h"

#include <stdlib.h>
#include <string.h>

void hf__memory_item_unref(hf__memory_item *i) {
  if (i && __atomic_sub_fetch(&i->refs, 1, __ATOMIC_ACQ_REL) == 0) free(i);
}

void hf__memory_list_clear(hf__memory_list *l) {
  for (size_t i = 0; i < l->count; i++) hf__memory_item_unref(l->items[i]);
  l->count = 0;
}

void hf__memory_list_free(hf__memory_list *l) {
  hf__memory_list_clear(l);
  free(l->items);
  *l = (hf__memory_list){0, 0, NULL};
}

bool hf__memory_list_copy(const hf__memory_list *from, hf__memory_list *to) {
  *to = (hf__memory_list){0, from->count, malloc((from->count ? from->count : 1) * sizeof(hf__memory_item *))};
  if (!to->items) return false;
  for (to->count = 0; to->count < from->count; to->count++) {
    to->items[to->count] = from->items[to->count];
    __atomic_add_fetch(&to->items[to->count]->refs, 1, __ATOMIC_RELAXED);
  }
  return true;
}

int hf__memory_item_compare(hf_slice a, const hf__memory_item *b) {
  int c = memcmp(a.data, b->data, a.size < b->order_size ? a.size : b->order_size);
  return c ? c : (a.size > b->order_size) - (a.size < b->order_size);
}

size_t hf__memory_list_find(const hf__memory_list *l, hf_slice order, bool *found) {
  size_t low = 0, high = l->count;
  *found = false;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int c = hf__memory_item_compare(order, l->items[middle]);
    if (c == 0) *found = true;
    if (c > 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

hf__memory_item *hf__memory_item_new(const hf_key *k, hf_slice json, hf_slice tail, const hf_info *info) {
  hf__memory_item *it = malloc(sizeof *it + k->order.size + json.size + tail.size);
  if (!it) return NULL;
  *it = (hf__memory_item){1, *info, k->order.size, k->order.size - k->id.size, json.size};
  memcpy(it->data, k->order.data, k->order.size);
  if (json.size) memcpy(it->data + k->order.size, json.data, json.size);
  if (tail.size) memcpy(it->data + k->order.size + json.size, tail.data, tail.size);
  return it;
}

bool hf__memory_list_put(hf__memory_list *l, size_t at, bool replace, hf__memory_item *it) {
  if (replace) {
    hf__memory_item_unref(l->items[at]);
    l->items[at] = it;
    return true;
  }
  if (l->count == l->capacity) {
    size_t capacity = l->capacity ? l->capacity * 2 : 16;
    hf__memory_item **items = realloc(l->items, capacity * sizeof(hf__memory_item *));
    if (!items) return false;
    l->items = items;
    l->capacity = capacity;
  }
  memmove(l->items + at + 1, l->items + at, (l->count - at) * sizeof(hf__memory_item *));
  l->items[at] = it;
  l->count++;
  return true;
}

bool hf__memory_list_take(hf__memory_list *l, hf_slice order) {
  bool found;
  size_t at = hf__memory_list_find(l, order, &found);
  if (!found) return false;
  hf__memory_item_unref(l->items[at]);
  l->count--;
  memmove(l->items + at, l->items + at + 1, (l->count - at) * sizeof(hf__memory_item *));
  return true;
}

bool hf__memory_item_has(const hf__memory_item *it, hf_slice bytes) {
  return it->json_size == bytes.size && (!bytes.size || memcmp(it->data + it->order_size, bytes.data, bytes.size) == 0);
}
