/* SPDX-License-Identifier: MIT
 *
 * Testing an entity: evaluating a condition's nodes over its text.
 *
 * The results are Lua's over the decoded value.  What raises there, or is not known,
 * makes everything so that needs it, and is noted for hf__condition_reason().
 */
#include "base/json.h"
#include "condition/node.h"
#include "condition/room.h"
#include "condition/text.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define rare __attribute__((noinline, cold))

/* Functions that make a value write it to `out` and give its kind. */

static rare hf__kind raises(hf_condition *c, hf__reason reason, hf__value *out) {
  c->reason = reason;
  return out->kind = HF__KIND_RAISES;
}

static rare hf__kind ask(hf_condition *c, hf__reason reason, hf__value *out) {
  c->reason = reason;
  return out->kind = HF__KIND_ASK;
}

static rare hf__kind not_json(hf_condition *c, hf__value *out) {
  return ask(c, (hf__reason){.why = HF__REASON_NOT_JSON}, out);
}

static inline hf__kind give_kind(hf__kind kind, hf__value *out) { return out->kind = kind; }

static inline hf__kind give_truth(bool truth, hf__value *out) {
  return out->kind = truth ? HF__KIND_TRUE : HF__KIND_FALSE;
}

static inline hf__kind give_number(double number, hf__value *out) {
  out->number = number;
  return out->kind = HF__KIND_NUMBER;
}

static inline hf__kind give_text(const char *data, size_t size, hf__value *out) {
  out->text = (hf_slice){data, size};
  return out->kind = HF__KIND_TEXT;
}

/* ------------------------------------------------------------------- paths */

static rare hf__kind escaped_text(hf_condition *c, const hf__string *string, hf__value *out) {
  char *plain = hf__room_take(&c->room, (size_t)(string->close - string->first));
  if (!plain) return ask(c, (hf__reason){.why = HF__REASON_MEMORY}, out);
  char *last = hf__json_unescape(string->first, string->close, plain);
  return last ? give_text(plain, (size_t)(last - plain), out) : not_json(c, out);
}

static inline hf__kind text_at(hf_condition *c, const char *p, const char *end, hf__value *out) {
  hf__string string = hf__string_at(p + 1, end);
  if (unlikely(!string.close)) return not_json(c, out);
  if (unlikely(string.escaped)) return escaped_text(c, &string, out);
  return give_text(string.first, (size_t)(string.close - string.first), out);
}

/* The value whose text begins at `p`. */
static hf__kind value_at(hf_condition *c, const char *p, hf__value *out) {
  const char *end = c->json.data + c->json.size;
  if (unlikely(p >= end)) return not_json(c, out);
  switch (*p) {
  case '"': return text_at(c, p, end, out);
  case '{':
  case '[': out->table = p; return out->kind = HF__KIND_TABLE;
  case 't': return give_kind(HF__KIND_TRUE, out);
  case 'f': return give_kind(HF__KIND_FALSE, out);
  case 'n': return give_kind(HF__KIND_NULL, out);
  default: return hf__number_at(p, end, &out->number) ? give_kind(HF__KIND_NUMBER, out) : not_json(c, out);
  }
}

/* What a path gives that leads nowhere in this text. */
static rare hf__kind nothing_at(hf_condition *c, uint32_t place, hf__value *out) {
  uint32_t parent = c->places.at[place].parent;
  if (!c->found[parent]) {
    if (!hf__kind_is_known(nothing_at(c, parent, out))) return out->kind;
    return raises(c, (hf__reason){.why = HF__REASON_INDEX, .place = parent, .kind = HF__KIND_NIL}, out);
  }
  hf__kind in = value_at(c, c->found[parent], out);
  if (in == HF__KIND_TABLE) return give_kind(HF__KIND_NIL, out);
  if (in == HF__KIND_TEXT) return ask(c, (hf__reason){.why = HF__REASON_METHOD, .place = place}, out);
  if (!hf__kind_is_known(in)) return in;
  return raises(c, (hf__reason){.why = HF__REASON_INDEX, .place = parent, .kind = in}, out);
}

static inline void look(hf_condition *c) {
  if (c->looked) return;
  c->looked = true;
  c->how = c->find(&c->places, c->json, c->found);
}

static hf__kind path(hf_condition *c, const hf__node *node, hf__value *out) {
  look(c);
  if (unlikely(c->how == HF__FOUND_NO_JSON)) return not_json(c, out);
  const char *p = c->found[node->number];
  return likely(p != NULL) ? value_at(c, p, out) : nothing_at(c, node->number, out);
}

/* ---------------------------------------------------------------- operands */

static hf__kind compute(hf_condition *c, const hf__node *node, hf__value *out);

static rare hf__kind no_parameter(hf_condition *c) {
  c->reason = (hf__reason){.why = HF__REASON_PARAMETER};
  return HF__KIND_ASK;
}

/* The value of a node, which may be in `room`.  See its kind first: it may be none. */
static const hf__value *value_of(hf_condition *c, unsigned number, hf__value *room) {
  const hf__node *node = &c->nodes[number];
  if (node->given) {
    if (unlikely(node->given->kind == HF__KIND_ASK)) no_parameter(c);
    return node->given;
  }
  if (likely(!node->shared)) {
    compute(c, node, room);
    return room;
  }
  hf__kept *kept = &c->kept[number];
  if (kept->stamp != c->stamp) {
    compute(c, node, &kept->value);
    kept->stamp = c->stamp;
  }
  return &kept->value;
}

/* ------------------------------------------------------------- comparisons */

static hf__kind compare(hf_condition *c, const hf__value *a, const hf__value *b, bool or_equal, hf__value *out) {
  if (likely(a->kind == HF__KIND_NUMBER && b->kind == HF__KIND_NUMBER))
    return give_truth(or_equal ? a->number <= b->number : a->number < b->number, out);
  if (a->kind == HF__KIND_TEXT && b->kind == HF__KIND_TEXT) {
    int order = hf__text_order(a->text, b->text);
    return give_truth(or_equal ? order <= 0 : order < 0, out);
  }
  return raises(c, (hf__reason){.why = HF__REASON_COMPARE, .kind = a->kind, .other = b->kind}, out);
}

static hf__kind relation(hf_condition *c, uint8_t code, const hf__value *a, const hf__value *b, hf__value *out) {
  switch (code) {
  case HF_OPERATOR_EQ: return give_truth(hf__value_equal(a, b), out);
  case HF_OPERATOR_NE: return give_truth(!hf__value_equal(a, b), out);
  case HF_OPERATOR_LT: return compare(c, a, b, false, out);
  case HF_OPERATOR_LE: return compare(c, a, b, true, out);
  case HF_OPERATOR_GT: return compare(c, b, a, false, out);
  default: return compare(c, b, a, true, out);
  }
}

/* Whether a path leads to a text, which JSON writes as it is, without going over what is there: 1, 0, or -1: not that
 * easily said. */
static inline int is_text(hf_condition *c, const hf__node *node, hf_slice text) {
  look(c);
  const char *p = c->how == HF__FOUND_NO_JSON ? NULL : c->found[node->number];
  if (unlikely(!p)) return -1;
  if (*p != '"') return 0;
  size_t left = (size_t)(c->json.data + c->json.size - p);
  if (left >= text.size + 2 && p[text.size + 1] == '"' && hf__same_bytes(p + 1, text.data, text.size)) return 1;
  return c->how == HF__FOUND_PLAIN ? 0 : -1;
}

static hf__kind equality(hf_condition *c, const hf__node *node, hf__value *out) {
  const hf__node *left = &c->nodes[node->operand[0]], *right = &c->nodes[node->operand[1]];
  if (left->code == HF__NODE_PATH && right->given && right->given->kind == HF__KIND_TEXT && right->given->is_plain) {
    int is = is_text(c, left, right->given->text);
    if (likely(is >= 0)) return give_truth(is == (node->code == HF_OPERATOR_EQ), out);
  }
  return HF__KIND_ASK;
}

/* -------------------------------------------------------------- arithmetic */

/* Why a value that is no number cannot be reckoned with. */
static rare hf__kind no_number(hf_condition *c, uint16_t node, hf__kind kind, hf__value *out) {
  if (kind == HF__KIND_TEXT) return ask(c, (hf__reason){.why = HF__REASON_COERCE, .node = node}, out);
  return raises(c, (hf__reason){.why = HF__REASON_ARITHMETIC, .node = node, .kind = kind}, out);
}

static hf__kind arithmetic(hf_condition *c, const hf__node *node, const hf__value *a, const hf__value *b,
                           hf__value *out) {
  if (unlikely(a->kind != HF__KIND_NUMBER)) return no_number(c, node->operand[0], a->kind, out);
  if (unlikely(b->kind != HF__KIND_NUMBER)) return no_number(c, node->operand[1], b->kind, out);
  double x = a->number, y = b->number;
  switch (node->code) {
  case HF_OPERATOR_ADD: return give_number(x + y, out);
  case HF_OPERATOR_SUB: return give_number(x - y, out);
  case HF_OPERATOR_MUL: return give_number(x * y, out);
  case HF_OPERATOR_MOD:
    if (!hf__number_modulo_is_sure(x, y)) return ask(c, (hf__reason){.why = HF__REASON_MODULO}, out);
    return give_number(hf__number_modulo(x, y), out);
  default:
    if (y == 0 && !HF__HAS_NEGATIVE_ZERO) return ask(c, (hf__reason){.why = HF__REASON_ZERO}, out);
    return give_number(x / y, out);
  }
}

static hf__kind binary(hf_condition *c, const hf__node *node, hf__value *out) {
  hf__value rooms[2];
  if (node->code <= HF_OPERATOR_NE && hf__kind_is_known(equality(c, node, out))) return out->kind;
  const hf__value *a = value_of(c, node->operand[0], &rooms[0]);
  if (unlikely(!hf__kind_is_known(a->kind))) return give_kind(a->kind, out);
  const hf__value *b = value_of(c, node->operand[1], &rooms[1]);
  if (unlikely(!hf__kind_is_known(b->kind))) return give_kind(b->kind, out);
  return node->code <= HF_OPERATOR_GE ? relation(c, node->code, a, b, out) : arithmetic(c, node, a, b, out);
}

/* ------------------------------------------------------------------- texts */

static hf__kind length(hf_condition *c, const hf__node *node, const hf__value *a, hf__value *out) {
  if (a->kind == HF__KIND_TEXT) return give_number((double)a->text.size, out);
  hf__reason reason = {.why = HF__REASON_LENGTH, .node = node->operand[0], .kind = a->kind};
  return a->kind == HF__KIND_TABLE ? ask(c, reason, out) : raises(c, reason, out);
}

/* An argument of a method that is not of the kind that was hoped for.  Texts and numbers may become one another, and
 * nil may stand for what is left out. */
static rare hf__kind bad_argument(hf_condition *c, hf__kind kind, bool may_lack, hf__value *out) {
  hf__reason reason = {.why = HF__REASON_ARGUMENT, .kind = kind};
  bool may_do = kind == HF__KIND_NUMBER || kind == HF__KIND_TEXT || (may_lack && kind == HF__KIND_NIL);
  return may_do ? ask(c, reason, out) : raises(c, reason, out);
}

/* s:find(text, 1, true), or one of the matches of plain text. */
static hf__kind search(hf_condition *c, uint8_t code, hf_slice in, const hf__value *text, hf__value *out) {
  if (unlikely(text->kind != HF__KIND_TEXT)) return bad_argument(c, text->kind, false, out);
  hf_slice what = text->text;
  if (code == HF_OPERATOR_FIND) {
    size_t at = hf__text_find(in, what);
    return at ? give_number((double)at, out) : give_kind(HF__KIND_NIL, out);
  }
  bool fits = code == HF_OPERATOR_IS ? in.size == what.size : in.size >= what.size;
  if (!fits) return give_kind(HF__KIND_NIL, out);
  const char *from = code == HF_OPERATOR_ENDS ? in.data + (in.size - what.size) : in.data;
  if (!hf__same_bytes(from, what.data, what.size)) return give_kind(HF__KIND_NIL, out);
  return give_text(what.data, what.size, out);
}

/* Takes a whole number that no conversion changes. */
static bool take_whole(const hf__value *value, int32_t *whole) {
  if (value->kind != HF__KIND_NUMBER || !(value->number >= INT32_MIN && value->number <= INT32_MAX)) return false;
  *whole = (int32_t)value->number;
  return value->number == *whole;
}

static hf__kind sub(hf_condition *c, hf_slice in, const hf__value *from, const hf__value *to, hf__value *out) {
  int32_t first, last;
  if (!take_whole(from, &first)) return bad_argument(c, from->kind, true, out);
  if (!take_whole(to, &last)) return bad_argument(c, to->kind, true, out);
  hf_slice text = hf__text_sub(in, first, last);
  return give_text(text.data, text.size, out);
}

/* A method of the first operand: that is indexed before the others are evaluated, and called after. */
static hf__kind method(hf_condition *c, const hf__node *node, hf__value *out) {
  hf__value rooms[3];
  const hf__value *s = value_of(c, node->operand[0], &rooms[0]), *arguments[2];
  if (unlikely(!hf__kind_is_known(s->kind))) return give_kind(s->kind, out);
  if (unlikely(s->kind != HF__KIND_TEXT && s->kind != HF__KIND_TABLE)) {
    hf__reason reason = {.why = HF__REASON_INDEX, .node = node->operand[0], .place = UINT32_MAX, .kind = s->kind};
    return raises(c, reason, out);
  }
  int count = node->code == HF_OPERATOR_SUBSTR ? 2 : 1;
  for (int i = 0; i < count; i++) {
    arguments[i] = value_of(c, node->operand[i + 1], &rooms[i + 1]);
    if (unlikely(!hf__kind_is_known(arguments[i]->kind))) return give_kind(arguments[i]->kind, out);
  }
  if (unlikely(s->kind == HF__KIND_TABLE)) return raises(c, (hf__reason){.why = HF__REASON_CALL}, out);
  if (count == 2) return sub(c, s->text, arguments[0], arguments[1], out);
  return search(c, node->code, s->text, arguments[0], out);
}

static hf__kind unary(hf_condition *c, const hf__node *node, hf__value *out) {
  hf__value room;
  const hf__value *a = value_of(c, node->operand[0], &room);
  if (unlikely(!hf__kind_is_known(a->kind))) return give_kind(a->kind, out);
  if (node->code == HF_OPERATOR_LEN) return length(c, node, a, out);
  if (node->code == HF_OPERATOR_NEG)
    return a->kind == HF__KIND_NUMBER ? give_number(-a->number, out) : no_number(c, node->operand[0], a->kind, out);
  const char *name = hf__kind_name(a->kind);
  return give_text(name, strlen(name), out);
}

/* ------------------------------------------------------------------- logic */

/* `and`, `or` and `if`: the first operand decides which other one is the result. */
static hf__kind choice(hf_condition *c, const hf__node *node, hf__value *out) {
  const hf__value *a = value_of(c, node->operand[0], out);
  if (hf__kind_is_known(a->kind)) {
    bool truth = hf__kind_is_true(a->kind);
    if (node->code == HF_OPERATOR_IF)
      a = value_of(c, node->operand[truth ? 1 : 2], out);
    else if (truth == (node->code == HF_OPERATOR_AND))
      a = value_of(c, node->operand[1], out);
  }
  if (a != out) *out = *a;
  return out->kind;
}

static hf__kind compute(hf_condition *c, const hf__node *node, hf__value *out) {
  switch (node->code) {
  case HF_OPERATOR_AND:
  case HF_OPERATOR_OR:
  case HF_OPERATOR_IF: return choice(c, node, out);
  case HF_OPERATOR_NOT: {
    const hf__value *a = value_of(c, node->operand[0], out);
    return hf__kind_is_known(a->kind) ? give_truth(!hf__kind_is_true(a->kind), out) : give_kind(a->kind, out);
  }
  case HF_OPERATOR_NEG:
  case HF_OPERATOR_LEN:
  case HF_OPERATOR_TYPE: return unary(c, node, out);
  case HF_OPERATOR_FIND:
  case HF_OPERATOR_SUBSTR:
  case HF_OPERATOR_BEGINS:
  case HF_OPERATOR_ENDS:
  case HF_OPERATOR_IS: return method(c, node, out);
  case HF__NODE_PATH: return path(c, node, out);
  case HF__NODE_ID: return give_text(c->id.data, c->id.size, out);
  case HF__NODE_METHOD: return ask(c, (hf__reason){.why = HF__REASON_METHOD}, out);
  case HF__NODE_UNKNOWN: return ask(c, (hf__reason){.why = HF__REASON_UNKNOWN}, out);
  case HF__NODE_TOO_DEEP: return ask(c, (hf__reason){.why = HF__REASON_TOO_DEEP}, out);
  default: return binary(c, node, out);
  }
}

/* Whether a node depends on nothing but constants and parameters, and whether each operand has a value that is known.
 */
static bool is_constant(const hf_condition *c, const bool *constant, const hf__node *node, bool *known) {
  unsigned count = hf__node_operands(node->code);
  *known = true;
  for (unsigned i = 0; i < count; i++) {
    const hf__node *operand = &c->nodes[node->operand[i]];
    if (!constant[node->operand[i]]) return false;
    if (!operand->given || !hf__kind_is_known(operand->given->kind)) *known = false;
  }
  return count > 0;
}

void hf__condition_fold(hf_condition *c, bool *folds) {
  bool constant[HF_CONDITION_NODES_MAX], known;
  *folds = false;
  for (unsigned i = 0; i <= c->root; i++) {
    hf__node *node = &c->nodes[i];
    constant[i] = node->code == HF__NODE_CONSTANT || node->code == HF__NODE_PARAMETER;
    if (node->code >= HF_OPERATOR_COUNT || !is_constant(c, constant, node, &known)) continue;
    constant[i] = *folds = true;
    hf__value *value = &c->kept[i].value;
    node->given = NULL;
    if (known && hf__kind_is_known(compute(c, node, value))) node->given = value;
  }
}

/* No result of an earlier test is one of this. */
static inline void begin(hf_condition *c, hf_slice id, hf_slice json) {
  c->id = id;
  c->json = json;
  c->looked = false;
  if (unlikely(c->room != NULL)) hf__room_reset(c->room);
  if (unlikely(++c->stamp == 0)) {
    for (unsigned i = 0; i < c->count; i++) c->kept[i].stamp = 0;
    c->stamp = 1;
  }
}

hf_answer hf__condition_test(hf_condition *c, hf_slice id, hf_slice json) {
  hf__value room;
  begin(c, id, json);
  hf__kind kind = value_of(c, c->root, &room)->kind;
  if (unlikely(!hf__kind_is_known(kind))) return kind == HF__KIND_ASK ? HF_ANSWER_ASK : HF_ANSWER_RAISES;
  return hf__kind_is_true(kind) ? HF_ANSWER_YES : HF_ANSWER_NO;
}
