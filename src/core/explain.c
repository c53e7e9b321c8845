/* SPDX-License-Identifier: MIT
 *
 * How an iteration would find its entities: hf_persist_explain().
 */
#include "base/error.h"
#include "base/json.h"
#include "core/iter.h"

/* In the order of an index it goes from entry to entry, and no other index is looked in. */
static hf_status explain_ordered(const hf_iter *it, void *txn, hf_buffer *json, hf_error *err) {
  hf_persist *p = it->persist;
  uint64_t of = 0;
  hf_status status = p->backend->count(p->impl, txn, p->collection, &of, err);
  if (status) return hf__persist_fail(p, txn, status, NULL, "", err);
  json->size = 0;
  bool ok = hf_buffer_printf(json, "{\"of\":%llu,\"index\":", (unsigned long long)of) &&
            hf__quote_damaged(json, hf__index_order_name(it->ordered)) &&
            hf_buffer_printf(json, ",\"asked\":\"tested\",\"why\":\"its order is asked for\"}");
  return ok ? HF_OK : hf__no_memory(err);
}

hf_status hf__iter_explain(hf_iter *it, hf_condition *condition, hf_buffer *json, hf_error *err) {
  void *txn;
  hf_persist *p = it->persist;
  hf_status status = hf__persist_enter(p, false, &txn, err);
  if (status) return status;
  if (it->ordered) return explain_ordered(it, txn, json, err);
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
