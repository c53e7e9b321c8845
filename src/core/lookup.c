/* SPDX-License-Identifier: MIT
 *
 * Whether an index and an entity contradict each other: see lookup.h.
 */
#include "core/lookup.h"

#include "core/transaction.h"

hf_status hf__lookup_begin_moment(hf__lookup *in, hf_txn **own, hf_error *err) {
  const hf_persist *p = in->persist;
  *own = NULL;
  if (in->txn || !(p->backend->capabilities & HF_CAP_SNAPSHOT)) return HF_OK;
  hf_status status = hf__txn_begin_brief(own, err);
  if (status) return status;
  status = hf__txn_join(p->store, p->backend->capabilities, false, &in->txn, err);
  if (status) hf_txn_abort(*own);
  return status;
}

static int compare(hf_slice a, hf_slice b) {
  int c = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
  return c ? c : (a.size > b.size) - (a.size < b.size);
}

static bool is_in_part(const hf__cover_part *part, hf_slice value) {
  for (size_t i = 0; i < part->count; i++) {
    const hf_index_range *r = &part->ranges[i];
    if ((!r->lower.data || compare(value, r->lower) >= 0) && (!r->upper.data || compare(value, r->upper) < 0))
      return true;
  }
  return false;
}

bool hf__lookup_is_within(const hf_index_set *set, const hf__cover_part *parts, size_t count, hf_slice json) {
  hf_index_value values[HF_INDEXES_MAX];
  hf_index_values(set, json, values);
  for (size_t i = 0; i < count; i++) {
    const hf_index_value *v = &values[parts[i].place];
    if (is_in_part(&parts[i], (hf_slice){(const char *)v->bytes, v->size})) return true;
  }
  return false;
}

struct search {
  hf_slice order;
  bool found;
};

static bool is_it(hf_slice position, hf_slice order, void *arg) {
  (void)position;
  struct search *s = arg;
  s->found = compare(order, s->order) == 0;
  return !s->found;
}

static bool has_entry(const hf__lookup *in, const hf__cover_part *parts, size_t count, hf_slice order) {
  const hf_persist *p = in->persist;
  struct search s = {.order = order};
  hf_error err;
  for (size_t i = 0; i < count && !s.found; i++) {
    const hf_index_walk which = {.ranges = parts[i].ranges, .count = parts[i].count};
    const hf_index *index = hf_index_set_at(in->set, parts[i].place);
    if (p->backend->index_each(p->impl, in->txn, p->collection, index, &which, is_it, &s, &err)) return false;
  }
  return s.found;
}

bool hf__lookup_is_damaged(const hf__lookup *in, const hf__cover_part *parts, size_t count, const hf_key *key) {
  hf__lookup at = *in;
  const hf_persist *p = in->persist;
  hf_buffer json = HF_BUFFER_INIT;
  hf_info info = {0};
  hf_error err;
  hf_txn *own = NULL;
  if (hf__lookup_begin_moment(&at, &own, &err)) return false;
  hf_status got = at.txn ? p->backend->get(p->impl, at.txn, p->collection, key, &json, &info, &err) : HF_CORRUPT;
  bool other = got == HF_NOT_FOUND ||
               (got == HF_OK && !hf__lookup_is_within(at.set, parts, count, (hf_slice){json.data, json.size}));
  bool damaged = other && has_entry(&at, parts, count, key->order);
  hf_txn_abort(own);
  hf_buffer_free(&json);
  return damaged;
}
