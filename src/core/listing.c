/* SPDX-License-Identifier: MIT
 *
 * Listings: the ids of an entity type in natural order, for storages that give them
 * in no order; and what walks keep between two pages.
 *
 * The core reads a walk in pages.  Listing everything anew for each page would make
 * a walk quadratic, so that a backend keeps the listing of a walk, under the walk's number.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/order.h"
#include "holdfast/backend.h"

/* An order key ends in 0 and the id, so that it is all there is to keep. */
struct item {
  uint64_t head; /* the first bytes of the order key as a number: decides nearly every comparison */
  size_t at;     /* of the order key in `bytes` */
  uint16_t order_size, id_size;
};

struct hf_listing {
  hf_buffer bytes;
  struct item *items;
  size_t count, capacity;
};

hf_listing *hf_listing_new(void) { return calloc(1, sizeof(hf_listing)); }

void hf_listing_free(hf_listing *l) {
  if (!l) return;
  hf_buffer_free(&l->bytes);
  free(l->items);
  free(l);
}

static uint64_t head_of(const unsigned char *order, size_t size) {
  unsigned char b[8] = {0};
  memcpy(b, order, size < 8 ? size : 8);
  uint64_t v = 0;
  for (int i = 0; i < 8; i++) v = v << 8 | b[i];
  return v;
}

bool hf_listing_add(hf_listing *l, hf_slice id) {
  unsigned char order[HF_ORDER_KEY_MAX];
  size_t size = hf_order_key(id, order);
  if (!size) return true;
  if (l->count == l->capacity) {
    size_t capacity = l->capacity ? 2 * l->capacity : 256;
    struct item *items = realloc(l->items, capacity * sizeof *items);
    if (!items) return false;
    l->items = items;
    l->capacity = capacity;
  }
  size_t at = l->bytes.size;
  if (!hf_buffer_add(&l->bytes, order, size)) return false;
  l->items[l->count++] = (struct item){head_of(order, size), at, (uint16_t)size, (uint16_t)id.size};
  return true;
}

static hf_slice order_of(const hf_listing *l, const struct item *item) {
  return (hf_slice){l->bytes.data + item->at, item->order_size};
}

static int compare_items(const void *a, const void *b, void *listing) {
  const struct item *x = a, *y = b;
  if (x->head != y->head) return x->head < y->head ? -1 : 1;
  return hf__order_compare(order_of(listing, x), order_of(listing, y));
}

void hf_listing_sort(hf_listing *l) {
  if (!l->count) return;
  qsort_r(l->items, l->count, sizeof *l->items, compare_items, l);
  size_t kept = 1;
  for (size_t i = 1; i < l->count; i++)
    if (compare_items(&l->items[kept - 1], &l->items[i], l) != 0) l->items[kept++] = l->items[i];
  l->count = kept;
}

size_t hf_listing_size(const hf_listing *l) { return l->count; }

hf_slice hf_listing_id(const hf_listing *l, size_t index) {
  const struct item *item = &l->items[index];
  return (hf_slice){l->bytes.data + item->at + item->order_size - item->id_size, item->id_size};
}

hf_slice hf_listing_order(const hf_listing *l, size_t index) { return order_of(l, &l->items[index]); }

/* How many lie before the bound; with `behind` also one at it. */
static size_t before(const hf_listing *l, hf_slice bound, bool behind) {
  size_t low = 0, high = l->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int c = hf__order_compare(hf_listing_order(l, middle), bound);
    if (c < 0 || (c == 0 && behind))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

void hf_listing_range(const hf_listing *l, const hf_scan *scan, size_t *first, size_t *end) {
  *first = scan->lower.data ? before(l, scan->lower, scan->lower_open) : 0;
  *end = scan->upper.data ? before(l, scan->upper, !scan->upper_open) : l->count;
}

bool hf_scan_wants(const hf_scan *scan, hf_slice id) {
  hf_slice prefix = scan->id_prefix;
  return !prefix.size || (id.size >= prefix.size && memcmp(id.data, prefix.data, prefix.size) == 0);
}

/* ---- walks */

enum { WALKS = 8 };

struct walk {
  const void *entity;
  uint64_t number;
  unsigned long turn; /* when it was left */
  void *kept;         /* NULL: free */
};

struct hf_walks {
  pthread_mutex_t lock;
  void (*free_kept)(void *kept);
  unsigned long turn;
  struct walk walks[WALKS];
};

hf_walks *hf_walks_new(void (*free_kept)(void *kept)) {
  hf_walks *w = calloc(1, sizeof *w);
  if (!w) return NULL;
  pthread_mutex_init(&w->lock, NULL);
  w->free_kept = free_kept;
  return w;
}

void hf_walks_free(hf_walks *w) {
  if (!w) return;
  for (int i = 0; i < WALKS; i++)
    if (w->walks[i].kept) w->free_kept(w->walks[i].kept);
  pthread_mutex_destroy(&w->lock);
  free(w);
}

void *hf_walks_take(hf_walks *w, const void *entity, uint64_t walk) {
  void *found = NULL;
  pthread_mutex_lock(&w->lock);
  for (int i = 0; i < WALKS && !found; i++)
    if (w->walks[i].kept && w->walks[i].number == walk && w->walks[i].entity == entity) {
      found = w->walks[i].kept;
      w->walks[i].kept = NULL;
    }
  pthread_mutex_unlock(&w->lock);
  return found;
}

void hf_walks_leave(hf_walks *w, const void *entity, uint64_t walk, void *kept) {
  pthread_mutex_lock(&w->lock);
  struct walk *place = &w->walks[0];
  for (int i = 0; i < WALKS && place->kept; i++)
    if (!w->walks[i].kept || w->walks[i].turn < place->turn) place = &w->walks[i];
  void *dropped = place->kept;
  *place = (struct walk){entity, walk, ++w->turn, kept};
  pthread_mutex_unlock(&w->lock);
  if (dropped) w->free_kept(dropped);
}

void hf_walks_forget(hf_walks *w, const void *entity) {
  pthread_mutex_lock(&w->lock);
  for (int i = 0; i < WALKS; i++)
    if (w->walks[i].kept && w->walks[i].entity == entity) {
      w->free_kept(w->walks[i].kept);
      w->walks[i].kept = NULL;
    }
  pthread_mutex_unlock(&w->lock);
}
