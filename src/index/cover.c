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

#include <string.h>

#include "index/nodes.h"
#include "index/why.h"

enum {
  ENOUGH = 8,        /* so few entries are not worth looking for fewer */
  ROOM_FIRST = 6000, /* bytes: mostly it is enough */
  ROUND_FIRST = 32,  /* entries that are counted at most in the first round, and how many times as many in the next */
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
  bool sure;
  hf__cover_count_fn *count;
  void *arg;
  unsigned counts_left;
};

/* ---- counting */

/* The zone as a part, made where it is new; NULL: out of memory. */
static struct counted *part_of(struct maker *m, size_t place, const hf__zone *zone) {
  for (struct counted *known = m->counted; known; known = known->next)
    if (known->zone == zone && known->part.place == place) return known;
  struct counted *made = hf__zones_take(&m->zones, sizeof *made);
  hf__zone_ranges ranges = {.count = 0};
  const hf__zone *doubt = &hf__zone_all;
  if (m->sure) doubt = hf__view_zone(m->views[place], m->condition->root, HF__NOT_TRUE);
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
  return limit;
}

/* ---- choosing */

static const struct solution *solve(struct maker *m, unsigned node, enum hf__unless unless, uint64_t limit);

static struct solution *new_solution(struct maker *m) {
  struct solution *s = hf__zones_take(&m->zones, sizeof *s);
  if (s) memset(s, 0, sizeof *s);
  return s;
}

/* Whether there is nothing better to be looked for. */
static bool is_enough(const struct solution *best, uint64_t limit) { return best ? best->count <= ENOUGH : limit == 0; }

/* The index by itself that covers a node with the fewest entries. */
static const struct solution *solve_by_one(struct maker *m, unsigned node, enum hf__unless unless, uint64_t limit) {
  struct solution *best = NULL;
  for (size_t i = 0; i < m->set->count && !is_enough(best, limit); i++) {
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
  const struct solution *other = !is_enough(first, limit) ? solve_together(m, second, 2, limit) : NULL;
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
  const struct solution *by_parts = !is_enough(best, less) ? solve_by_parts(m, node, unless, less) : NULL;
  if (by_parts) best = by_parts;
  found->best = best;
  if (!best) found->none_below = limit;
  return best;
}

/* ---- why there is none */

/* Counts nothing: of what could lead somewhere, the first is the best. */
static uint64_t count_as_wanted(const hf__cover_part *part, uint64_t most, void *arg) {
  const hf__why *why = arg;
  return why->over >> part->place & 1 ? 0 : most;
}

/* Looks again, whatever the counts are: what is found then has too many entries. */
static unsigned indexes_of_parts(struct maker *m, hf__why *why) {
  unsigned indexes = 0;
  memset(m->found, 0, (m->condition->root + 1U) * sizeof *m->found);
  m->counted = NULL;
  m->count = count_as_wanted;
  m->arg = why;
  const struct solution *s = solve(m, m->condition->root, HF__NOT_FALSE, UINT64_MAX);
  for (size_t i = 0; s && i < m->set->count; i++)
    if (s->zone[i]) indexes |= 1U << i;
  return indexes;
}

static const char *why_not(struct maker *m, uint64_t most) {
  const uint32_t *twin = NULL;
  for (size_t i = 0; i < m->set->count; i++)
    if (m->views[i]) twin = m->views[i]->twin;
  hf__why why = hf__why_of(m->condition, m->set, twin);
  unsigned each = why.over & usable(m, (struct wanted){m->condition->root, HF__NOT_FALSE});
  if (each) return hf__why_too_many(&why, each, false, most);
  unsigned together = m->counts_left > 0 ? indexes_of_parts(m, &why) : 0;
  return together ? hf__why_too_many(&why, together, true, most) : hf__why_nothing(&why);
}

/* ---- covers */

/* Rounds: few entries are found before many are counted. */
static const struct solution *search(struct maker *m, uint64_t limit) {
  const struct solution *best = NULL;
  for (uint64_t round = ROUND_FIRST; !best; round *= ROUND_TIMES) {
    if (round > limit / ROUND_TIMES) round = limit;
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
  m->found = hf__zones_take(&m->zones, size);
  if (why) *why = "there was no memory to look for an index";
  if (!m->found || !hf__views_make(&m->zones, m->condition, m->set, m->views)) return NULL;
  memset(m->found, 0, size);
  const struct solution *best = search(m, limit);
  hf__cover *cover = best ? end(m, best) : NULL;
  if (why && !best && !m->zones.failed) *why = why_not(m, most);
  return cover;
}

hf__cover *hf__cover_make(const hf__cover_wish *wish, const char **why) {
  struct maker m = {.condition = wish->condition,
                    .set = wish->set,
                    .sure = wish->sure,
                    .count = wish->count,
                    .arg = wish->arg,
                    .counts_left = COUNTS_MAX};
  if (hf__room_take(&m.zones.room, ROOM_FIRST)) hf__room_reset(m.zones.room);
  hf__cover *cover = make(&m, wish->most, why);
  if (!cover) hf__room_free(m.zones.room);
  return cover;
}

void hf__cover_free(hf__cover *cover) {
  if (cover) hf__room_free(((struct owned *)(void *)cover)->room);
}
