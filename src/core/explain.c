/* SPDX-License-Identifier: MIT
 *
 * How an iteration would find its entities: hf_persist_explain().
 */
#include "base/error.h"
#include "core/iter.h"

hf_status hf__iter_explain(hf_iter *it, hf_condition *condition, hf_buffer *json, hf_error *err) {
  void *txn;
  hf_persist *p = it->persist;
  hf_status status = hf__persist_enter(p, false, &txn, err);
  if (status) return status;
  return hf__find_explain(p, txn, &it->scan, condition ? condition : it->condition, json, err);
}

hf_status hf_persist_explain(hf_persist *p, const hf_range *range, hf_buffer *json, hf_error *err) {
  hf_iter *it;
  hf_error own;
  if (!err) err = &own;
  hf_status status = hf_iter_open(p, range, &it, err);
  if (status) return status;
  status = hf__iter_explain(it, NULL, json, err);
  hf_iter_close(it);
  return status;
}
