/* SPDX-License-Identifier: MIT
 *
 * What a damaged store has kept of itself: see rescue_own.h.
 */
#include "rescue_own.h"

#include <string.h>

#include "meta.h"

static bool is_but_for(hf_slice name, const char *text, unsigned bytes) {
  if (name.size != strlen(text)) return false;
  unsigned others = 0;
  for (size_t i = 0; i < name.size; i++) others += name.data[i] != text[i];
  return others <= bytes;
}

static bool is_one_of_ours(hf_slice name, unsigned bytes) {
  static const char *const ours[] = {META_DB, QUARANTINE_DB, INDEX_DB, LOG_DB, HISTORY_DB, EXPIRY_DB};
  for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
    if (is_but_for(name, ours[i], bytes)) return true;
  return false;
}

bool hf__lmdb_is_own(hf_slice name) { return is_one_of_ours(name, 0); }

bool hf__lmdb_may_be_own(hf_slice name) { return !hf__lmdb_is_entity_name(name) || is_one_of_ours(name, 1); }

static bool begins_with(hf_slice key, const char *prefix) {
  size_t n = strlen(prefix);
  return key.size > n && memcmp(key.data, prefix, n) == 0;
}

bool hf__lmdb_is_meta_key(hf_slice key) {
  return is_but_for(key, META_FORMAT, 0) || is_but_for(key, META_GAPS, 0) || begins_with(key, META_SETTING) ||
         begins_with(key, META_FEATURE) || begins_with(key, META_INDEX);
}

void hf__lmdb_written_back(struct hf__lmdb_tally *tally, hf_slice name, hf_slice record, hf_slice id) {
  MDB_val value = hf__lmdb_val(record);
  hf__lmdb_tally_add(tally, name, &value, id);
}

/* The number under which the records of a damaged name are apart; 0: the name is sound, or none was found. */
static uint64_t apart_of(const hf__lmdb_names *names, hf_slice name) {
  for (uint32_t i = 1; i <= names->count; i++) {
    hf_slice text = names->list[i].text;
    if (text.size == name.size && memcmp(text.data, name.data, name.size) == 0) return names->list[i].apart;
  }
  return 0;
}

/* The collection that is not there, and of which this is what was written; NULL: none. */
static struct hf__lmdb_counted *find_former(struct hf__lmdb_tally *t, const struct hf__lmdb_counted *c) {
  for (size_t i = 0; i < t->count; i++) {
    struct hf__lmdb_counted *other = &t->collections[i];
    if (!other->is_there && other->written.count == c->found.count && other->written.hash == c->found.hash)
      return other;
  }
  return NULL;
}

/* Has each collection that is there under a damaged name take the sum of its own; that of the former name is empty
 * then. */
static bool take_former(struct hf__lmdb_tally *t, struct hf__lmdb_counted *c) {
  bool is_strange = c->name.data && c->found.count && !c->written.count && !c->written.hash;
  struct hf__lmdb_counted *former = is_strange ? find_former(t, c) : NULL;
  if (!former) return false;
  c->written = former->written;
  former->written = (hf__lmdb_sum){0, 0};
  return true;
}

bool hf__lmdb_tell_written(struct hf__lmdb_tally *tally, uint64_t commit, bool whole, const hf__lmdb_names *names,
                           hf_rescue_fn fn, void *arg, bool *known) {
  hf__lmdb_tally_end(tally);
  *known = tally->keeps_sums || tally->marked.count;
  *known &= tally->mark == commit;
  for (size_t i = 0; i < tally->count && *known; i++) {
    struct hf__lmdb_counted *c = &tally->collections[i];
    const hf__lmdb_sum *there = &c->found, *written = &c->written;
    bool is_renamed = take_former(tally, c);
    bool is_unknown = !whole && !written->count && !written->hash;
    if (is_unknown || (!there->count && !written->count)) continue;
    hf_rescued out = {.kind = HF_RESCUE_WRITTEN,
                      .entity_name = c->name,
                      .apart = apart_of(names, c->name),
                      .written = written->count,
                      .back = there->count,
                      .is_renamed = is_renamed};
    out.is_other =
        there->count == written->count && there->hash != written->hash && !hf__lmdb_tally_doubts(tally, c->name_hash);
    if (!fn(arg, &out)) return false;
  }
  return true;
}
