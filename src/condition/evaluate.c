/* SPDX-License-Identifier: MIT
 *
 * Testing an entity: evaluating a condition's nodes over its text.
 *
 * The results are Lua's over the decoded value.  What raises there, or is not known,
 * makes everything so that needs it, and is noted for hf__condition_reason().
 */
#include "base/json.h"
#include "base/number.h"
#include "condition/node.h"
#include "condition/room.h"
#include "condition/text.h"

/* Some machines' LuaJIT keeps whole numbers as integers, which have no -0. */
#if defined(__x86_64__) || defined(__i386__)
#define HAS_NEGATIVE_ZERO true
#else
#define HAS_NEGATIVE_ZERO false
#endif

static hf__value value_of(hf_condition *c, unsigned node);

static hf__value raises(hf_condition *c, hf__reason reason) {
  c->reason = reason;
  return hf__value_of_kind(HF__KIND_RAISES);
}

static hf__value ask(hf_condition *c, hf__reason reason) {
  c->reason = reason;
  return hf__value_of_kind(HF__KIND_ASK);
}

static bool is_known(const hf__value *value) { return hf__kind_is_known(value->kind); }

/* ------------------------------------------------------------------- paths */

static hf__value not_json(hf_condition *c) { return ask(c, (hf__reason){.why = HF__REASON_NOT_JSON}); }

static hf__value text_at(hf_condition *c, const char *p) {
  hf__string string = hf__string_at(p + 1, c->json.data + c->json.size);
  if (!string.close) return not_json(c);
  if (!string.escaped) return hf__value_of_text(string.first, (size_t)(string.close - string.first));
  char *plain = hf__room_take(&c->room, (size_t)(string.close - string.first));
  if (!plain) return ask(c, (hf__reason){.why = HF__REASON_MEMORY});
  char *last = hf__json_unescape(string.first, string.close, plain);
  return last ? hf__value_of_text(plain, (size_t)(last - plain)) : not_json(c);
}

/* The value whose text begins at `p`. */
static hf__value value_at(hf_condition *c, const char *p) {
  const char *end = c->json.data + c->json.size;
  double number;
  if (p >= end) return not_json(c);
  switch (*p) {
  case '"': return text_at(c, p);
  case '{':
  case '[': return (hf__value){.kind = HF__KIND_TABLE, .table = p};
  case 't': return hf__value_of_kind(HF__KIND_TRUE);
  case 'f': return hf__value_of_kind(HF__KIND_FALSE);
  case 'n': return hf__value_of_kind(HF__KIND_NULL);
  default: return hf__number_parse(p, end, &number) ? hf__value_of_number(number) : not_json(c);
  }
}

/* What a path gives that leads nowhere in this text. */
static hf__value nothing_at(hf_condition *c, uint32_t place) {
  uint32_t parent = c->places.at[place].parent;
  if (!c->found[parent]) {
    hf__value above = nothing_at(c, parent);
    if (!is_known(&above)) return above;
    return raises(c, (hf__reason){.why = HF__REASON_INDEX, .place = parent, .kind = HF__KIND_NIL});
  }
  hf__value in = value_at(c, c->found[parent]);
  if (in.kind == HF__KIND_TABLE) return hf__value_of_kind(HF__KIND_NIL);
  if (in.kind == HF__KIND_TEXT) return ask(c, (hf__reason){.why = HF__REASON_METHOD, .place = place});
  if (!is_known(&in)) return in;
  return raises(c, (hf__reason){.why = HF__REASON_INDEX, .place = parent, .kind = in.kind});
}

static hf__value path(hf_condition *c, const hf__node *node) {
  if (!c->looked) {
    c->looked = true;
    c->is_json = hf__places_find(&c->places, c->json, c->found);
  }
  if (!c->is_json) return not_json(c);
  const char *p = c->found[node->number];
  return p ? value_at(c, p) : nothing_at(c, node->number);
}

/* -------------------------------------------------------------- comparison */

static hf__value compare(hf_condition *c, const hf__value *a, const hf__value *b, bool or_equal) {
  if (a->kind == HF__KIND_NUMBER && b->kind == HF__KIND_NUMBER)
    return hf__value_of_truth(or_equal ? a->number <= b->number : a->number < b->number);
  if (a->kind == HF__KIND_TEXT && b->kind == HF__KIND_TEXT) {
    int order = hf__text_order(a->text, b->text);
    return hf__value_of_truth(or_equal ? order <= 0 : order < 0);
  }
  return raises(c, (hf__reason){.why = HF__REASON_COMPARE, .kind = a->kind, .other = b->kind});
}

static hf__value relation(hf_condition *c, uint8_t code, const hf__value *a, const hf__value *b) {
  switch (code) {
  case HF_OPERATOR_EQ: return hf__value_of_truth(hf__value_equal(a, b));
  case HF_OPERATOR_NE: return hf__value_of_truth(!hf__value_equal(a, b));
  case HF_OPERATOR_LT: return compare(c, a, b, false);
  case HF_OPERATOR_LE: return compare(c, a, b, true);
  case HF_OPERATOR_GT: return compare(c, b, a, false);
  default: return compare(c, b, a, true);
  }
}

/* -------------------------------------------------------------- arithmetic */

/* Why a value that is no number cannot be reckoned with. */
static hf__value no_number(hf_condition *c, uint16_t node, hf__kind kind) {
  if (kind == HF__KIND_TEXT) return ask(c, (hf__reason){.why = HF__REASON_COERCE, .node = node});
  return raises(c, (hf__reason){.why = HF__REASON_ARITHMETIC, .node = node, .kind = kind});
}

static hf__value arithmetic(hf_condition *c, const hf__node *node, const hf__value *a, const hf__value *b) {
  if (a->kind != HF__KIND_NUMBER) return no_number(c, node->operand[0], a->kind);
  if (b->kind != HF__KIND_NUMBER) return no_number(c, node->operand[1], b->kind);
  double x = a->number, y = b->number;
  switch (node->code) {
  case HF_OPERATOR_ADD: return hf__value_of_number(x + y);
  case HF_OPERATOR_SUB: return hf__value_of_number(x - y);
  case HF_OPERATOR_MUL: return hf__value_of_number(x * y);
  case HF_OPERATOR_MOD: return hf__value_of_number(hf__number_modulo(x, y));
  default:
    if (y == 0 && !HAS_NEGATIVE_ZERO) return ask(c, (hf__reason){.why = HF__REASON_ZERO});
    return hf__value_of_number(x / y);
  }
}

static hf__value negative(hf_condition *c, const hf__node *node, const hf__value *a) {
  return a->kind == HF__KIND_NUMBER ? hf__value_of_number(-a->number) : no_number(c, node->operand[0], a->kind);
}

/* ------------------------------------------------------------------- texts */

static hf__value length(hf_condition *c, const hf__node *node, const hf__value *a) {
  if (a->kind == HF__KIND_TEXT) return hf__value_of_number((double)a->text.size);
  hf__reason reason = {.why = HF__REASON_LENGTH, .node = node->operand[0], .kind = a->kind};
  return a->kind == HF__KIND_TABLE ? ask(c, reason) : raises(c, reason);
}

/* An argument of a method that is not of the kind that was hoped for.  Texts and numbers may become one another. */
static hf__value bad_argument(hf_condition *c, hf__kind kind) {
  hf__reason reason = {.why = HF__REASON_ARGUMENT, .kind = kind};
  bool may_do = kind == HF__KIND_NUMBER || kind == HF__KIND_TEXT;
  return may_do ? ask(c, reason) : raises(c, reason);
}

/* s:find(text, 1, true), or one of the matches of plain text. */
static hf__value search(hf_condition *c, uint8_t code, const hf__value *s, const hf__value *text) {
  if (text->kind != HF__KIND_TEXT) return bad_argument(c, text->kind);
  hf_slice in = s->text, what = text->text;
  bool found = in.size >= what.size;
  if (code == HF_OPERATOR_FIND) {
    size_t at = hf__text_find(in, what);
    return at ? hf__value_of_number((double)at) : hf__value_of_kind(HF__KIND_NIL);
  }
  if (code == HF_OPERATOR_IS) found = in.size == what.size;
  const char *from = code == HF_OPERATOR_ENDS && found ? in.data + (in.size - what.size) : in.data;
  if (found && what.size) found = memcmp(from, what.data, what.size) == 0;
  return found ? *text : hf__value_of_kind(HF__KIND_NIL);
}

/* A whole number that no conversion changes; else why not. */
static hf__value whole(hf_condition *c, const hf__value *value, int32_t *out) {
  if (value->kind != HF__KIND_NUMBER) {
    /* nil may stand for what is left out. */
    hf__reason reason = {.why = HF__REASON_ARGUMENT, .kind = value->kind};
    return value->kind == HF__KIND_NIL ? ask(c, reason) : bad_argument(c, value->kind);
  }
  if (!(value->number >= INT32_MIN && value->number <= INT32_MAX) || value->number != (int32_t)value->number)
    return bad_argument(c, value->kind);
  *out = (int32_t)value->number;
  return *value;
}

static hf__value sub(hf_condition *c, const hf__value *s, const hf__value *from, const hf__value *to) {
  int32_t first = 0, last = 0;
  hf__value ok = whole(c, from, &first);
  if (!is_known(&ok)) return ok;
  ok = whole(c, to, &last);
  if (!is_known(&ok)) return ok;
  hf_slice text = hf__text_sub(s->text, first, last);
  return hf__value_of_text(text.data, text.size);
}

/* A method of the first operand: that is indexed before the others are evaluated, and called after. */
static hf__value method(hf_condition *c, const hf__node *node) {
  hf__value s = value_of(c, node->operand[0]), arguments[2] = {0};
  if (!is_known(&s)) return s;
  if (s.kind != HF__KIND_TEXT && s.kind != HF__KIND_TABLE)
    return raises(c,
                  (hf__reason){.why = HF__REASON_INDEX, .node = node->operand[0], .place = UINT32_MAX, .kind = s.kind});
  unsigned count = node->code == HF_OPERATOR_SUBSTR ? 2 : 1;
  for (unsigned i = 0; i < count; i++) {
    arguments[i] = value_of(c, node->operand[i + 1]);
    if (!is_known(&arguments[i])) return arguments[i];
  }
  if (s.kind == HF__KIND_TABLE) return raises(c, (hf__reason){.why = HF__REASON_CALL});
  if (node->code == HF_OPERATOR_SUBSTR) return sub(c, &s, &arguments[0], &arguments[1]);
  return search(c, node->code, &s, &arguments[0]);
}

/* ------------------------------------------------------------------- nodes */

static hf__value unary(hf_condition *c, const hf__node *node) {
  hf__value a = value_of(c, node->operand[0]);
  if (!is_known(&a)) return a;
  switch (node->code) {
  case HF_OPERATOR_NOT: return hf__value_of_truth(!hf__kind_is_true(a.kind));
  case HF_OPERATOR_NEG: return negative(c, node, &a);
  case HF_OPERATOR_LEN: return length(c, node, &a);
  default: {
    const char *name = hf__kind_name(a.kind);
    return hf__value_of_text(name, strlen(name));
  }
  }
}

static hf__value binary(hf_condition *c, const hf__node *node) {
  hf__value a = value_of(c, node->operand[0]);
  if (!is_known(&a)) return a;
  hf__value b = value_of(c, node->operand[1]);
  if (!is_known(&b)) return b;
  return node->code <= HF_OPERATOR_GE ? relation(c, node->code, &a, &b) : arithmetic(c, node, &a, &b);
}

/* `and`, `or` and `if`: the first operand decides which other one is the result. */
static hf__value choice(hf_condition *c, const hf__node *node) {
  hf__value a = value_of(c, node->operand[0]);
  if (!is_known(&a)) return a;
  bool truth = hf__kind_is_true(a.kind);
  if (node->code == HF_OPERATOR_IF) return value_of(c, node->operand[truth ? 1 : 2]);
  return truth == (node->code == HF_OPERATOR_AND) ? value_of(c, node->operand[1]) : a;
}

static hf__value compute(hf_condition *c, const hf__node *node) {
  switch (node->code) {
  case HF_OPERATOR_AND:
  case HF_OPERATOR_OR:
  case HF_OPERATOR_IF: return choice(c, node);
  case HF_OPERATOR_NOT:
  case HF_OPERATOR_NEG:
  case HF_OPERATOR_LEN:
  case HF_OPERATOR_TYPE: return unary(c, node);
  case HF_OPERATOR_FIND:
  case HF_OPERATOR_SUBSTR:
  case HF_OPERATOR_BEGINS:
  case HF_OPERATOR_ENDS:
  case HF_OPERATOR_IS: return method(c, node);
  case HF__NODE_CONSTANT: return c->constants[node->number];
  case HF__NODE_PARAMETER:
    if (is_known(&c->parameters[node->number])) return c->parameters[node->number];
    return ask(c, (hf__reason){.why = HF__REASON_PARAMETER});
  case HF__NODE_PATH: return path(c, node);
  case HF__NODE_ID: return hf__value_of_text(c->id.data, c->id.size);
  case HF__NODE_METHOD: return ask(c, (hf__reason){.why = HF__REASON_METHOD});
  case HF__NODE_UNKNOWN: return ask(c, (hf__reason){.why = HF__REASON_UNKNOWN});
  case HF__NODE_TOO_DEEP: return ask(c, (hf__reason){.why = HF__REASON_TOO_DEEP});
  default: return binary(c, node);
  }
}

static hf__value value_of(hf_condition *c, unsigned number) {
  const hf__node *node = &c->nodes[number];
  if (!node->shared) return compute(c, node);
  hf__kept *kept = &c->kept[number];
  if (kept->stamp != c->stamp) {
    kept->value = compute(c, node);
    kept->stamp = c->stamp;
  }
  return kept->value;
}

/* No result of an earlier test is one of this. */
static void begin(hf_condition *c, hf_slice id, hf_slice json) {
  c->id = id;
  c->json = json;
  c->looked = false;
  hf__room_reset(c->room);
  if (++c->stamp == 0) {
    memset(c->kept, 0, c->count * sizeof *c->kept);
    c->stamp = 1;
  }
}

hf_answer hf__condition_test(hf_condition *c, hf_slice id, hf_slice json) {
  begin(c, id, json);
  hf__value value = value_of(c, c->root);
  if (value.kind == HF__KIND_ASK) return HF_ANSWER_ASK;
  if (value.kind == HF__KIND_RAISES) return HF_ANSWER_RAISES;
  return hf__kind_is_true(value.kind) ? HF_ANSWER_YES : HF_ANSWER_NO;
}
