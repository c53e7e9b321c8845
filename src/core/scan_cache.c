/* SPDX-License-Identifier: MIT
 *
 * What scans keep between two pages, such as their lists of ids.
 *
 * The core reads a scan in pages.  Listing all ids again for each page would make a scan quadratic, so that a backend
 * keeps the list of a scan, under the scan's number.
 */
#include <pthread.h>
#include <stdlib.h>

#include "holdfast/backend.h"

enum { SCANS = 8 };

struct kept_scan {
  const void *collection;
  uint64_t number;
  unsigned long turn; /* when it was left */
  void *kept;         /* NULL: free */
};

struct hf_scan_cache {
  pthread_mutex_t lock;
  void (*free_kept)(void *kept);
  unsigned long turn;
  struct kept_scan scans[SCANS];
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
  for (int i = 0; i < SCANS; i++)
    if (w->scans[i].kept) w->free_kept(w->scans[i].kept);
  pthread_mutex_destroy(&w->lock);
  free(w);
}

void *hf_scan_cache_take(hf_scan_cache *w, const void *collection, uint64_t scan_id) {
  void *found = NULL;
  pthread_mutex_lock(&w->lock);
  for (int i = 0; i < SCANS && !found; i++)
    if (w->scans[i].kept && w->scans[i].number == scan_id && w->scans[i].collection == collection) {
      found = w->scans[i].kept;
      w->scans[i].kept = NULL;
    }
  pthread_mutex_unlock(&w->lock);
  return found;
}

void hf_scan_cache_leave(hf_scan_cache *w, const void *collection, uint64_t scan_id, void *kept) {
  pthread_mutex_lock(&w->lock);
  struct kept_scan *place = &w->scans[0];
  for (int i = 0; i < SCANS && place->kept; i++)
    if (!w->scans[i].kept || w->scans[i].turn < place->turn) place = &w->scans[i];
  void *dropped = place->kept;
  *place = (struct kept_scan){collection, scan_id, ++w->turn, kept};
  pthread_mutex_unlock(&w->lock);
  if (dropped) w->free_kept(dropped);
}

void hf_scan_cache_forget(hf_scan_cache *w, const void *collection) {
  pthread_mutex_lock(&w->lock);
  for (int i = 0; i < SCANS; i++)
    if (w->scans[i].kept && w->scans[i].collection == collection) {
      w->free_kept(w->scans[i].kept);
      w->scans[i].kept = NULL;
    }
  pthread_mutex_unlock(&w->lock);
}
