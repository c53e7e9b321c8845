/* SPDX-License-Identifier: MIT
 *
 * Revisions in a commit that parts share: see revisions.h.
 */
#include "core/revisions.h"

#include "base/error.h"
#include "core/order.h"
#include "core/page.h"
#include "core/transaction.h"

static bool has_written(const hf__commit *commit, const hf_persist *p, const hf_key *key) {
  return commit->written.count && hf__written_has(&commit->written, hf__written_hash(p->name, key->order));
}

hf_status hf__revisions_reserve(size_t puts, hf_error *err) {
  bool in_part;
  hf__commit *commit = hf__txn_commit_shared(&in_part);
  return commit && in_part && !hf__written_reserve(&commit->written, puts) ? hf__no_memory(err) : HF_OK;
}

bool hf__revisions_refuse(const hf_persist *p, const hf_key *key) {
  bool in_part;
  const hf__commit *commit = hf__txn_commit_shared(&in_part);
  return commit && has_written(commit, p, key);
}

void hf__revisions_note(const hf_persist *p, const hf_put *puts, size_t count) {
  bool in_part;
  hf__commit *commit = hf__txn_commit_shared(&in_part);
  if (!commit) return;
  commit->written_apart |= !in_part;
  for (size_t i = 0; i < count && in_part; i++)
    hf__written_add(&commit->written, hf__written_hash(p->name, puts[i].key.order));
}

void hf__revisions_hide(const hf_persist *p, const hf_key *key, hf_info *info) {
  bool in_part;
  const hf__commit *commit = hf__txn_commit_shared(&in_part);
  if (!commit || (!in_part && !commit->written.count)) return;
  if (!(p->backend->capabilities & HF_CAP_REVISION)) return;
  bool is_withheld = in_part && !info->revision; /* by the store that a class wraps */
  if (is_withheld || (in_part && commit->written_apart) || has_written(commit, p, key))
    info->revision = HF_REVISION_UNKNOWN;
}

void hf__revisions_hide_entries(const hf_persist *p, hf_page *page, size_t first) {
  bool in_part;
  const hf__commit *commit = hf__txn_commit_shared(&in_part);
  if (!commit || (!in_part && !commit->written.count)) return;
  for (size_t i = first; i < page->count; i++) {
    unsigned char order[HF__ORDER_KEY_MAX];
    hf_entry *e = &page->entries[i];
    size_t size = e->info.revision ? hf_order_key(e->id, order) : 0;
    hf_key key = {e->id, {(const char *)order, size}};
    if (size) hf__revisions_hide(p, &key, &e->info);
  }
}

bool hf__revisions_are_hidden(void) {
  bool in_part;
  return hf__txn_commit_shared(&in_part) && in_part;
}
