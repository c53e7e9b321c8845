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
  if (!*wanted) return HF_OK;
  hf__judged *judged = judged_at(page, page->count);
  if (!judged) return hf__no_memory(err);
  *judged = (hf__judged){answer, page->counted};
  return HF_OK;
}

hf_status hf__judge_check(const hf_condition *condition, hf_error *err) {
  for (unsigned i = 0; i < hf__condition_parameters(condition); i++)
    if (hf__condition_parameter_kind(condition, i) == HF_CONSTANT_UNKNOWN)
      return hf__fail(err, HF_INVALID_ARGUMENT, "the condition's parameter %u is not set", i + 1);
  return HF_OK;
}

hf_status hf__judge_fail(hf_condition *condition, hf_slice entity_name, hf_slice id, hf_slice json, hf_error *err) {
  hf_answer answer = hf__condition_test(condition, id, json); /* once more, for its reason */
  hf__fail(err, HF_SCRIPT, "Entity %s:%.*s: the condition %s: %s", entity_name.data, (int)id.size, id.data,
           answer == HF_ANSWER_RAISES ? "raises" : "cannot be told", hf__condition_reason(condition));
  hf__error_entity(err, entity_name, id);
  return HF_SCRIPT;
}
