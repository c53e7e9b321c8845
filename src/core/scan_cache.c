/* SPDX-License-Identifier: MIT
 *
 * What scans keep between two pages, such as their lists of ids.
 *
 * The core reads a scan in pages.  Listing all ids anew for each page would make a scan quadratic, so that a backend
 * keeps the list of a scan, under the scan's number.
 */
#include <pthread.h>
#include <stdlib.h>

#include "holdfast/backend.h"

enum { WALKS = 8 };

struct walk {
  const void *collection;
  uint64_t number;
  unsigned long turn; /* when it was left */
  void *kept;         /* NULL: free */
};

struct hf_scan_cache {
  pthread_mutex_t lock;
  void (*free_kept)(void *kept);
  unsigned long turn;
  struct walk walks[WALKS];
};

hf_scan_cache *hf_scan_cache_new(void (*free_kept)(void *kept)) {
  hf_scan_cache *w = calloc(1, sizeof *w);
  if (!w) return NULL;
  pthread_mutex_init(&w->lock, NULL);
  w->free_kept = free_kept;
  return w;
}

void hf_scan_cache_free(hf_scan_cache *w) {
  if (!w) return;
  for (int i = 0; i < WALKS; i++)
    if (w->walks[i].kept) w->free_kept(w->walks[i].kept);
  pthread_mutex_destroy(&w->lock);
  free(w);
}

void *hf_scan_cache_take(hf_scan_cache *w, const void *collection, uint64_t walk) {
  void *found = NULL;
  pthread_mutex_lock(&w->lock);
  for (int i = 0; i < WALKS && !found; i++)
    if (w->walks[i].kept && w->walks[i].number == walk && w->walks[i].collection == collection) {
      found = w->walks[i].kept;
      w->walks[i].kept = NULL;
    }
  pthread_mutex_unlock(&w->lock);
  return found;
}

void hf_scan_cache_leave(hf_scan_cache *w, const void *collection, uint64_t walk, void *kept) {
  pthread_mutex_lock(&w->lock);
  struct walk *place = &w->walks[0];
  for (int i = 0; i < WALKS && place->kept; i++)
    if (!w->walks[i].kept || w->walks[i].turn < place->turn) place = &w->walks[i];
  void *dropped = place->kept;
  *place = (struct walk){collection, walk, ++w->turn, kept};
  pthread_mutex_unlock(&w->lock);
  if (dropped) w->free_kept(dropped);
}

void hf_scan_cache_forget(hf_scan_cache *w, const void *collection) {
  pthread_mutex_lock(&w->lock);
  for (int i = 0; i < WALKS; i++)
    if (w->walks[i].kept && w->walks[i].collection == collection) {
      w->free_kept(w->walks[i].kept);
      w->walks[i].kept = NULL;
    }
  pthread_mutex_unlock(&w->lock);
}
