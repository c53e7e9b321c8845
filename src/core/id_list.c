/* SPDX-License-Identifier: MIT
 *
 * Lists of ids in natural order, for storages that give them in no order.
 */
#include "core/id_list.h"

#include <stdlib.h>
#include <string.h>

#include "core/order.h"

/* An order key ends in 0 and the id, so that it is all there is to keep. */
struct item {
  uint64_t head; /* the first bytes of the order key as a number: decides nearly every comparison */
  size_t at;     /* of the order key in `bytes` */
  uint16_t order_size, id_size;
};

struct hf_id_list {
  hf_buffer bytes;
  struct item *items;
  size_t count, capacity;
  struct item few[8]; /* the first ones: mostly an index leads to few */
};

hf_id_list *hf_id_list_new(void) {
  hf_id_list *l = malloc(sizeof *l);
  if (!l) return NULL;
  l->bytes = (hf_buffer)HF_BUFFER_INIT;
  l->items = l->few;
  l->count = 0;
  l->capacity = sizeof l->few / sizeof *l->few;
  return l;
}

void hf_id_list_free(hf_id_list *l) {
  if (!l) return;
  hf_buffer_free(&l->bytes);
  if (l->items != l->few) free(l->items);
  free(l);
}

static bool grow(hf_id_list *l) {
  struct item *held = l->items == l->few ? NULL : l->items;
  struct item *items = realloc(held, 4 * l->capacity * sizeof *items);
  if (!items) return false;
  if (!held) memcpy(items, l->few, sizeof l->few);
  l->items = items;
  l->capacity *= 4;
  return true;
}

static uint64_t head_of(const unsigned char *order, size_t size) {
  unsigned char b[8] = {0};
  memcpy(b, order, size < 8 ? size : 8);
  uint64_t v = 0;
  for (int i = 0; i < 8; i++) v = v << 8 | b[i];
  return v;
}

bool hf__id_list_add_key(hf_id_list *l, hf_slice order, size_t id_size) {
  if (l->count == l->capacity && !grow(l)) return false;
  size_t at = l->bytes.size;
  if (!hf_buffer_add(&l->bytes, order.data, order.size)) return false;
  uint64_t head = head_of((const unsigned char *)order.data, order.size);
  l->items[l->count++] = (struct item){head, at, (uint16_t)order.size, (uint16_t)id_size};
  return true;
}

bool hf_id_list_add(hf_id_list *l, hf_slice id) {
  unsigned char order[HF_ORDER_KEY_MAX];
  size_t size = hf_order_key(id, order);
  return !size || hf__id_list_add_key(l, (hf_slice){(const char *)order, size}, id.size);
}

static hf_slice order_of(const hf_id_list *l, const struct item *item) {
  return (hf_slice){l->bytes.data + item->at, item->order_size};
}

static int compare_items(const void *a, const void *b, void *list) {
  const struct item *x = a, *y = b;
  if (x->head != y->head) return x->head < y->head ? -1 : 1;
  return hf__order_compare(order_of(list, x), order_of(list, y));
}

static bool is_sorted(hf_id_list *l) {
  for (size_t i = 1; i < l->count; i++)
    if (compare_items(&l->items[i - 1], &l->items[i], l) >= 0) return false;
  return true;
}

void hf_id_list_sort(hf_id_list *l) {
  if (is_sorted(l)) return;
  qsort_r(l->items, l->count, sizeof *l->items, compare_items, l);
  size_t kept = 1;
  for (size_t i = 1; i < l->count; i++)
    if (compare_items(&l->items[kept - 1], &l->items[i], l) != 0) l->items[kept++] = l->items[i];
  l->count = kept;
}

size_t hf_id_list_size(const hf_id_list *l) { return l->count; }

hf_slice hf_id_list_id(const hf_id_list *l, size_t index) {
  const struct item *item = &l->items[index];
  return (hf_slice){l->bytes.data + item->at + item->order_size - item->id_size, item->id_size};
}

hf_slice hf_id_list_order(const hf_id_list *l, size_t index) { return order_of(l, &l->items[index]); }

/* How many lie before the bound; with `after` also one at it. */
static size_t before(const hf_id_list *l, hf_slice bound, bool after) {
  size_t low = 0, high = l->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int c = hf__order_compare(hf_id_list_order(l, middle), bound);
    if (c < 0 || (c == 0 && after))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

void hf_id_list_range(const hf_id_list *l, const hf_scan *scan, size_t *first, size_t *end) {
  *first = scan->lower.data ? before(l, scan->lower, scan->lower_open) : 0;
  *end = scan->upper.data ? before(l, scan->upper, !scan->upper_open) : l->count;
}

bool hf_scan_matches(const hf_scan *scan, hf_slice id) {
  hf_slice prefix = scan->id_prefix;
  return !prefix.size || (id.size >= prefix.size && memcmp(id.data, prefix.data, prefix.size) == 0);
}

bool hf__scan_wants(const hf_scan *scan, hf_slice order, hf_slice id) {
  int lower = scan->lower.data ? hf__order_compare(order, scan->lower) : 1;
  int upper = scan->upper.data ? hf__order_compare(order, scan->upper) : -1;
  return lower >= (scan->lower_open ? 1 : 0) && upper <= (scan->upper_open ? -1 : 0) && hf_scan_matches(scan, id);
}
