/* SPDX-License-Identifier: MIT
 *
 * What a collection in memory consists of: sorted lists of pointers to items, which are immutable and counted, so that
 * a copy of a list is a copy of its pointers.
 */
#ifndef HF_BACKENDS_MEMORY_ITEMS_H
#define HF_BACKENDS_MEMORY_ITEMS_H

#include "holdfast/backend.h"

/* An entity, or what is in quarantine of one. */
typedef struct hf__memory_item {
  size_t refs;
  hf_info info;
  size_t order_size, id_offset, json_size;
  char data[]; /* order key, which ends in the id; then the JSON text; in quarantine the bytes, and then the problem
                  with a 0 */
} hf__memory_item;

/* Items by their order keys. */
typedef struct hf__memory_list {
  size_t count, capacity;
  hf__memory_item **items;
} hf__memory_list;

/* Makes an item with one reference.  NULL: out of memory.
 *   tail  stands after the text: of what is in quarantine, the problem with its 0 */
hf__memory_item *hf__memory_item_new(const hf_key *k, hf_slice json, hf_slice tail, const hf_info *info);
/* Gives up a reference.  NULL is ignored. */
void hf__memory_item_unref(hf__memory_item *i);
/* How an order key compares with the item's: below, at or above 0. */
int hf__memory_item_compare(hf_slice a, const hf__memory_item *b);
/* Whether it has these bytes for its text. */
bool hf__memory_item_has(const hf__memory_item *it, hf_slice bytes);

/* Its text. */
static inline hf_slice hf__memory_item_json(const hf__memory_item *it) {
  return (hf_slice){it->data + it->order_size, it->json_size};
}

/* Whether it has expired by this time. */
static inline bool hf__memory_item_is_over(const hf__memory_item *it, int64_t now) {
  return it->info.expires_at && it->info.expires_at <= now;
}

/* What is wrong with it, in quarantine. */
static inline const char *hf__memory_item_problem(const hf__memory_item *it) {
  return it->data + it->order_size + it->json_size;
}

/* Takes all items out. */
void hf__memory_list_clear(hf__memory_list *l);
/* The same, and frees the array; the list is empty then. */
void hf__memory_list_free(hf__memory_list *l);
/* Makes *to a copy, which shares the items.  False: out of memory. */
bool hf__memory_list_copy(const hf__memory_list *from, hf__memory_list *to);
/* Index of the first item not before the order key; *found: it is that one. */
size_t hf__memory_list_find(const hf__memory_list *l, hf_slice order, bool *found);
/* Puts the item at an index, in the place of the one that is there or before it; takes the reference.  False: out of
 * memory. */
bool hf__memory_list_put(hf__memory_list *l, size_t at, bool replace, hf__memory_item *it);
/* Takes the item out.  Whether it was there. */
bool hf__memory_list_take(hf__memory_list *l, hf_slice order);

#endif
