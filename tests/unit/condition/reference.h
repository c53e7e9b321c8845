/* SPDX-License-Identifier: MIT
 *
 * Conditions the slow and obvious way, for comparison: the text is decoded into a tree, and
 * an expression is evaluated over it.  Shares no code with what it is compared with: numbers
 * are strtod()'s, escapes are replaced byte by byte.
 */
#ifndef HF_TESTS_UNIT_CONDITION_REFERENCE_H
#define HF_TESTS_UNIT_CONDITION_REFERENCE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "condition/condition.h"
#include "condition/value.h"

/* ------------------------------------------------------------------- trees */

/* In the order of lua_type(); ASK and RAISES are no values. */
typedef enum ref_kind { NIL, FALSE, TRUE, NUL, NUMBER, TEXT, TABLE, ASK, RAISES } ref_kind;

typedef struct ref_text {
  char *data;
  size_t size;
} ref_text;

typedef struct ref_value {
  ref_kind kind;
  double number;
  ref_text text;
  struct ref_table *table;
} ref_value;

/* Fields and items in the order of the text; those of an array have no names. */
typedef struct ref_table {
  bool is_array;
  size_t count;
  ref_text *names;
  ref_value *values;
} ref_table;

/* Everything that one comparison allocates. */
static struct {
  void **blocks;
  size_t count, capacity;
} ref_heap;

static void *ref_keep(void *block) {
  if (ref_heap.count == ref_heap.capacity) {
    ref_heap.capacity = ref_heap.capacity * 2 + 64;
    ref_heap.blocks = realloc(ref_heap.blocks, ref_heap.capacity * sizeof *ref_heap.blocks);
    if (!ref_heap.blocks) abort();
  }
  if (!block) abort();
  return ref_heap.blocks[ref_heap.count++] = block;
}

static void ref_free_all(void) {
  while (ref_heap.count) free(ref_heap.blocks[--ref_heap.count]);
}

static void ref_put(ref_text *out, unsigned byte) { out->data[out->size++] = (char)byte; }

static void ref_put_point(ref_text *out, unsigned c) {
  if (c < 0x80) {
    ref_put(out, c);
  } else if (c < 0x800) {
    ref_put(out, 0xC0 + c / 64);
    ref_put(out, 0x80 + c % 64);
  } else if (c < 0x10000) {
    ref_put(out, 0xE0 + c / 4096);
    ref_put(out, 0x80 + c / 64 % 64);
    ref_put(out, 0x80 + c % 64);
  } else {
    ref_put(out, 0xF0 + c / 262144);
    ref_put(out, 0x80 + c / 4096 % 64);
    ref_put(out, 0x80 + c / 64 % 64);
    ref_put(out, 0x80 + c % 64);
  }
}

static unsigned ref_hex(const char *p) {
  char digits[5] = {p[0], p[1], p[2], p[3], 0};
  return (unsigned)strtoul(digits, NULL, 16);
}

/* The string after whose opening quote *p is. */
static ref_text ref_string(const char **p) {
  size_t size = 0;
  while ((*p)[size] != '"') size += (*p)[size] == '\\' ? 2 : 1;
  ref_text out = {ref_keep(malloc(size + 1)), 0};
  while (**p != '"') {
    char c = *(*p)++;
    if (c != '\\') {
      ref_put(&out, (unsigned char)c);
      continue;
    }
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    c = *(*p)++;
    const char *simple = strchr(from, c);
    if (c == 'u') {
      unsigned point = ref_hex(*p);
      *p += 4;
      if (point >= 0xD800 && point < 0xDC00) {
        point = 0x10000 + (point - 0xD800) * 1024 + (ref_hex(*p + 2) - 0xDC00);
        *p += 6;
      }
      ref_put_point(&out, point);
    } else {
      ref_put(&out, (unsigned char)(simple ? to[simple - from] : c));
    }
  }
  ++*p;
  return out;
}

static void ref_space(const char **p) { *p += strspn(*p, " \n\r\t"); }

static ref_value ref_decode(const char **p);

static void *ref_larger(const void *old, size_t size, size_t capacity) {
  void *larger = ref_keep(malloc(capacity));
  if (size) memcpy(larger, old, size);
  return larger;
}

static void ref_make_room(ref_table *table) {
  size_t n = table->count;
  if (n & (n - 1) || (n > 0 && n < 8)) return; /* at 0, 8, 16, 32 ... */
  table->names = ref_larger(table->names, n * sizeof *table->names, (n ? 2 * n : 8) * sizeof *table->names);
  table->values = ref_larger(table->values, n * sizeof *table->values, (n ? 2 * n : 8) * sizeof *table->values);
}

static ref_value ref_decode_table(const char **p) {
  ref_table *table = ref_keep(calloc(1, sizeof *table));
  const char close = **p == '[' ? ']' : '}';
  table->is_array = close == ']';
  ++*p;
  for (ref_space(p); **p != close; ref_space(p)) {
    if (**p == ',') ++*p;
    ref_space(p);
    ref_make_room(table);
    if (!table->is_array) {
      ++*p;
      table->names[table->count] = ref_string(p);
      ref_space(p);
      ++*p;
    }
    table->values[table->count] = ref_decode(p);
    table->count++;
  }
  ++*p;
  return (ref_value){.kind = TABLE, .table = table};
}

/* The value at *p, which is part of a valid text that ends in a 0. */
static ref_value ref_decode(const char **p) {
  ref_value value = {0};
  char *end;
  ref_space(p);
  switch (**p) {
  case '{':
  case '[': return ref_decode_table(p);
  case '"':
    ++*p;
    value.kind = TEXT;
    value.text = ref_string(p);
    return value;
  case 't': *p += 4; return (ref_value){.kind = TRUE};
  case 'f': *p += 5; return (ref_value){.kind = FALSE};
  case 'n': *p += 4; return (ref_value){.kind = NUL};
  default:
    value.kind = NUMBER;
    value.number = strtod(*p, &end);
    *p = end;
    return value;
  }
}

/* ------------------------------------------------------------- expressions */

/* A node: an operator, or a leaf. */
typedef struct ref_node {
  enum { REF_OPERATOR, REF_VALUE, REF_PATH, REF_ID, REF_METHOD, REF_UNKNOWN } what;
  hf_operator code;
  struct ref_node *operand[3];
  ref_value value;
  hf_step steps[HF_CONDITION_STEPS_MAX];
  size_t step_count;
  bool is_done; /* for this entity: with `result` */
  ref_value result;
} ref_node;

typedef struct ref_entity {
  ref_value value;
  ref_text id;
} ref_entity;

static ref_value ref_of(ref_kind kind) { return (ref_value){.kind = kind}; }
static ref_value ref_truth(bool truth) { return ref_of(truth ? TRUE : FALSE); }
static ref_value ref_number(double number) { return (ref_value){.kind = NUMBER, .number = number}; }

static bool ref_texts_equal(ref_text a, ref_text b) { return a.size == b.size && memcmp(a.data, b.data, a.size) == 0; }

/* Lua's v[step]. */
static ref_value ref_index(ref_value v, const hf_step *step) {
  ref_value found = ref_of(NIL);
  if (v.kind == TEXT) return ref_of(ASK);
  if (v.kind != TABLE) return ref_of(RAISES);
  if (v.table->is_array) {
    if (!step->field.data && step->place <= v.table->count) found = v.table->values[step->place - 1];
    return found;
  }
  for (size_t i = 0; i < v.table->count && step->field.data; i++) {
    ref_text name = v.table->names[i];
    if (name.size == step->field.size && memcmp(name.data, step->field.data, name.size) == 0)
      found = v.table->values[i];
  }
  return found;
}

static ref_value ref_eval(ref_node *node, const ref_entity *entity);

static bool ref_failed(ref_value v) { return v.kind == ASK || v.kind == RAISES; }
static bool ref_is_true(ref_value v) { return v.kind != NIL && v.kind != FALSE; }

static bool ref_equal(ref_value a, ref_value b) {
  if (a.kind != b.kind) return false;
  if (a.kind == NUMBER) return a.number == b.number;
  if (a.kind == TEXT) return ref_texts_equal(a.text, b.text);
  return a.kind != TABLE || a.table == b.table;
}

static ref_value ref_less(ref_value a, ref_value b, bool or_equal) {
  if (a.kind == NUMBER && b.kind == NUMBER) return ref_truth(or_equal ? a.number <= b.number : a.number < b.number);
  if (a.kind != TEXT || b.kind != TEXT) return ref_of(RAISES);
  for (size_t i = 0; i < a.text.size && i < b.text.size; i++) {
    unsigned char x = (unsigned char)a.text.data[i], y = (unsigned char)b.text.data[i];
    if (x != y) return ref_truth(x < y);
  }
  return ref_truth(or_equal ? a.text.size <= b.text.size : a.text.size < b.text.size);
}

static ref_value ref_arithmetic(hf_operator code, ref_value a, ref_value b) {
  if (a.kind == TEXT || (a.kind == NUMBER && b.kind == TEXT)) return ref_of(ASK);
  if (a.kind != NUMBER || b.kind != NUMBER) return ref_of(RAISES);
  volatile double product; /* rounded on its own */
  switch (code) {
  case HF_OPERATOR_ADD: return ref_number(a.number + b.number);
  case HF_OPERATOR_SUB: return ref_number(a.number - b.number);
  case HF_OPERATOR_MUL: return ref_number(a.number * b.number);
  case HF_OPERATOR_DIV:
    if (b.number == 0 && !HF__HAS_NEGATIVE_ZERO) return ref_of(ASK);
    return ref_number(a.number / b.number);
  default:
    if (!hf__number_modulo_is_sure(a.number, b.number)) return ref_of(ASK);
    product = floor(a.number / b.number) * b.number;
    return ref_number(a.number - product);
  }
}

static ref_value ref_binary(hf_operator code, ref_value a, ref_value b) {
  switch (code) {
  case HF_OPERATOR_EQ: return ref_truth(ref_equal(a, b));
  case HF_OPERATOR_NE: return ref_truth(!ref_equal(a, b));
  case HF_OPERATOR_LT: return ref_less(a, b, false);
  case HF_OPERATOR_LE: return ref_less(a, b, true);
  case HF_OPERATOR_GT: return ref_less(b, a, false);
  case HF_OPERATOR_GE: return ref_less(b, a, true);
  default: return ref_arithmetic(code, a, b);
  }
}

static ref_value ref_argument(ref_value v, bool may_lack) {
  return ref_of(v.kind == TEXT || v.kind == NUMBER || (may_lack && v.kind == NIL) ? ASK : RAISES);
}

static ref_value ref_sub(ref_text s, ref_value from, ref_value to) {
  ref_value part = {.kind = TEXT, .text = {s.data, 0}};
  if (from.kind != NUMBER || from.number != floor(from.number) || fabs(from.number) > 2e9)
    return ref_argument(from, true);
  if (to.kind != NUMBER || to.number != floor(to.number) || fabs(to.number) > 2e9) return ref_argument(to, true);
  double first = from.number < 0 ? (double)s.size + 1 + from.number : from.number;
  double last = to.number < 0 ? (double)s.size + 1 + to.number : to.number;
  for (size_t i = 1; i <= s.size; i++) {
    if ((double)i < first || (double)i > last) continue;
    if (part.text.size++ == 0) part.text.data = s.data + i - 1;
  }
  return part;
}

static ref_value ref_search(hf_operator code, ref_text s, ref_value what) {
  if (what.kind != TEXT) return ref_argument(what, false);
  ref_text t = what.text;
  for (size_t i = 0; i + t.size <= s.size; i++) {
    if (memcmp(s.data + i, t.data, t.size) != 0) continue;
    bool begins = i == 0, ends = i + t.size == s.size;
    if (code == HF_OPERATOR_FIND) return ref_number((double)i + 1);
    if ((begins || code == HF_OPERATOR_ENDS) && (ends || code == HF_OPERATOR_BEGINS)) return what;
  }
  return ref_of(NIL);
}

static ref_value ref_method(const ref_node *node, const ref_entity *entity) {
  ref_value s = ref_eval(node->operand[0], entity);
  if (ref_failed(s)) return s;
  if (s.kind != TEXT && s.kind != TABLE) return ref_of(RAISES);
  ref_value a = ref_eval(node->operand[1], entity);
  if (ref_failed(a)) return a;
  ref_value b = node->code == HF_OPERATOR_SUBSTR ? ref_eval(node->operand[2], entity) : ref_of(NIL);
  if (ref_failed(b)) return b;
  if (s.kind == TABLE) return ref_of(RAISES);
  return node->code == HF_OPERATOR_SUBSTR ? ref_sub(s.text, a, b) : ref_search(node->code, s.text, a);
}

static ref_value ref_unary(hf_operator code, ref_value a) {
  static const char *const names[] = {"nil", "boolean", "boolean", "userdata", "number", "string", "table"};
  switch (code) {
  case HF_OPERATOR_NOT: return ref_truth(!ref_is_true(a));
  case HF_OPERATOR_NEG: return a.kind == NUMBER ? ref_number(-a.number) : ref_of(a.kind == TEXT ? ASK : RAISES);
  case HF_OPERATOR_LEN:
    if (a.kind == TEXT) return ref_number((double)a.text.size);
    return ref_of(a.kind == TABLE ? ASK : RAISES);
  default: return (ref_value){.kind = TEXT, .text = {(char *)(uintptr_t)names[a.kind], strlen(names[a.kind])}};
  }
}

static ref_value ref_operator(const ref_node *node, const ref_entity *entity) {
  if (node->code >= HF_OPERATOR_FIND) return ref_method(node, entity);
  ref_value a = ref_eval(node->operand[0], entity);
  if (ref_failed(a)) return a;
  switch (node->code) {
  case HF_OPERATOR_AND: return ref_is_true(a) ? ref_eval(node->operand[1], entity) : a;
  case HF_OPERATOR_OR: return ref_is_true(a) ? a : ref_eval(node->operand[1], entity);
  case HF_OPERATOR_IF: return ref_eval(node->operand[ref_is_true(a) ? 1 : 2], entity);
  case HF_OPERATOR_NOT:
  case HF_OPERATOR_NEG:
  case HF_OPERATOR_LEN:
  case HF_OPERATOR_TYPE: return ref_unary(node->code, a);
  default: break;
  }
  ref_value b = ref_eval(node->operand[1], entity);
  return ref_failed(b) ? b : ref_binary(node->code, a, b);
}

static ref_value ref_eval(ref_node *node, const ref_entity *entity) {
  ref_value value = entity->value;
  switch (node->what) {
  case REF_OPERATOR: /* once: others may use it, too, and those by others */
    if (!node->is_done) node->result = ref_operator(node, entity);
    node->is_done = true;
    return node->result;
  case REF_VALUE: return node->value;
  case REF_ID: return (ref_value){.kind = TEXT, .text = entity->id};
  case REF_PATH:
    for (size_t i = 0; i < node->step_count && !ref_failed(value); i++) value = ref_index(value, &node->steps[i]);
    return value;
  default: return ref_of(ASK);
  }
}

static hf_answer ref_answer(ref_value v) {
  if (v.kind == ASK) return HF_ANSWER_ASK;
  if (v.kind == RAISES) return HF_ANSWER_RAISES;
  return ref_is_true(v) ? HF_ANSWER_YES : HF_ANSWER_NO;
}

#endif
