/* SPDX-License-Identifier: MIT
 *
 * A condition from text: the expressions of Lua's grammar, by recursive descent.  What a name means, and which
 * expressions there are, stands at hf_condition_parse() in holdfast.h.
 *
 * A chain of `and`, or of `or`, becomes a balanced tree: it means the same in any grouping, and what evaluates it goes
 * no deeper than it has to.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "condition/methods.h"

enum {
  TEXT_MAX = 64 * 1024,
  NESTED_MAX = 64, /* parentheses, signs and calls within each other */
};

struct parser {
  hf__lexer lexer;
  hf__tree tree;
  unsigned depth;
  unsigned parameters;
  size_t operand_count; /* of chains that are being read */
  hf__term operands[HF_CONDITION_NODES_MAX];
};

static bool parse_expression(struct parser *p, hf__term *out);

/* ---- tokens */

static hf__token_kind kind_of(const struct parser *p) { return p->lexer.token.kind; }

static bool next(struct parser *p) { return hf__lexer_next(&p->lexer); }

static bool refuse_token(struct parser *p, const hf__token *token, const char *why) {
  return hf__lexer_refuse(&p->lexer, token->at, token->size, "%s", why);
}

static bool refuse(struct parser *p, const char *why) { return refuse_token(p, &p->lexer.token, why); }

/* Names that other languages have for what Lua has another one for. */
static const struct {
  const char *name, *instead;
  bool is_value;
} foreign[] = {
    {"NULL", "null", true},
    {"Null", "null", true},
    {"None", "null", true},
    {"undefined", "nil", true},
    {"Nil", "nil", true},
    {"NIL", "nil", true},
    {"TRUE", "true", true},
    {"True", "true", true},
    {"FALSE", "false", true},
    {"False", "false", true},
    {"NOT", "not", true},
    {"Not", "not", true},
    {"AND", "and", false},
    {"And", "and", false},
    {"OR", "or", false},
    {"Or", "or", false},
    {"IS", "==", false},
    {"is", "==", false},
    {"IN", "an == for each", false},
    {"LIKE", "x:find(text, 1, true)", false},
};

/* What Lua has for a name; NULL: it is not foreign. */
static const char *instead_of(const hf__token *name, bool is_value) {
  for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
    if (hf__token_is(name, foreign[i].name) && (foreign[i].is_value || !is_value)) return foreign[i].instead;
  return NULL;
}

/* The token cannot stand where it does. */
static bool refuse_unexpected(struct parser *p, const char *expected) {
  const hf__token *t = &p->lexer.token;
  const char *instead = t->kind == HF__TOKEN_NAME ? instead_of(t, false) : NULL;
  if (instead) return hf__lexer_refuse(&p->lexer, t->at, t->size, "write %s", instead);
  if (t->kind == HF__TOKEN_WORD)
    return refuse(p, "a condition is one expression, without statements: what a function of Lua would return");
  return hf__lexer_refuse(&p->lexer, t->at, t->size, "%s is expected", expected);
}

static bool expect(struct parser *p, hf__token_kind kind, const char *expected) {
  return kind_of(p) == kind ? next(p) : refuse_unexpected(p, expected);
}

static bool enter(struct parser *p) {
  if (p->depth++ < NESTED_MAX) return true;
  return hf__lexer_refuse(&p->lexer, p->lexer.token.at, p->lexer.token.size,
                          "parentheses and signs are nested more than %d deep", NESTED_MAX);
}

/* ---- names and paths */

static bool parse_type_call(struct parser *p, hf__term *out) {
  hf__term x;
  if (kind_of(p) == HF__TOKEN_STRING) {
    x = hf__term_text(p->lexer.token.text);
    return next(p) && hf__tree_operator(&p->tree, HF_OPERATOR_TYPE, &x, out);
  }
  if (!enter(p) || !next(p) || !parse_expression(p, &x)) return false;
  p->depth--;
  if (kind_of(p) == HF__TOKEN_COMMA) return refuse(p, "type takes one argument: type(x)");
  return expect(p, HF__TOKEN_RIGHT, "the ) of type(x)") && hf__tree_operator(&p->tree, HF_OPERATOR_TYPE, &x, out);
}

/* A name that no v. precedes. */
static bool parse_name(struct parser *p, hf__term *out) {
  hf__token name = p->lexer.token;
  const char *instead = instead_of(&name, true);
  if (instead)
    return hf__lexer_refuse(&p->lexer, name.at, name.size, "write %s; a field of this name is v.%.*s", instead,
                            (int)name.text.size, name.text.data);
  if (!next(p)) return false;
  if (hf__token_is(&name, "type") && (kind_of(p) == HF__TOKEN_LEFT || kind_of(p) == HF__TOKEN_STRING))
    return parse_type_call(p, out);
  if (hf__token_is(&name, "null")) {
    *out = hf__term_constant(&(hf_constant){.kind = HF_CONSTANT_NULL});
    return true;
  }
  if (hf__token_is(&name, "holdfast") && kind_of(p) == HF__TOKEN_DOT)
    return refuse_token(p, &name, "holdfast.null is null in a condition; a field called holdfast is v.holdfast");
  *out = (hf__term){.kind = HF__TERM_PATH, .root = HF_ROOT_ENTITY, .node = -1};
  p->tree.step_count = 0;
  if (hf__token_is(&name, "v")) return true;
  if (hf__token_is(&name, "id")) {
    out->root = HF_ROOT_ID;
    return true;
  }
  return hf__tree_step(&p->tree, &(hf_step){.field = name.text});
}

/* Whether the term can be indexed. */
static bool check_indexed(struct parser *p, const hf__term *x) {
  if (x->kind != HF__TERM_PATH)
    return refuse(p, "only the entity and its fields are indexed: v.a.b, v[\"any key\"], a[1]");
  if (x->root == HF_ROOT_ID) return refuse(p, "the id is a string, without fields; a field called id is v.id");
  return true;
}

/* .name */
static bool parse_field(struct parser *p, const hf__term *x) {
  if (!check_indexed(p, x) || !next(p)) return false;
  const hf__token *t = &p->lexer.token;
  if (t->kind == HF__TOKEN_NAME) return hf__tree_step(&p->tree, &(hf_step){.field = t->text}) && next(p);
  if (t->kind == HF__TOKEN_WORD || t->kind <= HF__TOKEN_NIL)
    return hf__lexer_refuse(&p->lexer, t->at, t->size, "this is a word of Lua: a field of this name is x[\"%.*s\"]",
                            (int)t->size, p->lexer.text.data + t->at);
  return refuse_unexpected(p, "a field's name");
}

/* ["any key"] and [1] */
static bool parse_index(struct parser *p, const hf__term *x) {
  if (!check_indexed(p, x) || !next(p)) return false;
  const hf__token *t = &p->lexer.token;
  hf_step step = {.field = t->text};
  if (t->kind == HF__TOKEN_NUMBER) {
    if (!(t->number >= 1 && t->number <= UINT32_MAX) || t->number != (uint32_t)t->number)
      return refuse(p, "places in an array are whole numbers from 1 on");
    step = (hf_step){.place = (uint32_t)t->number};
  } else if (t->kind != HF__TOKEN_STRING) {
    return refuse(p, "an index is written out, as a string or a number: x[\"any key\"], x[1]");
  }
  return hf__tree_step(&p->tree, &step) && next(p) &&
         expect(p, HF__TOKEN_CLOSE, "] after an index that is written out");
}

/* ---- calls */

static bool parse_arguments(struct parser *p, hf__term *arguments, size_t *count) {
  *count = 0;
  if (kind_of(p) == HF__TOKEN_STRING) {
    arguments[(*count)++] = hf__term_text(p->lexer.token.text);
    return next(p);
  }
  if (kind_of(p) != HF__TOKEN_LEFT) return refuse_unexpected(p, "( with the arguments of a method");
  if (!enter(p) || !next(p)) return false;
  while (kind_of(p) != HF__TOKEN_RIGHT || *count) {
    if (*count == HF__ARGUMENTS_MAX) return refuse(p, "no method of a condition takes so many arguments");
    hf__term *x = &arguments[*count];
    if (!parse_expression(p, x)) return false;
    if (x->kind == HF__TERM_PATH && !hf__tree_settle(&p->tree, x)) return false;
    ++*count;
    if (kind_of(p) != HF__TOKEN_COMMA) break;
    if (!next(p)) return false;
  }
  p->depth--;
  return expect(p, HF__TOKEN_RIGHT, "the ) of a call");
}

/* :name(arguments) */
static bool parse_method(struct parser *p, hf__term *x, hf__term *out) {
  hf__term arguments[HF__ARGUMENTS_MAX];
  size_t count;
  if (!next(p)) return false;
  hf__token name = p->lexer.token;
  if (name.kind != HF__TOKEN_NAME) return refuse_unexpected(p, "a method's name");
  return hf__tree_settle(&p->tree, x) && next(p) && parse_arguments(p, arguments, &count) &&
         hf__method_call(&p->tree, &name, x, arguments, count, out);
}

/* ---- expressions */

static bool parse_parenthesised(struct parser *p, hf__term *out) {
  if (!enter(p) || !next(p) || !parse_expression(p, out)) return false;
  p->depth--;
  out->several = false;
  return expect(p, HF__TOKEN_RIGHT, "an operator, or )");
}

/* A name or something in parentheses, and what follows it. */
static bool parse_suffixed(struct parser *p, hf__term *out) {
  bool begun = kind_of(p) == HF__TOKEN_LEFT ? parse_parenthesised(p, out) : parse_name(p, out);
  while (begun) {
    hf__term x = *out;
    switch (kind_of(p)) {
    case HF__TOKEN_DOT: begun = parse_field(p, &x); break;
    case HF__TOKEN_OPEN: begun = parse_index(p, &x); break;
    case HF__TOKEN_COLON: begun = parse_method(p, &x, out); break;
    case HF__TOKEN_LEFT:
    case HF__TOKEN_STRING:
      return refuse(p,
                    "a condition calls nothing but type(x), x:find(text, 1, true), x:sub(i, j) and x:match(\"^text\")");
    default: return true;
    }
  }
  return false;
}

static bool parse_parameter(struct parser *p, hf__term *out) {
  if (p->parameters == HF_CONDITION_PARAMETERS_MAX)
    return hf__lexer_refuse(&p->lexer, p->lexer.token.at, p->lexer.token.size, "a condition has at most %d parameters",
                            HF_CONDITION_PARAMETERS_MAX);
  return hf__tree_parameter(&p->tree, p->parameters++, out) && next(p);
}

static bool parse_simple(struct parser *p, hf__term *out) {
  const hf__token *t = &p->lexer.token;
  hf_constant constant = {.kind = HF_CONSTANT_NIL, .number = t->number, .text = t->text};
  switch (t->kind) {
  case HF__TOKEN_NAME:
  case HF__TOKEN_LEFT: return parse_suffixed(p, out);
  case HF__TOKEN_PARAMETER: return parse_parameter(p, out);
  case HF__TOKEN_NIL: break;
  case HF__TOKEN_TRUE: constant.kind = HF_CONSTANT_TRUE; break;
  case HF__TOKEN_FALSE: constant.kind = HF_CONSTANT_FALSE; break;
  case HF__TOKEN_NUMBER: constant.kind = HF_CONSTANT_NUMBER; break;
  case HF__TOKEN_STRING: constant.kind = HF_CONSTANT_TEXT; break;
  default: return refuse_unexpected(p, "a field, a value or (");
  }
  *out = hf__term_constant(&constant);
  return next(p);
}

/* Signs bind closer than any other operator. */
static bool parse_signed(struct parser *p, hf__term *out) {
  hf__token_kind sign = kind_of(p);
  hf__term x;
  if (sign != HF__TOKEN_NOT && sign != HF__TOKEN_SUB && sign != HF__TOKEN_LEN) return parse_simple(p, out);
  if (!enter(p) || !next(p) || !parse_signed(p, &x)) return false;
  p->depth--;
  if (sign == HF__TOKEN_SUB && x.kind == HF__TERM_CONSTANT && x.constant.kind == HF_CONSTANT_NUMBER && x.node < 0) {
    *out = hf__term_number(-x.constant.number);
    return true;
  }
  hf_operator operator= sign == HF__TOKEN_NOT ? HF_OPERATOR_NOT
  : sign == HF__TOKEN_SUB                     ? HF_OPERATOR_NEG
                                              : HF_OPERATOR_LEN;
  return hf__tree_operator(&p->tree, operator, & x, out);
}

/* The operators that take what is left of them first, from the loosest on. */
enum { COMPARE, ADD, MULTIPLY, LEVELS };

static const struct {
  hf__token_kind token;
  int level;
  hf_operator operator;
} binary[] = {
    {HF__TOKEN_EQ, COMPARE, HF_OPERATOR_EQ},    {HF__TOKEN_NE, COMPARE, HF_OPERATOR_NE},
    {HF__TOKEN_LT, COMPARE, HF_OPERATOR_LT},    {HF__TOKEN_LE, COMPARE, HF_OPERATOR_LE},
    {HF__TOKEN_GT, COMPARE, HF_OPERATOR_GT},    {HF__TOKEN_GE, COMPARE, HF_OPERATOR_GE},
    {HF__TOKEN_ADD, ADD, HF_OPERATOR_ADD},      {HF__TOKEN_SUB, ADD, HF_OPERATOR_SUB},
    {HF__TOKEN_MUL, MULTIPLY, HF_OPERATOR_MUL}, {HF__TOKEN_DIV, MULTIPLY, HF_OPERATOR_DIV},
    {HF__TOKEN_MOD, MULTIPLY, HF_OPERATOR_MOD},
};

/* The row of the token in `binary` where it is of this level; -1: it is not. */
static int row_of(hf__token_kind token, int level) {
  for (size_t i = 0; i < sizeof binary / sizeof *binary; i++)
    if (binary[i].token == token && binary[i].level == level) return (int)i;
  return -1;
}

static bool parse_binary(struct parser *p, int level, hf__term *out) {
  int row;
  if (level == LEVELS) return parse_signed(p, out);
  if (!parse_binary(p, level + 1, out)) return false;
  while ((row = row_of(kind_of(p), level)) >= 0) {
    hf__term both[2] = {*out};
    if (!hf__tree_settle(&p->tree, &both[0]) || !next(p) || !parse_binary(p, level + 1, &both[1]) ||
        !hf__tree_operator(&p->tree, binary[row].operator, both, out))
      return false;
  }
  return true;
}

/* What the operands from `first` on give together. */
static bool balance(struct parser *p, hf_operator operator, size_t first, size_t count, hf__term *out) {
  hf__term both[2];
  if (count == 1) {
    *out = p->operands[first];
    return true;
  }
  return balance(p, operator, first, count / 2, &both[0]) &&
         balance(p, operator, first + count / 2, count - count / 2, &both[1]) &&
         hf__tree_operator(&p->tree, operator, both, out);
}

static bool push_operand(struct parser *p, hf__term *x) {
  if (p->operand_count == HF_CONDITION_NODES_MAX)
    return hf__lexer_refuse(&p->lexer, p->lexer.token.at, p->lexer.token.size,
                            "the condition is too large: it has more than %d parts", HF_CONDITION_NODES_MAX);
  if (!hf__tree_settle(&p->tree, x)) return false;
  p->operands[p->operand_count++] = *x;
  return true;
}

/* Operands of `and`, or of `or`. */
static bool parse_chain(struct parser *p, hf__token_kind separator, hf__term *out) {
  bool is_or = separator == HF__TOKEN_OR;
  size_t first = p->operand_count;
  for (;;) {
    if (!(is_or ? parse_chain(p, HF__TOKEN_AND, out) : parse_binary(p, COMPARE, out))) return false;
    if (kind_of(p) != separator && p->operand_count == first) return true;
    if (!push_operand(p, out)) return false;
    if (kind_of(p) != separator) break;
    if (!next(p)) return false;
  }
  size_t count = p->operand_count - first;
  p->operand_count = first;
  return balance(p, is_or ? HF_OPERATOR_OR : HF_OPERATOR_AND, first, count, out);
}

static bool parse_expression(struct parser *p, hf__term *out) { return parse_chain(p, HF__TOKEN_OR, out); }

/* ---- the whole text */

static bool parse_text(struct parser *p, hf_error *err) {
  hf__term whole;
  if (!next(p)) return false;
  if (kind_of(p) == HF__TOKEN_END) return refuse(p, "it is empty: write an expression, such as priceOpen > 100");
  if (!parse_expression(p, &whole)) return false;
  if (kind_of(p) != HF__TOKEN_END) {
    char expected[64];
    snprintf(expected, sizeof expected, "an operator, or the end of the %s,", p->lexer.what);
    return refuse_unexpected(p, expected);
  }
  if (!hf__tree_settle(&p->tree, &whole)) return false;
  return hf__condition_finish(p->tree.condition, whole.node) || hf__no_memory(err) == HF_OK;
}

hf_status hf__condition_parse(hf_slice text, const char *what, hf_condition **out, hf_error *err) {
  *out = NULL;
  if (text.size > TEXT_MAX)
    return hf__fail(err, HF_INVALID_ARGUMENT, "a %s has at most %d bytes, and this one %zu", what, TEXT_MAX, text.size);
  struct parser *p = malloc(sizeof *p);
  if (!p) return hf__no_memory(err);
  p->depth = p->parameters = 0;
  p->operand_count = 0;
  p->tree = (hf__tree){.condition = hf__condition_new(), .lexer = &p->lexer};
  bool opened = hf__lexer_open(&p->lexer, text, what, err);
  bool done = opened && p->tree.condition && parse_text(p, err);
  if (!opened || !p->tree.condition) hf__no_memory(err);
  if (done)
    *out = p->tree.condition;
  else
    hf_condition_free(p->tree.condition);
  hf__lexer_close(&p->lexer);
  free(p);
  return done ? HF_OK : err->status;
}

hf_status hf_condition_parse(hf_slice text, hf_condition **out, hf_error *err) {
  hf_error own;
  return hf__condition_parse(text.data ? text : hf_text(""), "condition", out, err ? err : &own);
}
