/* SPDX-License-Identifier: MIT
 *
 * Comparing sums: see sums_check.h.
 */
#include "sums_check.h"

#include <stdio.h>

enum { TEXT_MOST = 200 };

static bool is_same(const hf__lmdb_sum *a, const hf__lmdb_sum *b) { return a->count == b->count && a->hash == b->hash; }

static bool is_empty(const hf__lmdb_sum *s) { return !s->count && !s->hash; }

/* Whether another collection has what this one had. */
static bool is_renamed(const struct hf__lmdb_tally *t, const struct hf__lmdb_counted *c) {
  for (size_t i = 0; i < t->count; i++) {
    const struct hf__lmdb_counted *other = &t->collections[i];
    if (other->is_there && is_empty(&other->written) && is_same(&other->found, &c->written)) return true;
  }
  return false;
}

/* Whether another collection has a name of the same hash, and so may have its sum in the mark at the same place. */
static bool shares_sum(const struct hf__lmdb_tally *t, const struct hf__lmdb_counted *c) {
  for (size_t i = 0; i < t->count; i++)
    if (&t->collections[i] != c && t->collections[i].name_hash == c->name_hash) return true;
  return false;
}

static const char *are(uint64_t n) { return n == 1 ? "entity is" : "entities are"; }

static const char *were(uint64_t n) { return n == 1 ? "was" : "were"; }

/* What is wrong with a collection.  False: it is no damage. */
static bool describe(const struct hf__lmdb_tally *t, const struct hf__lmdb_counted *c, char out[TEXT_MOST]) {
  unsigned long long there = c->found.count, written = c->written.count;
  static const char same[] = "as many entities are there as were written, %llu, ";
  if (shares_sum(t, c)) {
    snprintf(out, TEXT_MOST, "what was written is not known: the hash of its name is that of another one's");
    return false;
  }
  if (!c->is_there) {
    snprintf(out, TEXT_MOST, "a collection is not there, in which %llu %s written%s", written, were(written),
             is_renamed(t, c) ? ": they are under another name, which is damaged" : "");
  } else if (is_empty(&c->written)) {
    snprintf(out, TEXT_MOST, "%llu %s there, and none was written under this name", there, are(there));
  } else if (there != written) {
    snprintf(out, TEXT_MOST, "%llu %s there, %llu %s written", there, are(there), written, were(written));
  } else {
    bool damage = !hf__lmdb_tally_doubts(t, c->name_hash);
    int n = snprintf(out, TEXT_MOST, same, there);
    snprintf(
        out + n, TEXT_MOST - (size_t)n, "%s",
        damage ? "and not the same: one is older or damaged, or was damaged when it was overwritten or removed"
               : "and whether they are the same cannot be told any more, since a damaged one is or was in quarantine");
    return damage;
  }
  return true;
}

void hf__lmdb_sums_check(const struct hf__lmdb_tally *t, uint64_t commit, hf__lmdb_sums_tell *tell, void *arg) {
  static const char forgotten[] = "the store has counts of what was written, and not the word that they are kept up: "
                                  "what it keeps of itself is damaged";
  static const char stale[] = "another program has written to the store: what should be there is known again after the "
                              "next write";
  const hf_slice none = {NULL, 0};
  bool any = false;
  for (size_t i = 0; i < t->count; i++) any |= !is_empty(&t->collections[i].written);
  if (!t->keeps_sums && any) tell(arg, none, forgotten, true); /* nothing takes the feature away */
  if (t->keeps_sums && t->mark != commit) tell(arg, none, stale, false);
  if (!t->keeps_sums || t->mark != commit) return;
  for (size_t i = 0; i < t->count; i++) {
    const struct hf__lmdb_counted *c = &t->collections[i];
    char text[TEXT_MOST];
    if (is_same(&c->found, &c->written)) continue;
    bool damage = describe(t, c, text);
    if (!tell(arg, c->name, text, damage)) return;
  }
}
