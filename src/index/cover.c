/* SPDX-License-Identifier: MIT
 *
 * Which entries of indexes a condition leads to: see cover.h.
 *
 * One index by itself covers a condition by the zone of its root (nodes.h).  Several do together where the condition
 * is made of parts, each of which has an index: of `a or b`, what covers a and what covers b; of `a and b`, what covers
 * a, or what covers those for which a is neither true nor false and what covers b.  Of all these the one with the
 * fewest entries is taken.  Counting costs time, too: it is done in rounds, up to a few entries first.
 */
#include "index/cover.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "index/nodes.h"

enum {
  ROUND_FIRST = 32, /* entries that are counted at most in the first round, and how many times as many in the next */
  ROUND_TIMES = 32,
  COUNTS_MAX = 100, /* calls of the counter for one cover */
};

/* What a caller gets: freed with all that was made on the way to it. */
struct owned {
  hf__cover cover;
  hf__room *room;
};

/* A zone of an index as a part of a cover, and how many entries it has. */
struct counted {
  struct counted *next;
  const hf__zone *zone;
  hf__cover_part part;
  uint64_t count; /* at least so many; or exactly */
  bool is_exact;
};

/* What covers a node: for each index a zone, or NULL. */
struct solution {
  const hf__zone *zone[HF_INDEXES_MAX];
  uint64_t count; /* of its entries, at most */
};

/* What is known of covers of a node. */
struct found {
  const struct solution *best; /* NULL: there is none with fewer than `none_below` entries */
  uint64_t none_below;
};

struct maker {
  hf__zones zones;
  const hf_condition *condition;
  const hf_index_set *set;
  hf__view *views[HF_INDEXES_MAX];
  struct found (*found)[HF__UNLESS_COUNT]; /* for each node */
  struct counted *counted;
  hf__cover_count_fn *count;
  void *arg;
  unsigned counts_left;
  unsigned tried; /* indexes whose entries were too many, as bits */
};

/* ---- counting */

/* The zone as a part, made where it is new; NULL: out of memory. */
static struct counted *part_of(struct maker *m, size_t place, const hf__zone *zone) {
  for (struct counted *known = m->counted; known; known = known->next)
    if (known->zone == zone && known->part.place == place) return known;
  struct counted *made = hf__zones_take(&m->zones, sizeof *made);
  hf__zone_ranges ranges = {.count = 0};
  const hf__zone *doubt = hf__view_zone(m->views[place], m->condition->root, HF__NOT_TRUE);
  if (!made || !hf__zone_write(&m->zones, zone, doubt, &ranges)) return NULL;
  *made = (struct counted){.next = m->counted, .zone = zone};
  made->part = (hf__cover_part){place, ranges.ranges, ranges.is_sure, ranges.count};
  made->is_exact = ranges.count == 0;
  return m->counted = made;
}

/* How many entries a zone has, if they are fewer than `limit`; otherwise limit. */
static uint64_t count_below(struct maker *m, size_t place, const hf__zone *zone, uint64_t limit) {
  struct counted *part = part_of(m, place, zone);
  if (!part) return limit;
  if (!part->is_exact && part->count < limit && m->counts_left > 0) {
    m->counts_left--;
    part->count = m->count(&part->part, limit, m->arg);
    part->is_exact = part->count < limit;
  }
  if (part->is_exact && part->count < limit) return part->count;
  m->tried |= 1U << place;
  return limit;
}

/* ---- choosing */

static const struct solution *solve(struct maker *m, unsigned node, enum hf__unless unless, uint64_t limit);

static struct solution *new_solution(struct maker *m) {
  struct solution *s = hf__zones_take(&m->zones, sizeof *s);
  if (s) memset(s, 0, sizeof *s);
  return s;
}

/* The index by itself that covers a node with the fewest entries. */
static const struct solution *solve_by_one(struct maker *m, unsigned node, enum hf__unless unless, uint64_t limit) {
  struct solution *best = NULL;
  for (size_t i = 0; i < m->set->count && limit > 0; i++) {
    const hf__zone *zone = m->views[i] ? hf__view_zone(m->views[i], node, unless) : &hf__zone_all;
    if (zone == &hf__zone_all) continue;
    uint64_t count = count_below(m, i, zone, limit);
    if (count >= limit) continue;
    best = new_solution(m);
    if (!best) return NULL;
    best->zone[i] = zone;
    best->count = limit = count;
  }
  return best;
}

/* A node, and for what it is to be covered. */
struct wanted {
  unsigned node;
  enum hf__unless unless;
};

/* Covers all of these. */
static const struct solution *solve_all(struct maker *m, const struct wanted *wanted, unsigned count, uint64_t limit) {
  struct solution *all = new_solution(m);
  for (unsigned i = 0; i < count && all; i++) {
    const struct solution *one =
        all->count < limit ? solve(m, wanted[i].node, wanted[i].unless, limit - all->count) : NULL;
    if (!one) return NULL;
    all->count += one->count;
    for (size_t j = 0; j < m->set->count; j++)
      if (one->zone[j])
        all->zone[j] = all->zone[j] ? hf__zone_join(&m->zones, all->zone[j], one->zone[j]) : one->zone[j];
  }
  return all;
}

/* The indexes that cover a node by themselves, as bits. */
static unsigned usable(struct maker *m, struct wanted w) {
  unsigned bits = 0;
  for (size_t i = 0; i < m->set->count; i++)
    if (m->views[i] && hf__view_zone(m->views[i], w.node, w.unless) != &hf__zone_all) bits |= 1U << i;
  return bits;
}

/* Whether the same one index covers all of these: it was tried for them together. */
static bool is_by_one(struct maker *m, const struct wanted *wanted, unsigned count) {
  unsigned bits = usable(m, wanted[0]);
  if (bits == 0 || (bits & (bits - 1)) != 0) return false;
  for (unsigned i = 1; i < count; i++)
    if (usable(m, wanted[i]) != bits) return false;
  return true;
}

static const struct solution *solve_together(struct maker *m, const struct wanted *wanted, unsigned count,
                                             uint64_t limit) {
  return is_by_one(m, wanted, count) ? NULL : solve_all(m, wanted, count, limit);
}

/* Of `a and b` for what is not false, of `a or b` for what is not true: a, or b and what a says neither of. */
static const struct solution *solve_either(struct maker *m, const hf__node *node, enum hf__unless unless,
                                           uint64_t limit) {
  const struct wanted second[] = {{node->operand[0], HF__NEITHER}, {node->operand[1], unless}};
  const struct solution *first = solve(m, node->operand[0], unless, limit);
  if (first) limit = first->count;
  const struct solution *other = limit > 0 ? solve_together(m, second, 2, limit) : NULL;
  return other ? other : first;
}

static const struct solution *solve_by_parts(struct maker *m, unsigned number, enum hf__unless unless, uint64_t limit) {
  static const enum hf__unless opposite[] = {HF__NOT_TRUE, HF__NOT_FALSE, HF__NEITHER};
  const hf__node *node = &m->condition->nodes[number];
  const struct wanted both[] = {{node->operand[0], unless}, {node->operand[1], unless}};
  switch (node->code) {
  case HF_OPERATOR_NOT: return solve(m, node->operand[0], opposite[unless], limit);
  case HF_OPERATOR_AND:
    return unless == HF__NOT_FALSE ? solve_either(m, node, unless, limit) : solve_together(m, both, 2, limit);
  case HF_OPERATOR_OR:
    return unless == HF__NOT_TRUE ? solve_either(m, node, unless, limit) : solve_together(m, both, 2, limit);
  case HF_OPERATOR_IF: {
    const struct wanted all[] = {
        {node->operand[0], HF__NEITHER}, {node->operand[1], unless}, {node->operand[2], unless}};
    return solve_together(m, all, 3, limit);
  }
  case HF_OPERATOR_EQ:
  case HF_OPERATOR_NE: return unless == HF__NEITHER ? solve_together(m, both, 2, limit) : NULL;
  case HF_OPERATOR_TYPE: return unless == HF__NOT_FALSE ? NULL : solve(m, node->operand[0], HF__NEITHER, limit);
  default: return NULL;
  }
}

/* What covers a node with fewer than `limit` entries; NULL: nothing. */
static const struct solution *solve(struct maker *m, unsigned node, enum hf__unless unless, uint64_t limit) {
  struct found *found = &m->found[node][unless];
  if (found->best) return found->best->count < limit ? found->best : NULL;
  if (limit <= found->none_below) return NULL;
  const struct solution *best = solve_by_one(m, node, unless, limit);
  uint64_t less = best ? best->count : limit;
  const struct solution *by_parts = less > 0 ? solve_by_parts(m, node, unless, less) : NULL;
  if (by_parts) best = by_parts;
  found->best = best;
  if (!best) found->none_below = limit;
  return best;
}

/* ---- reasons */

static _Thread_local char sentence[300];

static const char *say(const char *text) {
  snprintf(sentence, sizeof sentence, "%s", text);
  return sentence;
}

static void add(const char *fmt, ...) HF_PRINTF(1, 2);
static void add(const char *fmt, ...) {
  size_t size = strlen(sentence);
  va_list args;
  va_start(args, fmt);
  vsnprintf(sentence + size, sizeof sentence - size, fmt, args);
  va_end(args);
}

/* Adds a count as people write it: 50,000. */
static void add_count(uint64_t count) {
  if (count >= 1000) {
    add_count(count / 1000);
    add(",%03u", (unsigned)(count % 1000));
  } else {
    add("%u", (unsigned)count);
  }
}

static void add_path(const hf__places *places, uint32_t place) {
  const hf__place *at = &places->at[place];
  if (at->parent) add_path(places, at->parent);
  if (at->key)
    add("%s%.*s", at->parent ? "." : "", (int)at->size - 2, at->key + 1);
  else
    add("%s[%u]", at->parent ? "" : "v", (unsigned)at->item);
}

/* Whether an index that is ready is over a path of the condition. */
static bool is_over(const struct maker *m, const uint32_t *twin, uint32_t place) {
  for (size_t i = 0; i < m->set->count; i++)
    for (unsigned n = 0; m->views[i] && n < m->set->at[i].count; n++)
      if (m->set->at[i].place[n] == twin[place]) return true;
  return false;
}

/* Names paths that have no index; none, where one has. */
static const char *why_nothing(const struct maker *m) {
  const hf_condition *c = m->condition;
  const uint32_t *twin = NULL;
  unsigned count = 0;
  for (size_t i = 0; i < m->set->count; i++)
    if (m->views[i]) twin = m->views[i]->twin;
  if (!twin) return say(m->set->count ? "no index is built yet" : "there is no index");
  say("no index is over ");
  for (unsigned i = 0; i <= c->root; i++) {
    const hf__node *node = &c->nodes[i];
    if (node->code != HF__NODE_PATH || node->number == 0) continue;
    if (is_over(m, twin, node->number))
      return say("no index decides: what one is over is not compared with a value, or another part may raise first");
    if (count < 3) add("%s", count ? ", " : "");
    if (count++ < 3) add_path(&c->places, node->number);
  }
  if (count > 3) add(", ...");
  return count ? sentence : say("the condition compares no field");
}

static const char *why_too_many(const struct maker *m, uint64_t most) {
  unsigned count = 0;
  say("");
  for (size_t i = 0; i < m->set->count; i++) {
    if (!(m->tried >> i & 1)) continue;
    hf_slice name = m->set->at[i].index.name;
    add("%s%.*s", count++ ? ", " : "", (int)(name.size < 60 ? name.size : 60), name.data);
  }
  char names[sizeof sentence];
  memcpy(names, sentence, sizeof names);
  say(count == 1 ? "the index " : "each of the indexes ");
  add("%.150s leads to more than ", names);
  add_count(most);
  add(" entities");
  return sentence;
}

/* ---- covers */

/* Rounds: few entries are found before many are counted. */
static const struct solution *search(struct maker *m, uint64_t limit) {
  const struct solution *best = NULL;
  for (uint64_t round = ROUND_FIRST; !best; round *= ROUND_TIMES) {
    if (round > limit / ROUND_TIMES) round = limit;
    m->tried = 0;
    best = solve(m, m->condition->root, HF__NOT_FALSE, round);
    if (round == limit) break;
  }
  return best;
}

static hf__cover *end(struct maker *m, const struct solution *s) {
  struct owned *owned = hf__zones_take(&m->zones, sizeof *owned);
  hf__cover_part *parts = hf__zones_take(&m->zones, (m->set->count + 1) * sizeof *parts);
  if (!owned || !parts) return NULL;
  *owned = (struct owned){.cover = {.parts = parts}};
  for (size_t i = 0; i < m->set->count; i++) {
    if (!s->zone[i]) continue;
    struct counted *part = part_of(m, i, s->zone[i]);
    if (!part) return NULL;
    if (part->part.count) parts[owned->cover.count++] = part->part;
  }
  owned->room = m->zones.room;
  return &owned->cover;
}

static hf__cover *make(struct maker *m, uint64_t most, const char **why) {
  size_t size = (m->condition->root + 1U) * sizeof *m->found;
  uint64_t limit = most < UINT64_MAX ? most + 1 : most;
  const char *no_memory = "there was no memory to look for an index";
  m->found = hf__zones_take(&m->zones, size);
  *why = no_memory;
  if (!m->found || !hf__views_make(&m->zones, m->condition, m->set, m->views)) return NULL;
  memset(m->found, 0, size);
  const struct solution *best = search(m, limit);
  hf__cover *cover = best ? end(m, best) : NULL;
  if (!m->zones.failed && !best) *why = m->tried ? why_too_many(m, most) : why_nothing(m);
  return cover;
}

hf__cover *hf__cover_make(const hf_condition *condition, const hf_index_set *set, uint64_t most,
                          hf__cover_count_fn *count, void *arg, const char **why) {
  struct maker m = {.condition = condition, .set = set, .count = count, .arg = arg, .counts_left = COUNTS_MAX};
  hf__cover *cover = make(&m, most, why);
  if (!cover) hf__room_free(m.zones.room);
  return cover;
}

void hf__cover_free(hf__cover *cover) {
  if (cover) hf__room_free(((struct owned *)(void *)cover)->room);
}
