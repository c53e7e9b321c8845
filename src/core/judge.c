/* SPDX-License-Identifier: MIT
 *
 * Judging the entries of a page: see judge.h.
 */
#include "core/judge.h"

#include <stdlib.h>

#include "base/error.h"

/* Room for what is said of the entry with this index.  NULL: out of memory. */
static hf__judged *judged_at(hf_page *page, size_t index) {
  if (index < page->judged_capacity) return &page->judged[index];
  size_t capacity = page->judged_capacity ? page->judged_capacity * 2 : 64;
  while (capacity <= index) capacity *= 2;
  hf__judged *judged = realloc(page->judged, capacity * sizeof *judged);
  if (!judged) return NULL;
  page->judged = judged;
  page->judged_capacity = capacity;
  return &judged[index];
}

hf_status hf_page_judge(hf_page *page, const hf_scan *scan, hf_slice id, hf_slice json, bool *wanted, hf_error *err) {
  hf_answer answer = hf__condition_test(scan->condition, id, json);
  bool counts = scan->count_only && answer == HF_ANSWER_YES;
  *wanted = answer != HF_ANSWER_NO && !counts;
  page->counted += counts;
  page->looked_at++;
  if (!*wanted) return HF_OK;
  hf__judged *judged = judged_at(page, page->count);
  if (!judged) return hf__no_memory(err);
  *judged = (hf__judged){answer, page->counted};
  return HF_OK;
}
