/* SPDX-License-Identifier: MIT
 *
 * Pairs of a document and a condition, made from any bytes, and their comparison: the
 * evaluator with each of its finders against reference.h.  A document ends where its memory
 * ends.
 */
#ifndef HF_TESTS_UNIT_CONDITION_PAIRS_H
#define HF_TESTS_UNIT_CONDITION_PAIRS_H

#include <sys/mman.h>

#include "condition/node.h"
#include "reference.h"

/* ------------------------------------------------------------------- bytes */

/* What is left of the bytes; after their end there are zeros. */
static const uint8_t *pair_bytes, *pair_end;

static unsigned pair_byte(void) { return pair_bytes < pair_end ? *pair_bytes++ : 0; }
static unsigned pair_below(unsigned n) { return n > 1 ? pair_byte() % n : 0; }

/* --------------------------------------------------------------- documents */

enum { PAIR_TEXT_MAX = 8000 };

static char pair_text[PAIR_TEXT_MAX + 4000];
static size_t pair_size;

static void pair_add(const char *text, size_t size) {
  memcpy(pair_text + pair_size, text, size);
  pair_size += size;
}

static void pair_put(const char *text) { pair_add(text, strlen(text)); }

static bool pair_is_full(void) { return pair_size > PAIR_TEXT_MAX; }

/* Names that begin and end like each other, and what JSON escapes. */
static const char *const pair_names[] = {
    "a",           "metadata",   "b",
    "ab",          "",           "symbol",
    "priceOpen",   "xpriceOpen", "priceTakeProfit_of_the_signal",
    "1",           "\"",         "\\",
    "a\"b",        "a\\",        "\n",
    "\xC3\xA9",    "{",          "}",
    ",",           ":",          "len",
    "a\"metadata", "\"a",        "\xF0\x9F\x98\x80",
};
enum { PAIR_NAMES = sizeof pair_names / sizeof *pair_names };

/* Mostly one of two, so that paths lead somewhere and names come twice. */
static unsigned pair_name(unsigned others) {
  unsigned byte = pair_byte();
  return byte < 160 ? byte & 1 : byte % (PAIR_NAMES + others);
}

static void pair_put_space(unsigned how) {
  static const char *const spaces[] = {"", " ", "\n\t", "\r\n  "};
  if (how >= 240) pair_put(spaces[how & 3]);
}

/* A string, each byte of which may be written as an escape. */
static void pair_put_string(const char *text, unsigned how) {
  char piece[16];
  pair_put("\"");
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    bool must = c == '"' || c == '\\' || c < 0x20;
    if (strncmp(text, "\xC3\xA9", 2) == 0 && how % 3 == 1) {
      pair_put("\\u00E9");
      text++;
    } else if (strncmp(text, "\xF0\x9F\x98\x80", 4) == 0 && how % 3 == 1) {
      pair_put("\\uD83D\\ude00");
      text += 3;
    } else if (c < 0x80 && (must || how > 140) && (how & 1)) {
      pair_add(piece, (size_t)snprintf(piece, sizeof piece, "\\u%04x", c));
    } else if (must) {
      pair_put(c == '\n' ? "\\n" : c == '"' ? "\\\"" : "\\\\");
    } else {
      pair_add(text, 1);
    }
  }
  pair_put("\"");
}

static const char *const pair_texts[] = {
    "",
    "BTCUSDT",
    "BTC",
    "ETHUSDT",
    "a",
    "b",
    "1",
    "10",
    "x\"metadata\":{\"symbol\":1}",
    "\\",
    "\\\\",
    "\"",
    "a\"",
    "{",
    "}]",
    "line\nline",
    "\xC3\xA9",
    "\xF0\x9F\x98\x80",
    "the fast crossover of the slow one, and a long note after it",
    "symbol",
    "metadata",
    "a\\\"b",
    "0123456789012345678901234567890123456789012345678901234567890123456789",
};
enum { PAIR_TEXTS = sizeof pair_texts / sizeof *pair_texts };

static const char *pair_any_text(void) {
  unsigned byte = pair_byte();
  return pair_texts[byte < 140 ? 1 + (byte & 1) : byte % PAIR_TEXTS];
}

static const char *const pair_numbers[] = {
    "0",
    "-0",
    "1",
    "2",
    "-1",
    "0.1",
    "1.5",
    "100",
    "1e2",
    "1E+2",
    "1e999",
    "-1e999",
    "1e-999",
    "0.10000000000000001",
    "9007199254740993",
    "9007199254740992",
    "123456789012345678",
    "1234567890123456789",
    "50000.37",
    "0.30000000000000004",
    "1.7976931348623157e308",
    "5e-324",
    "123456.7890123456789",
    "-0.0",
    "99999999999999999999999",
    "0e1",
    "3",
};
enum { PAIR_NUMBERS = sizeof pair_numbers / sizeof *pair_numbers, PAIR_DECIMALS = 4 };

/* Decimals of this pair, up to 20 digits long. */
static char pair_decimals[PAIR_DECIMALS][32];

static void pair_make_decimals(void) {
  for (int i = 0; i < PAIR_DECIMALS; i++) {
    char *out = pair_decimals[i];
    unsigned digits = pair_below(20) + 1, point = pair_below(20);
    if (point >= digits) point = 0;
    if (point == 0) out += sprintf(out, "0.");
    for (unsigned j = 0; j < digits; j++) {
      if (point && j == point) *out++ = '.';
      *out++ = (char)('0' + (j == 0 ? 1 + pair_below(9) : pair_below(10)));
    }
    *out = '\0';
  }
}

static const char *pair_number_text(void) {
  unsigned number = pair_below(PAIR_NUMBERS + 3 * PAIR_DECIMALS);
  return number < PAIR_NUMBERS ? pair_numbers[number] : pair_decimals[number % PAIR_DECIMALS];
}

/* Byte by byte in this order, whichever of two arguments a compiler evaluates first: a seed gives the same anywhere. */
static void pair_put_text(void) {
  const char *text = pair_any_text();
  pair_put_string(text, pair_byte());
}

static void pair_put_value(unsigned depth);

static void pair_put_table(unsigned depth, bool is_array) {
  unsigned count = pair_below(is_array ? 5 : 7);
  if (pair_below(64) == 63) count = 40;
  pair_put(is_array ? "[" : "{");
  for (unsigned i = 0; i < count && !pair_is_full(); i++) {
    if (i) pair_put(",");
    pair_put_space(pair_byte());
    if (!is_array) {
      const char *name = pair_names[pair_name(0)];
      pair_put_string(name, pair_byte());
      pair_put_space(pair_byte());
      pair_put(":");
      pair_put_space(pair_byte());
    }
    pair_put_value(depth + 1);
    pair_put_space(pair_byte());
  }
  pair_put(is_array ? "]" : "}");
}

/* As deep as a document may be. */
static void pair_put_deep(unsigned depth) {
  unsigned levels = HF_DEPTH_MAX - depth;
  const char *inner = pair_below(2) ? "[" : "{\"a\":";
  for (unsigned i = 0; i < levels; i++) pair_put(inner);
  if (*inner == '{') pair_put("1");
  for (unsigned i = 0; i < levels; i++) pair_put(*inner == '{' ? "}" : "]");
}

static void pair_put_value(unsigned depth) {
  unsigned kind = pair_below(20);
  bool is_deep = depth >= 6 || pair_is_full();
  if (kind == 19 && !pair_is_full())
    pair_put_deep(depth);
  else if (kind >= 13 && !is_deep)
    pair_put_table(depth, kind >= 17);
  else if (kind >= 9)
    pair_put_text();
  else if (kind >= 4)
    pair_put(pair_number_text());
  else if (kind == 3)
    pair_put("null");
  else
    pair_put(kind == 2 ? "true" : "false");
}

static void pair_make_document(void) {
  pair_size = 0;
  pair_put_space(pair_byte());
  if (pair_below(8))
    pair_put_table(0, pair_below(6) == 5);
  else
    pair_put_value(0);
  pair_put_space(pair_byte());
  pair_text[pair_size] = '\0';
}

/* -------------------------------------------------------------- conditions */

enum { PAIR_NODES = 40 };

/* The condition, and the same for the reference: node i of one is number[i] of the other. */
static ref_node pair_nodes[PAIR_NODES];
static int pair_number[PAIR_NODES];
static unsigned pair_count;

static void pair_add_value(hf_condition *c, ref_node *node, int *number) {
  static const hf_constant_kind kinds[] = {HF_CONSTANT_NIL,  HF_CONSTANT_FALSE,  HF_CONSTANT_TRUE,
                                           HF_CONSTANT_NULL, HF_CONSTANT_NUMBER, HF_CONSTANT_TEXT};
  hf_constant constant = {0};
  unsigned kind = pair_below(10);
  node->what = REF_VALUE;
  node->value.kind = kind < 4 ? (ref_kind)kind : kind < 7 ? NUMBER : TEXT;
  constant.kind = kinds[node->value.kind];
  if (node->value.kind == NUMBER) {
    node->value.number = constant.number = strtod(pair_number_text(), NULL);
  } else if (node->value.kind == TEXT) {
    constant.text = hf_text(pair_any_text());
    node->value.text = (ref_text){(char *)(uintptr_t)constant.text.data, constant.text.size};
  }
  unsigned parameter = pair_below(4 * HF_CONDITION_PARAMETERS_MAX);
  if (parameter >= HF_CONDITION_PARAMETERS_MAX || hf__condition_parameter_kind(c, parameter) != HF_CONSTANT_UNKNOWN) {
    *number = hf__condition_constant(c, &constant);
    return;
  }
  *number = hf__condition_parameter(c, parameter);
  if (!hf__condition_set(c, parameter, &constant)) abort();
}

static void pair_add_path(hf_condition *c, ref_node *node, int *number) {
  node->what = REF_PATH;
  node->step_count = pair_below(4);
  if (pair_below(40) == 39) node->step_count = HF_CONDITION_STEPS_MAX;
  for (size_t i = 0; i < node->step_count; i++) {
    unsigned name = pair_name(4);
    node->steps[i] =
        name < PAIR_NAMES ? (hf_step){.field = hf_text(pair_names[name])} : (hf_step){.place = name - PAIR_NAMES + 1};
  }
  *number = hf__condition_path(c, HF_ROOT_ENTITY, node->steps, node->step_count);
}

static void pair_add_operator(hf_condition *c, ref_node *node, int *number) {
  int operands[3];
  node->what = REF_OPERATOR;
  node->code = pair_below(4) ? (hf_operator)pair_below(HF_OPERATOR_COUNT) : HF_OPERATOR_EQ;
  for (unsigned i = 0; i < 3; i++) {
    unsigned back = pair_below(6) + 1;
    unsigned operand = pair_count > back ? pair_count - back : pair_below(pair_count);
    node->operand[i] = &pair_nodes[operand];
    operands[i] = pair_number[operand];
  }
  *number = hf__condition_operator(c, node->code, operands);
}

static void pair_add_node(hf_condition *c) {
  ref_node *node = &pair_nodes[pair_count];
  int *number = &pair_number[pair_count];
  unsigned what = pair_below(16);
  memset(node, 0, sizeof *node);
  if (pair_count == 0 || what < 6) {
    pair_add_path(c, node, number);
  } else if (what < 9) {
    pair_add_value(c, node, number);
  } else if (what == 9 && pair_below(4) == 0) {
    node->what = pair_below(2) ? REF_UNKNOWN : REF_ID;
    *number = node->what == REF_ID ? hf__condition_path(c, HF_ROOT_ID, NULL, 0) : hf__condition_unknown(c);
  } else {
    pair_add_operator(c, node, number);
  }
  if (*number < 0) abort();
  pair_count++;
}

/* -------------------------------------------------------------- comparison */

static hf_answer pair_test(hf_condition *c, hf__finder *find, hf_slice id, hf_slice json) {
  hf__finder *best = c->find;
  c->find = find;
  hf_answer answer = hf__condition_test(c, id, json);
  c->find = best;
  return answer;
}

/* The document, where readable memory ends. */
static hf_slice pair_at_the_edge(void) {
  enum { PAGE = 4096, PAGES = 4 };
  static char *memory;
  if (!memory) {
    memory = mmap(NULL, (PAGES + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory + PAGES * PAGE, PAGE, PROT_NONE)) abort();
  }
  char *copy = memory + PAGES * PAGE - pair_size;
  memcpy(copy, pair_text, pair_size);
  return (hf_slice){copy, pair_size};
}

/* Compares what is made of the bytes.  False: they differ, and it was said where. */
static bool pair_check(const uint8_t *bytes, size_t size) {
  static const char *const names[] = {"no", "yes", "ask", "raises"};
  pair_bytes = bytes;
  pair_end = bytes + size;
  pair_make_decimals();
  hf_condition *c = hf__condition_new();
  if (!c) abort();
  unsigned wanted = pair_below(4) ? pair_below(7) + 1 : pair_below(PAIR_NODES) + 1; /* few: few paths */
  for (pair_count = 0; pair_count < wanted;) pair_add_node(c);
  if (!hf__condition_finish(c, pair_number[pair_count - 1])) abort();
  bool same = true;
  for (unsigned documents = pair_below(4) + 1; documents > 0 && same; documents--) {
    char id[] = "the-id";
    const char *p = pair_text;
    pair_make_document();
    for (unsigned i = 0; i < pair_count; i++) pair_nodes[i].is_done = false;
    hf_error err;
    if (hf_json_validate((hf_slice){pair_text, pair_size}, &err)) abort();
    ref_entity entity = {ref_decode(&p), {id, strlen(id)}};
    hf_answer expected = ref_answer(ref_eval(&pair_nodes[pair_count - 1], &entity));
    hf_slice json = pair_at_the_edge();
    hf_answer best = pair_test(c, c->find, hf_text(id), json);
    hf_answer plain = pair_test(c, hf__find_plain, hf_text(id), json);
    same = best == expected && plain == expected && !(best == HF_ANSWER_NO && hf__condition_is_useless(c));
    if (!same)
      fprintf(stderr, "%s\nexpected %s, best finder %s, plain finder %s: %s\n", pair_text, names[expected], names[best],
              names[plain], hf__condition_reason(c));
    ref_free_all();
  }
  hf__condition_free(c);
  return same;
}

#endif
