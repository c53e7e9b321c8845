/* SPDX-License-Identifier: MIT
 *
 * hf_page: entries and the memory they point into.  Memory comes in blocks that
 * never move, so that an entry stays where it is until the page is filled again.
 */
#ifndef HF_CORE_PAGE_H
#define HF_CORE_PAGE_H

#include "condition/condition.h"
#include "holdfast/backend.h"

struct hf__block;

/* What a condition makes of an entry. */
typedef struct hf__judged {
  hf_answer answer;
  uint64_t counted; /* entities of the page that were counted before it */
} hf__judged;

struct hf_page {
  hf_entry *entries;
  size_t count;
  size_t capacity;
  hf_slice resume;          /* order key after which the scan goes on; {NULL, 0}: that of the last entry's id */
  hf_slice failed_at;       /* the id that the scan failed at; {NULL, 0}: none was named */
  struct hf__block *blocks; /* the one being filled first */
  hf__judged *judged;       /* of each entry; only of pages that a condition was used for */
  size_t judged_capacity;
  uint64_t counted;          /* entities that are not in it, since they were only to be counted */
  uint64_t looked_at;        /* entities that were judged for it */
  char failed_id[HF_ID_MAX]; /* memory of failed_at, so that naming it cannot fail */
};

/* Empties the page, keeping one block for reuse. */
void hf__page_reset(hf_page *page);

/* `size` bytes that live as long as the page's content; NULL: out of memory. */
char *hf__page_alloc(hf_page *page, size_t size);

#endif
