/* SPDX-License-Identifier: MIT
 *
 * The zones of nodes: see nodes.h.
 *
 * Those of a node come out of those of its operands: `a and b` is not surely false where a is not, and a is neither, or
 * b is not surely false.  That holds for each index by itself, for whatever an entity has there.
 */
#include "index/nodes.h"

#include <string.h>

/* ---- views */

/* Paths that are looked at as if they were indexes, in conditions with at most so many nodes. */
enum { PATHS_MAX = 16, NODES_MAX = 256 };

static hf__view *make_view(hf__zones *z, const hf_condition *c, const hf__places *places, const uint32_t *twin) {
  hf__view *view = hf__zones_take(z, sizeof *view);
  size_t size = (c->root + 1U) * sizeof *view->known;
  if (!view) return NULL;
  *view = (hf__view){.condition = c, .zones = z, .places = places, .twin = twin};
  view->known = hf__zones_take(z, size);
  if (!view->known) return NULL;
  memset(view->known, 0, size);
  return view;
}

bool hf__views_make(hf__zones *z, const hf_condition *c, const hf_index_set *set, hf__view **views) {
  uint32_t *twin = hf__zones_take(z, c->places.count * sizeof *twin);
  struct hf__view **paths = hf__zones_take(z, (PATHS_MAX + 1) * sizeof *paths);
  if (!twin || !paths) return false;
  hf__find_twins(&c->places, &set->places, twin);
  memset(paths, 0, (PATHS_MAX + 1) * sizeof *paths);
  for (size_t i = 0; i < set->count; i++) {
    const hf__indexed *x = &set->at[i];
    views[i] = NULL;
    if (!x->index.ready) continue;
    hf__view *view = views[i] = make_view(z, c, &set->places, twin);
    if (!view) return false;
    view->place = x->place;
    view->count = x->count;
    view->most = hf__index_part_max(x->count);
    view->paths = paths;
  }
  return true;
}

/* ---- comparisons */

/* What holds at one path holds for the whole value: what is known from all of them. */
static const hf__zone *test_zone(const hf__view *view, const hf__test *test, enum hf__unless unless) {
  const hf__zone *zone = &hf__zone_all;
  hf__axis axis = {.places = view->places, .most = view->most, .asked = &view->condition->places, .twin = view->twin};
  for (unsigned i = 0; i < view->count; i++) {
    axis.place = view->place[i];
    const hf__zone *here = hf__test_zone(view->zones, test, &axis, unless);
    zone = hf__zone_meet(view->zones, zone, hf__zone_from(view->zones, here, i));
  }
  return zone;
}

/* ---- logic */

static const hf__zone *join(const hf__view *view, const hf__zone *a, const hf__zone *b) {
  return hf__zone_join(view->zones, a, b);
}

static const hf__zone *meet(const hf__view *view, const hf__zone *a, const hf__zone *b) {
  return hf__zone_meet(view->zones, a, b);
}

/* `a and b` where `goes_on` and `stops` are not false and not true, and the other way round for `a or b`: */
static const hf__zone *chain(hf__view *view, const hf__node *node, enum hf__unless unless, enum hf__unless goes_on,
                             enum hf__unless stops) {
  unsigned a = node->operand[0], b = node->operand[1];
  if (unless == stops) {
    /* It stops in a, or a goes on and it does in b. */
    const hf__zone *first = hf__view_zone(view, a, stops);
    if (first == &hf__zone_all) return first;
    return join(view, first, meet(view, hf__view_zone(view, a, goes_on), hf__view_zone(view, b, stops)));
  }
  const hf__zone *first = hf__view_zone(view, a, goes_on);
  const hf__zone *second = hf__view_zone(view, b, unless), *neither = hf__view_zone(view, a, HF__NEITHER);
  if (unless == goes_on) return meet(view, first, join(view, neither, second));
  return join(view, neither, meet(view, first, second));
}

/* `if c then a else b` */
static const hf__zone *choice(hf__view *view, const hf__node *node, enum hf__unless unless) {
  unsigned c = node->operand[0];
  const hf__zone *yes =
      meet(view, hf__view_zone(view, c, HF__NOT_FALSE), hf__view_zone(view, node->operand[1], unless));
  const hf__zone *no = meet(view, hf__view_zone(view, c, HF__NOT_TRUE), hf__view_zone(view, node->operand[2], unless));
  return join(view, hf__view_zone(view, c, HF__NEITHER), join(view, yes, no));
}

static const hf__zone *logic(hf__view *view, const hf__node *node, enum hf__unless unless) {
  static const enum hf__unless opposite[] = {HF__NOT_TRUE, HF__NOT_FALSE, HF__NEITHER};
  switch (node->code) {
  case HF_OPERATOR_NOT: return hf__view_zone(view, node->operand[0], opposite[unless]);
  case HF_OPERATOR_AND: return chain(view, node, unless, HF__NOT_FALSE, HF__NOT_TRUE);
  case HF_OPERATOR_OR: return chain(view, node, unless, HF__NOT_TRUE, HF__NOT_FALSE);
  default: return choice(view, node, unless);
  }
}

/* ---- what is known elsewhere */

/* The path of this place as if it were an index; NULL: there are too many, or no memory. */
static hf__view *view_of_path(hf__view *view, uint32_t place) {
  const hf_condition *c = view->condition;
  unsigned i = 0;
  while (i < PATHS_MAX && view->paths[i] && *view->paths[i]->place != place) i++;
  if (i == PATHS_MAX || view->paths[i]) return i == PATHS_MAX ? NULL : view->paths[i];
  uint32_t *own = hf__zones_take(view->zones, (c->places.count + 1) * sizeof *own);
  hf__view *path = own ? make_view(view->zones, c, &c->places, own) : NULL;
  if (!path) return NULL;
  for (uint32_t j = 0; j < c->places.count; j++) own[j] = j;
  own[c->places.count] = place;
  path->place = &own[c->places.count];
  path->count = 1;
  path->most = hf__index_part_max(1);
  path->paths = view->paths;
  path->is_path = true;
  return view->paths[i] = path;
}

/* Whether a zone over one path has nothing but what cannot be walked. */
static bool is_unwalkable(const hf__zone *zone) {
  return zone == &hf__zone_none || hf__zone_order(zone->pieces[0].lower, hf__zone_class(HF__INDEX_NOWHERE)) >= 0;
}

/* `type(x) == "number" and x > 0` raises for no number, although neither half says so by itself of entities by what
 * they have elsewhere: it is looked at by x, and raises at most where x cannot be walked. */
static const hf__zone *guarded(hf__view *view, unsigned number) {
  const hf_condition *c = view->condition;
  const hf__zone *zone = &hf__zone_all;
  for (unsigned i = 0; i < number && number < NODES_MAX; i++) {
    const hf__node *node = &c->nodes[i];
    hf__view *path = NULL;
    if (node->code == HF__NODE_PATH && node->number != 0) path = view_of_path(view, node->number);
    if (!path) continue;
    const hf__zone *there = hf__view_zone(path, number, HF__NEITHER);
    if (there == &hf__zone_none) return there;
    if (!is_unwalkable(there)) continue;
    hf__test test = {.code = HF__NODE_PATH, .place = node->number};
    zone = meet(view, zone, test_zone(view, &test, HF__NEITHER));
  }
  return zone;
}

/* The place of the condition that an index's place is in; 0: that is the entity, or the condition does not have it. */
static uint32_t place_around(const hf__view *view, uint32_t place) {
  uint32_t parent = view->places->at[place].parent;
  if (view->is_path || parent == 0) return parent;
  for (uint32_t i = view->condition->places.count; i-- > 1;)
    if (view->twin[i] == parent) return i;
  return 0;
}

static bool has_class(const hf__zone *zone, unsigned first, unsigned last) {
  hf_slice lower = hf__zone_class(first), upper = hf__zone_class(last + HF__INDEX_CLASS_STEP);
  for (size_t i = 0; i < zone->count; i++)
    if (hf__zone_order(zone->pieces[i].lower, upper) < 0 && hf__zone_order(lower, zone->pieces[i].upper) < 0)
      return true;
  return false;
}

/* What a path of an index may be by what that is which it is in: `type(x) == "table" and x.y == 1` is false where x.y
 * cannot be walked. */
static const hf__zone *within(hf__view *view, unsigned number, enum hf__unless unless, unsigned path) {
  uint32_t around = place_around(view, view->place[path]);
  hf__view *other = around ? view_of_path(view, around) : NULL;
  const hf__zone *zone = other ? hf__view_zone(other, number, unless) : &hf__zone_all;
  if (zone == &hf__zone_all || zone == &hf__zone_none) return zone;
  hf__zone_piece pieces[4];
  size_t count = 0;
  bool raises = has_class(zone, HF__INDEX_UNWALKABLE, HF__INDEX_UNWALKABLE);
  const struct {
    bool is;
    unsigned first, end;
  } parts[] = {
      {has_class(zone, HF__INDEX_TABLE, HF__INDEX_TABLE), HF__INDEX_NULL, HF__INDEX_NOWHERE},
      {has_class(zone, HF__INDEX_MISSING, HF__INDEX_NOWHERE), HF__INDEX_NOWHERE, HF__INDEX_IN_NULL},
      {has_class(zone, HF__INDEX_NULL, HF__INDEX_NULL) || has_class(zone, HF__INDEX_IN_NULL, HF__INDEX_IN_NULL),
       HF__INDEX_IN_NULL, HF__INDEX_UNWALKABLE},
      {has_class(zone, HF__INDEX_FALSE, HF__INDEX_TEXT) || raises, HF__INDEX_UNWALKABLE,
       HF__INDEX_UNWALKABLE + HF__INDEX_CLASS_STEP},
  };
  for (unsigned i = 0; i < 4; i++)
    if (parts[i].is)
      pieces[count++] = (hf__zone_piece){hf__zone_class(parts[i].first), hf__zone_class(parts[i].end), &hf__zone_all};
  return hf__zone_from(view->zones, hf__zone_of(view->zones, pieces, count), path);
}

/* What is known of a node by itself, and what elsewhere. */
static const hf__zone *both(hf__view *view, unsigned number, enum hf__unless unless, const hf__zone *zone) {
  if (zone == &hf__zone_all && unless == HF__NEITHER && !view->is_path) zone = guarded(view, number);
  for (unsigned i = 0; i < view->count && number < NODES_MAX && zone != &hf__zone_none; i++)
    zone = meet(view, zone, within(view, number, unless, i));
  return zone;
}

/* ---- nodes */

static const hf__zone *constant(hf__kind kind, enum hf__unless unless) {
  if (!hf__kind_is_known(kind)) return &hf__zone_all;
  if (unless == HF__NEITHER) return &hf__zone_none;
  return hf__kind_is_true(kind) == (unless == HF__NOT_FALSE) ? &hf__zone_all : &hf__zone_none;
}

static const hf__zone *make_zone(hf__view *view, unsigned number, enum hf__unless unless) {
  const hf__node *node = &view->condition->nodes[number];
  hf__test test;
  if (node->given) return constant(node->given->kind, unless);
  if (hf__test_of(view->condition, number, &test)) return test_zone(view, &test, unless);
  switch (node->code) {
  case HF__NODE_ID: return constant(HF__KIND_TEXT, unless);
  case HF_OPERATOR_NOT:
  case HF_OPERATOR_AND:
  case HF_OPERATOR_OR:
  case HF_OPERATOR_IF: return both(view, number, unless, logic(view, node, unless));
  case HF_OPERATOR_EQ:
  case HF_OPERATOR_NE:
    if (unless != HF__NEITHER) return &hf__zone_all;
    return join(view, hf__view_zone(view, node->operand[0], unless), hf__view_zone(view, node->operand[1], unless));
  case HF_OPERATOR_TYPE:
    return unless == HF__NOT_FALSE ? &hf__zone_all : hf__view_zone(view, node->operand[0], HF__NEITHER);
  default: return &hf__zone_all;
  }
}

const hf__zone *hf__view_zone(hf__view *view, unsigned node, enum hf__unless unless) {
  const hf__zone **known = &view->known[node][unless];
  if (!*known) *known = make_zone(view, node, unless);
  return *known;
}
