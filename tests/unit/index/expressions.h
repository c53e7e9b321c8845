/* SPDX-License-Identifier: MIT
 *
 * Conditions at random, for the tests of covers: about the fields of entities.h, and of all that a condition may have.
 */
#ifndef HF_TESTS_UNIT_INDEX_EXPRESSIONS_H
#define HF_TESTS_UNIT_INDEX_EXPRESSIONS_H

#include <math.h>

#include "condition/node.h"
#include "entities.h"

/* ---- draws */

static uint64_t draw_state;

static unsigned draw(unsigned below) {
  uint64_t x = draw_state += UINT64_C(0x9E3779B97F4A7C15);
  x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
  return (unsigned)((x ^ (x >> 31)) >> 33) % below;
}

static bool one_in(unsigned n) { return draw(n) == 0; }

/* ---- leaves */

/* The condition that is being made. */
static hf_condition *expression;
static bool is_plain; /* it has no parts that nothing is known of */

static const hf_slice given_texts[] = {
    {"", 0},         {"\0", 1},        {"a", 1},         {"a\0", 2},      {"a\1", 2},       {"ab", 2},
    {"b", 1},        {"c", 1},         {"\xC3", 1},      {"\xC3\xA9", 2}, {"\xFF", 1},      {"\xFF\xFF", 2},
    {"nil", 3},      {"table", 5},     {"number", 6},    {"string", 6},   {"boolean", 7},   {"userdata", 8},
    {TEXT_43, 43},   {TEXT_44A, 44},   {TEXT_44B, 44},   {TEXT_91, 91},   {TEXT_92A, 92},   {TEXT_92B, 92},
    {TEXT_187, 187}, {TEXT_188A, 188}, {TEXT_188B, 188}, {X187 "c", 188}, {X187 "ab", 189}, {X187 "b\0", 189},
};

static int make_constant(void) {
  static const double numbers[] = {0, -0.0, 1, 2, -1, 0.5, 3, 1e300};
  hf_constant constant = {.kind = HF_CONSTANT_NUMBER, .number = numbers[draw(8)]};
  switch (draw(16)) {
  case 0: constant.kind = HF_CONSTANT_NIL; break;
  case 1: constant.kind = HF_CONSTANT_FALSE; break;
  case 2: constant.kind = HF_CONSTANT_TRUE; break;
  case 3: constant.kind = HF_CONSTANT_NULL; break;
  case 4: constant.number = one_in(2) ? (double)INFINITY : -(double)INFINITY; break;
  case 5: constant.number = one_in(3) ? (double)NAN : 0.25; break;
  case 6:
  case 7:
  case 8:
  case 9:
  case 10:
    constant.kind = HF_CONSTANT_TEXT;
    constant.text = given_texts[one_in(2) ? draw(8) : draw(sizeof given_texts / sizeof *given_texts)];
    break;
  default: break;
  }
  if (!one_in(6)) return hf__condition_constant(expression, &constant);
  unsigned parameter = draw(4);
  if (is_plain || !one_in(8)) assert_true(hf__condition_set(expression, parameter, &constant));
  return hf__condition_parameter(expression, parameter);
}

static int make_path(void) {
  static const hf_step a = {.field = {"a", 1}}, b = {.field = {"b", 1}}, x = {.field = {"x", 1}},
                       y = {.field = {"y", 1}}, c = {.field = {"c", 1}}, first = {.place = 1};
  const hf_step paths[][3] = {{a},        {b}, {a, x},  {a, x, y},  {b, x}, {a, y},
                              {a, first}, {c}, {first}, {first, x}, {c, x}};
  static const uint8_t sizes[] = {1, 1, 2, 3, 2, 2, 2, 1, 1, 2, 2};
  unsigned i = one_in(3) ? draw(sizeof sizes) : one_in(3) ? 2 + draw(2) : draw(2);
  if (one_in(40)) return hf__condition_path(expression, HF_ROOT_ENTITY, &a, 0);
  return hf__condition_path(expression, HF_ROOT_ENTITY, paths[i], sizes[i]);
}

static int make_leaf(void) {
  if (one_in(25)) return hf__condition_path(expression, HF_ROOT_ID, NULL, 0);
  if (!is_plain && one_in(30)) return hf__condition_unknown(expression);
  if (!is_plain && one_in(40)) return hf__condition_path(expression, HF_ROOT_ID, &(hf_step){.place = 1}, 1);
  return one_in(3) ? make_constant() : make_path();
}

/* ---- operators */

static hf_constant text_constant(const char *text) {
  return (hf_constant){.kind = HF_CONSTANT_TEXT, .text = hf_text(text)};
}

static int make(hf_operator code, int a, int b, int c) {
  int operands[] = {a, b, c}, node = hf__condition_operator(expression, code, operands);
  assert_true(node >= 0);
  return node;
}

static int make_truth(unsigned depth);

static int make_value(unsigned depth) {
  if (depth == 0 || !one_in(4)) return make_leaf();
  switch (draw(8)) {
  case 0: return make(HF_OPERATOR_TYPE, make_value(depth - 1), 0, 0);
  case 1: return make(HF_OPERATOR_LEN, make_value(depth - 1), 0, 0);
  case 2: return make(HF_OPERATOR_ADD + (hf_operator)draw(5), make_value(depth - 1), make_value(depth - 1), 0);
  case 3: return make(HF_OPERATOR_NEG, make_value(depth - 1), 0, 0);
  case 4: return make(HF_OPERATOR_SUBSTR, make_path(), make_constant(), make_constant());
  case 5:
  case 6: return make(HF_OPERATOR_OR, make_path(), make_constant(), 0);
  default: return make_truth(depth - 1);
  }
}

static int make_comparison(unsigned depth) {
  static const hf_operator methods[] = {HF_OPERATOR_FIND, HF_OPERATOR_BEGINS, HF_OPERATOR_ENDS, HF_OPERATOR_IS};
  hf_operator code = HF_OPERATOR_EQ + (hf_operator)draw(6);
  int path = one_in(6) ? make(HF_OPERATOR_OR, make_path(), make_constant(), 0) : make_path();
  switch (draw(10)) {
  case 0: return make(HF_OPERATOR_EQ + (hf_operator)draw(2), make(HF_OPERATOR_TYPE, path, 0, 0), make_constant(), 0);
  case 1:
  case 2: return make(methods[draw(4)], path, make_constant(), 0);
  case 3: return make(code, make_constant(), path, 0);
  case 4: return make(code, make_value(depth), make_value(depth), 0);
  default: return make(code, path, make_constant(), 0);
  }
}

/* `not (type(x) == "number" and x > 0)` and the like: guards are about the path that they guard. */
static int make_guarded(void) {
  static const char *const types[] = {"number", "string", "table", "nil"};
  hf_constant type = text_constant(types[draw(4)]);
  int path = make_path(), test = hf__condition_constant(expression, &type);
  int guard = one_in(3) ? path : make(HF_OPERATOR_EQ, make(HF_OPERATOR_TYPE, path, 0, 0), test, 0);
  return make(one_in(4) ? HF_OPERATOR_OR : HF_OPERATOR_AND, guard,
              make(HF_OPERATOR_EQ + (hf_operator)draw(6), path, make_constant(), 0), 0);
}

static int make_truth(unsigned depth) {
  if (depth == 0) return make_comparison(0);
  switch (draw(14)) {
  case 0:
  case 1:
  case 2:
  case 3: return make(HF_OPERATOR_AND, make_truth(depth - 1), make_truth(depth - 1), 0);
  case 4:
  case 5:
  case 6: return make(HF_OPERATOR_OR, make_truth(depth - 1), make_truth(depth - 1), 0);
  case 7: return make(HF_OPERATOR_NOT, make_truth(depth - 1), 0, 0);
  case 8: return make(HF_OPERATOR_IF, make_truth(depth - 1), make_truth(depth - 1), make_truth(depth - 1));
  case 9: return make_guarded();
  case 10: return make_value(depth - 1);
  default: return make_comparison(depth - 1);
  }
}

/* `type(x) == "table"`, or `x and x ~= null` */
static int make_table_guard(const hf_step *path, unsigned steps) {
  int in = hf__condition_path(expression, HF_ROOT_ENTITY, path, steps);
  hf_constant table = text_constant("table"), null = {.kind = HF_CONSTANT_NULL};
  if (one_in(3))
    return make(HF_OPERATOR_AND, in, make(HF_OPERATOR_NE, in, hf__condition_constant(expression, &null), 0), 0);
  return make(HF_OPERATOR_EQ, make(HF_OPERATOR_TYPE, in, 0, 0), hf__condition_constant(expression, &table), 0);
}

/* What few entities have, and what hardly raises: `type(v) == "table" and v.a == 1`, or the same of another field. */
static int make_rare(unsigned depth) {
  static const hf_step fields[] = {{.field = {"a", 1}}, {.field = {"b", 1}}, {.field = {"x", 1}}};
  const hf_step path[] = {fields[draw(2)], fields[2]};
  unsigned steps = one_in(5) ? 2 : 1;
  if (depth && one_in(2))
    return make(one_in(3) ? HF_OPERATOR_AND : HF_OPERATOR_OR, make_rare(depth - 1), make_rare(depth - 1), 0);
  int test = make(one_in(3) ? HF_OPERATOR_IS : HF_OPERATOR_EQ,
                  hf__condition_path(expression, HF_ROOT_ENTITY, path, steps), make_constant(), 0);
  for (unsigned i = steps; i-- > 0;) test = make(HF_OPERATOR_AND, make_table_guard(path, i), test, 0);
  return one_in(6) ? make(HF_OPERATOR_AND, test, make_truth(1), 0) : test;
}

/* Makes the condition of a seed. */
static void make_expression(uint64_t seed) {
  draw_state = seed;
  expression = hf__condition_new();
  assert_non_null(expression);
  is_plain = draw(3) > 0;
  for (unsigned i = 0; i < 4 && is_plain; i++)
    assert_true(hf__condition_set(expression, i, &(hf_constant){.kind = HF_CONSTANT_NUMBER, .number = i}));
  int root = one_in(3) ? make_rare(2) : make_truth(draw(4));
  assert_true(hf__condition_finish(expression, root));
}

/* ---- as text, for reports */

static void say_place(hf_buffer *out, uint32_t place) {
  const hf__place *at = &expression->places.at[place];
  if (place == 0)
    hf_buffer_printf(out, "v");
  else
    say_place(out, at->parent);
  if (place && at->key) hf_buffer_printf(out, ".%.*s", (int)at->size - 2, at->key + 1);
  if (place && !at->key) hf_buffer_printf(out, "[%u]", (unsigned)at->item);
}

static void say_value(hf_buffer *out, const hf__value *value) {
  switch (value->kind) {
  case HF__KIND_NUMBER: hf_buffer_printf(out, "%.17g", value->number); break;
  case HF__KIND_TEXT:
    hf_buffer_printf(out, "<%zu>", value->text.size);
    hf_buffer_quote(out, value->text);
    break;
  case HF__KIND_NIL: hf_buffer_printf(out, "nil"); break;
  case HF__KIND_FALSE: hf_buffer_printf(out, "false"); break;
  case HF__KIND_TRUE: hf_buffer_printf(out, "true"); break;
  case HF__KIND_NULL: hf_buffer_printf(out, "null"); break;
  default: hf_buffer_printf(out, "unknown"); break;
  }
}

static void say_node(hf_buffer *out, unsigned number) {
  static const char *const names[] = {
#define NAME(id, name, operands) name,
      HF_OPERATOR_MAP(NAME)
#undef NAME
  };
  static const uint8_t counts[] = {
#define COUNT(id, name, operands) operands,
      HF_OPERATOR_MAP(COUNT)
#undef COUNT
  };
  const hf__node *node = &expression->nodes[number];
  if (node->given) {
    say_value(out, node->given);
  } else if (node->code == HF__NODE_PATH) {
    say_place(out, node->number);
  } else if (node->code >= HF_OPERATOR_COUNT) {
    hf_buffer_printf(out, node->code == HF__NODE_ID ? "id" : "unknown()");
  } else {
    hf_buffer_printf(out, "(%s", names[node->code]);
    for (unsigned i = 0; i < counts[node->code]; i++) {
      hf_buffer_printf(out, " ");
      say_node(out, node->operand[i]);
    }
    hf_buffer_printf(out, ")");
  }
}

/* The condition whose root is a node, in brackets; free() it. */
static char *expression_text(unsigned node) {
  hf_buffer out = HF_BUFFER_INIT;
  say_node(&out, node);
  return out.data;
}

#endif
