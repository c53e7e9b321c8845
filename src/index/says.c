/* SPDX-License-Identifier: MIT
 *
 * What one comparison says of entities: see says.h.
 */
#include "index/says.h"

#include <math.h>
#include <string.h>

/* What a test may say of an entity: any of these. */
enum { FALSE_ = 1, TRUE_ = 2, NOTHING = 4, ANY = FALSE_ | TRUE_ | NOTHING };

/* The classes of what is at a path, in their order, as kinds of values.  RAISES: it cannot be walked. */
static const hf__kind kinds[] = {HF__KIND_NULL,  HF__KIND_FALSE, HF__KIND_TRUE,   HF__KIND_NUMBER, HF__KIND_TEXT,
                                 HF__KIND_TABLE, HF__KIND_NIL,   HF__KIND_RAISES, HF__KIND_RAISES, HF__KIND_RAISES};
enum { NULL_, TABLE = 5, NOWHERE = 7, IN_NULL, UNWALKABLE, CLASSES = sizeof kinds / sizeof *kinds };

/* What is said of values of one kind: of those before what is given, of that, and of those after it. */
typedef struct saying {
  unsigned of[3];
} saying;

static saying all_are(unsigned what) { return (saying){{what, what, what}}; }
static unsigned any_of(saying s) { return s.of[0] | s.of[1] | s.of[2]; }
static unsigned is(bool truth) { return truth ? TRUE_ : FALSE_; }

/* ---- tests */

/* Whether a node is a path, or the id, perhaps with what stands for nothing there. */
static bool take_path(const hf_condition *c, unsigned number, hf__test *test) {
  const hf__node *node = &c->nodes[number];
  if (node->code == HF_OPERATOR_OR) {
    test->otherwise = c->nodes[node->operand[1]].given;
    if (!test->otherwise || !hf__kind_is_known(test->otherwise->kind)) return false;
    if (test->otherwise->kind == HF__KIND_NUMBER && isnan(test->otherwise->number)) return false;
    node = &c->nodes[node->operand[0]];
  }
  test->of_id = node->code == HF__NODE_ID;
  test->place = node->number;
  return test->of_id || node->code == HF__NODE_PATH;
}

static bool take_left(const hf_condition *c, unsigned number, hf__test *test) {
  const hf__node *node = &c->nodes[number];
  test->of_type = node->code == HF_OPERATOR_TYPE && test->code <= HF_OPERATOR_NE;
  return take_path(c, test->of_type ? node->operand[0] : number, test);
}

static uint8_t mirrored(uint8_t code) {
  switch (code) {
  case HF_OPERATOR_LT: return HF_OPERATOR_GT;
  case HF_OPERATOR_LE: return HF_OPERATOR_GE;
  case HF_OPERATOR_GT: return HF_OPERATOR_LT;
  case HF_OPERATOR_GE: return HF_OPERATOR_LE;
  default: return code;
  }
}

static bool is_comparison(uint8_t code) { return code >= HF_OPERATOR_EQ && code <= HF_OPERATOR_GE; }

bool hf__test_of(const hf_condition *c, unsigned number, hf__test *test) {
  const hf__node *node = &c->nodes[number];
  unsigned left = node->operand[0], right = node->operand[1];
  *test = (hf__test){.code = node->code};
  if (node->code == HF__NODE_PATH) return take_path(c, number, test);
  bool is_method = node->code == HF_OPERATOR_FIND || (node->code >= HF_OPERATOR_BEGINS && node->code <= HF_OPERATOR_IS);
  if (!is_comparison(node->code) && !is_method) return false;
  if (is_comparison(node->code) && c->nodes[left].given) {
    test->code = mirrored(node->code);
    left = right;
    right = node->operand[0];
  }
  test->given = c->nodes[right].given;
  if (!test->given || !hf__kind_is_known(test->given->kind)) return false;
  if (is_method && test->given->kind != HF__KIND_TEXT) return false;
  return take_left(c, left, test);
}

/* ---- what they say */

static saying equality(const hf__test *test, hf__kind kind) {
  const hf__value *given = test->given;
  bool equal = test->code == HF_OPERATOR_EQ;
  if (test->of_type) {
    const char *name = hf__kind_name(kind);
    bool same = given->kind == HF__KIND_TEXT && given->text.size == strlen(name) &&
                memcmp(given->text.data, name, given->text.size) == 0;
    return all_are(is(same == equal));
  }
  if (kind != given->kind) return all_are(is(!equal));
  if (kind == HF__KIND_NUMBER && isnan(given->number)) return all_are(is(!equal));
  if (kind != HF__KIND_NUMBER && kind != HF__KIND_TEXT) return all_are(is(equal));
  return (saying){{is(!equal), is(equal), is(!equal)}};
}

static saying order(const hf__test *test, hf__kind kind) {
  if (kind != test->given->kind || (kind != HF__KIND_NUMBER && kind != HF__KIND_TEXT)) return all_are(NOTHING);
  if (kind == HF__KIND_NUMBER && isnan(test->given->number)) return all_are(FALSE_);
  switch (test->code) {
  case HF_OPERATOR_LT: return (saying){{TRUE_, FALSE_, FALSE_}};
  case HF_OPERATOR_LE: return (saying){{TRUE_, TRUE_, FALSE_}};
  case HF_OPERATOR_GT: return (saying){{FALSE_, FALSE_, TRUE_}};
  default: return (saying){{FALSE_, TRUE_, TRUE_}};
  }
}

/* The same for values of a kind, if nothing stands for them. */
static saying says_plainly(const hf__test *test, hf__kind kind) {
  if (!hf__kind_is_known(kind)) return all_are(NOTHING);
  switch (test->code) {
  case HF__NODE_PATH: return all_are(is(hf__kind_is_true(kind)));
  case HF_OPERATOR_EQ:
  case HF_OPERATOR_NE: return equality(test, kind);
  case HF_OPERATOR_LT:
  case HF_OPERATOR_LE:
  case HF_OPERATOR_GT:
  case HF_OPERATOR_GE: return order(test, kind);
  default: break;
  }
  if (kind != HF__KIND_TEXT) return all_are(NOTHING);
  bool by_order = test->code == HF_OPERATOR_BEGINS || test->code == HF_OPERATOR_IS;
  return by_order ? (saying){{FALSE_, TRUE_, FALSE_}} : all_are(FALSE_ | TRUE_);
}

/* What is said of one value, which is known. */
static unsigned says_of(const hf__test *test, const hf__value *value) {
  saying s = says_plainly(test, value->kind);
  if (s.of[0] == s.of[1] && s.of[1] == s.of[2]) return s.of[0];
  const hf__value *given = test->given;
  if (value->kind == HF__KIND_NUMBER)
    return s.of[1 + (value->number > given->number) - (value->number < given->number)];
  if (test->code == HF_OPERATOR_BEGINS)
    return is(value->text.size >= given->text.size &&
              hf__same_bytes(value->text.data, given->text.data, given->text.size));
  int difference = hf__text_order(value->text, given->text);
  return s.of[1 + (difference > 0) - (difference < 0)];
}

static saying says(const hf__test *test, hf__kind kind) {
  if (test->otherwise && (kind == HF__KIND_NIL || kind == HF__KIND_FALSE))
    return all_are(says_of(test, test->otherwise));
  return says_plainly(test, kind);
}

static unsigned says_of_kind(const hf__test *test, hf__kind kind) { return any_of(says(test, kind)); }

/* What is said of false, true, numbers and texts. */
static unsigned says_of_scalars(const hf__test *test) {
  unsigned what = 0;
  for (unsigned i = NULL_ + 1; i < TABLE; i++) what |= says_of_kind(test, kinds[i]);
  return what;
}

/* ---- places */

static bool same_key(const hf__place *a, const hf__place *b) {
  if (!a->key || !b->key) return a->key == b->key && a->item == b->item;
  return a->size == b->size && memcmp(a->key, b->key, a->size) == 0;
}

void hf__find_twins(const hf__places *from, const hf__places *to, uint32_t *twin) {
  twin[0] = 0;
  for (uint32_t i = 1; i < from->count; i++) {
    uint32_t parent = twin[from->at[i].parent], child = 0;
    if (parent != HF__NO_TWIN) child = to->at[parent].child;
    while (child && !same_key(&from->at[i], &to->at[child])) child = to->at[child].sibling;
    twin[i] = child ? child : HF__NO_TWIN;
  }
}

/* Whether a place is in another, or is it. */
static bool is_within(const hf__places *places, uint32_t place, uint32_t in) {
  while (place > in) place = places->at[place].parent;
  return place == in;
}

static unsigned says_of_any(const hf__test *test) {
  return says_of_scalars(test) | says_of_kind(test, HF__KIND_NULL) | says_of_kind(test, HF__KIND_TABLE) |
         says_of_kind(test, HF__KIND_NIL);
}

/* The same where what it tests is a table if the axis can be walked: `in`, or what that is in. */
static void says_of_tables(const hf__test *test, uint32_t own, uint32_t in, const hf__places *places, unsigned *of) {
  unsigned table = says_of_kind(test, HF__KIND_TABLE), around = own == in ? 0 : table;
  unsigned null = says_of_kind(test, HF__KIND_NULL), nil = says_of_kind(test, HF__KIND_NIL);
  for (unsigned i = 0; i < NOWHERE; i++) of[i] = table;
  of[NOWHERE] = of[IN_NULL] = around;
  of[UNWALKABLE] = says_of_scalars(test) | around;
  if (own == 0) { /* which is null where nothing of it can be walked, and never nil */
    of[UNWALKABLE] |= null;
  } else {
    unsigned raises = places->at[own].parent ? NOTHING : 0; /* where what it is in is nil or null */
    of[NOWHERE] |= nil | raises;
    of[IN_NULL] |= null | raises;
    of[UNWALKABLE] |= NOTHING;
  }
  if (in == 0) of[NOWHERE] = of[IN_NULL] = of[UNWALKABLE]; /* no field of the entity is one of these */
}

/* Fills in what the test says of entities by the class of what they have at the axis.  False: nothing that helps. */
static bool says_by_class(const hf__test *test, const hf__axis *axis, unsigned *of) {
  uint32_t own = axis->twin[test->place], in = axis->places->at[axis->place].parent;
  uint32_t parent = test->place ? axis->twin[axis->asked->at[test->place].parent] : HF__NO_TWIN;
  if (own != HF__NO_TWIN && is_within(axis->places, in, own)) {
    says_of_tables(test, own, in, axis->places, of);
  } else if (parent == axis->place) {
    for (unsigned i = 0; i < CLASSES; i++) of[i] = i == TABLE ? says_of_any(test) : NOTHING;
  } else if (parent != HF__NO_TWIN && is_within(axis->places, in, parent)) {
    unsigned any = says_of_any(test);
    for (unsigned i = 0; i < NOWHERE; i++) of[i] = any;
    of[UNWALKABLE] = parent == in ? NOTHING : any | NOTHING;
    of[NOWHERE] = of[IN_NULL] = parent == 0 && parent != in ? any : of[UNWALKABLE]; /* then the entity is a table */
  } else {
    return false;
  }
  return true;
}

/* ---- zones */

enum { PIECES_MAX = CLASSES + 4 };

/* A zone that is being made of what a test says. */
struct making {
  hf__zone_piece pieces[PIECES_MAX];
  unsigned count;
  unsigned wanted; /* what may be said of its values */
};

/* Bounds that are the same have the same bytes in memory. */
static void add(struct making *m, hf_slice lower, hf_slice upper, unsigned what) {
  if (!(what & m->wanted)) return;
  if (m->count && m->pieces[m->count - 1].upper.data == lower.data)
    m->pieces[m->count - 1].upper = upper;
  else
    m->pieces[m->count++] = (hf__zone_piece){lower, upper, &hf__zone_all};
}

static void add_class(struct making *m, unsigned i, unsigned what) {
  unsigned class = (i + 1) * HF__INDEX_CLASS_STEP;
  add(m, hf__zone_class(class), hf__zone_class(class + HF__INDEX_CLASS_STEP), what);
}

/* The first bytes after all that begin with these. */
static hf_slice after(hf__zones *z, hf_slice bytes) {
  size_t size = bytes.size;
  while (size > 1 && (unsigned char)bytes.data[size - 1] == 0xFF) size--;
  char *copy = hf__zones_take(z, size);
  if (!copy) return (hf_slice){NULL, 0};
  memcpy(copy, bytes.data, size);
  copy[size - 1] = (char)((unsigned char)copy[size - 1] + 1);
  return (hf_slice){copy, size};
}

/* The bytes of what is given; *is_cut: of others, too. */
static hf_slice bytes_of(hf__zones *z, const hf__test *test, size_t most, bool *is_cut) {
  unsigned char bytes[HF_INDEX_VALUE_MAX], *end;
  *is_cut = false;
  if (test->given->kind == HF__KIND_NUMBER)
    end = hf__index_put_number(bytes, test->given->number);
  else
    end = hf__index_put_text(bytes, most, test->given->text, is_cut);
  if (test->code == HF_OPERATOR_BEGINS && !*is_cut) end -= 2;
  size_t size = (size_t)(end - bytes);
  char *copy = hf__zones_take(z, size);
  if (copy) memcpy(copy, bytes, size);
  return (hf_slice){copy, size};
}

/* Adds the class of numbers or texts where it matters how they compare with what is given. */
static bool add_compared(struct making *m, hf__zones *z, const hf__test *test, size_t most, unsigned class, saying s) {
  bool is_cut;
  hf_slice lower = bytes_of(z, test, most, &is_cut), upper = {NULL, 0};
  if (lower.data) upper = after(z, lower);
  if (!upper.data) return false;
  if (hf__zone_order(hf__zone_class(class), lower) < 0) add(m, hf__zone_class(class), lower, s.of[0]);
  add(m, lower, upper, is_cut ? any_of(s) : s.of[1]);
  if (hf__zone_order(upper, hf__zone_class(class + HF__INDEX_CLASS_STEP)) < 0)
    add(m, upper, hf__zone_class(class + HF__INDEX_CLASS_STEP), s.of[2]);
  return true;
}

/* The zone where the axis is the path of the test. */
static bool add_own(struct making *m, hf__zones *z, const hf__test *test, size_t most) {
  for (unsigned i = 0; i < CLASSES; i++) {
    saying s = says(test, kinds[i]);
    if (s.of[0] == s.of[1] && s.of[1] == s.of[2])
      add_class(m, i, s.of[0]);
    else if (!add_compared(m, z, test, most, (i + 1) * HF__INDEX_CLASS_STEP, s))
      return false;
  }
  return true;
}

const hf__zone *hf__test_zone(hf__zones *z, const hf__test *test, const hf__axis *axis, enum hf__unless unless) {
  static const unsigned wanted[] = {TRUE_ | NOTHING, FALSE_ | NOTHING, NOTHING};
  struct making m;
  unsigned of[CLASSES];
  m.count = 0;
  m.wanted = wanted[unless];
  if (test->of_id) return any_of(says(test, HF__KIND_TEXT)) & m.wanted ? &hf__zone_all : &hf__zone_none;
  if (axis->twin[test->place] == axis->place)
    return add_own(&m, z, test, axis->most) ? hf__zone_of(z, m.pieces, m.count) : &hf__zone_all;
  if (!says_by_class(test, axis, of)) return &hf__zone_all;
  for (unsigned i = 0; i < CLASSES; i++) add_class(&m, i, of[i]);
  return hf__zone_of(z, m.pieces, m.count);
}
