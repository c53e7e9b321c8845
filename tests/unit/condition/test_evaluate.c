/* SPDX-License-Identifier: MIT
 *
 * Conditions: each operator, and what Lua makes of each kind of value.  What is expected here is what LuaJIT
 * gives for the decoded entity.
 */
#include <math.h>

#include "condition/text.h"
#include "condition_support.h"

enum { NO = HF_ANSWER_NO, YES = HF_ANSWER_YES, ASK = HF_ANSWER_ASK, RAISES = HF_ANSWER_RAISES };

static int binary(hf_operator code, int a, int b) { return op(code, a, b, -1); }
static int unary(hf_operator code, int a) { return op(code, a, -1, -1); }

static void truth_of_the_entity(void **state) {
  (void)state;
  begin();
  finish(path(""));
  expect("false", NO);
  expect("true", YES);
  expect("null", YES);
  expect("0", YES);
  expect("-0", YES);
  expect("\"\"", YES);
  expect("{}", YES);
  expect("[]", YES);
  expect(" \n\t\rfalse", NO);
  expect("", ASK);
  expect("  ", ASK);
}

static void equality_and_texts(void **state) {
  (void)state;
  begin();
  finish(binary(HF_OPERATOR_EQ, path("s"), text("a\"b\n")));
  expect("{\"s\":\"a\\\"b\\n\"}", YES);
  expect("{\"s\":\"\\u0061\\u0022\\u0062\\u000A\"}", YES);
  expect("{\"s\":\"a\\\"b\\n \"}", NO);
  expect("{\"s\":\"a\\\"b\"}", NO);
  expect("{\"s\":1}", NO);
  expect("{\"s\":null}", NO);
  begin();
  finish(binary(HF_OPERATOR_NE, path("s"), text("")));
  expect("{\"s\":\"\"}", NO);
  expect("{\"s\":\" \"}", YES);
  expect("{}", YES);
}

static void equality_and_other_values(void **state) {
  static const struct {
    hf_constant_kind kind;
    const char *equal;
  } rows[] = {{HF_CONSTANT_NIL, "{}"},
              {HF_CONSTANT_FALSE, "{\"x\":false}"},
              {HF_CONSTANT_TRUE, "{\"x\":true}"},
              {HF_CONSTANT_NULL, "{\"x\":null}"}};
  (void)state;
  for (size_t i = 0; i < 4; i++) {
    begin();
    finish(binary(HF_OPERATOR_EQ, path("x"), constant(rows[i].kind)));
    for (size_t j = 0; j < 4; j++) expect(rows[j].equal, i == j ? YES : NO);
    expect("{\"x\":0}", NO);
    expect("{\"x\":\"\"}", NO);
    expect("{\"x\":[]}", NO);
  }
}

static void tables_are_equal_to_themselves_only(void **state) {
  (void)state;
  begin();
  finish(binary(HF_OPERATOR_EQ, path("a"), path("b")));
  expect("{\"a\":{},\"b\":{}}", NO);
  expect("{\"a\":1,\"b\":1.0}", YES);
  expect("{\"a\":\"\\u0041\",\"b\":\"A\"}", YES);
  expect("{}", YES);
  expect("{\"a\":null}", NO);
  begin();
  finish(binary(HF_OPERATOR_EQ, path("a"), path("a")));
  expect("{\"a\":{},\"a\":[]}", YES);
  begin();
  finish(binary(HF_OPERATOR_LT, path("a"), path("a")));
  expect("{\"a\":{}}", RAISES);
  assert_string_equal(hf__condition_reason(c), "attempt to compare two table values");
}

static void numbers_to_the_last_bit(void **state) {
  (void)state;
  begin();
  finish(binary(HF_OPERATOR_EQ, path("x"), number(0.1)));
  expect("{\"x\":0.1}", YES);
  expect("{\"x\":0.10000000000000001}", YES);
  expect("{\"x\":1e-1}", YES);
  expect("{\"x\":0.10000000000000002}", NO);
  begin();
  finish(binary(HF_OPERATOR_EQ, path("x"), number(HUGE_VAL)));
  expect("{\"x\":1e999}", YES);
  expect("{\"x\":1e308}", NO);
  begin();
  finish(binary(HF_OPERATOR_EQ, binary(HF_OPERATOR_DIV, number(1), path("x")), number(-HUGE_VAL)));
  expect("{\"x\":-0}", HF__HAS_NEGATIVE_ZERO ? YES : ASK);
  expect("{\"x\":-0.0}", HF__HAS_NEGATIVE_ZERO ? YES : ASK);
  expect("{\"x\":-1e-999}", HF__HAS_NEGATIVE_ZERO ? YES : ASK);
  expect("{\"x\":0}", HF__HAS_NEGATIVE_ZERO ? NO : ASK);
  begin();
  finish(binary(HF_OPERATOR_EQ, path("x"), number(9007199254740993.0)));
  expect("{\"x\":9007199254740993}", YES);
  expect("{\"x\":9007199254740992}", YES);
  expect("{\"x\":9007199254740991}", NO);
  begin(); /* not a number is unequal to itself, and true */
  finish(binary(HF_OPERATOR_NE, binary(HF_OPERATOR_SUB, path("x"), path("x")), number(0)));
  expect("{\"x\":1e999}", YES);
  expect("{\"x\":5}", NO);
}

/* Decimals of up to 21 digits, the point at any place, with and without a sign and an exponent. */
static void numbers_are_read_as_the_decoder_reads_them(void **state) {
  uint64_t random = 88172645463325252u;
  (void)state;
  for (int i = 0; i < 300000; i++) {
    char text[48], *out = text;
    random ^= random << 13, random ^= random >> 7, random ^= random << 17;
    unsigned digits = 1 + (unsigned)(random % 21), point = (unsigned)(random >> 8) % (digits + 4);
    if (random & UINT64_C(1) << 40) *out++ = '-';
    for (unsigned j = 0; j < digits; j++) {
      if (j && j == point) *out++ = '.';
      uint64_t digit = (random * (j + 1) * UINT64_C(0x9E3779B97F4A7C15)) >> 60;
      *out++ = (char)('0' + (digit % 10 == 0 && j == 0 ? 1 : digit % 10));
    }
    if ((random >> 48) % 8 == 0) out += sprintf(out, "e%d", (int)(random >> 52) % 40 - 20);
    *out = '\0';
    double expected = strtod(text, NULL), got = 0;
    hf_slice json = at_the_edge(0, text, (size_t)(out - text));
    assert_true(hf__number_at(json.data, json.data + json.size, &got));
    if (memcmp(&got, &expected, sizeof got) != 0) FAIL_AT(__FILE__, __LINE__, "%s is %.17g", text, got);
  }
}

static void no_fused_multiply_add(void **state) {
  /* x * y + z with one rounding would not be 0. */
  (void)state;
  begin();
  int product = binary(HF_OPERATOR_MUL, path("x"), path("y"));
  finish(binary(HF_OPERATOR_EQ, binary(HF_OPERATOR_SUB, product, path("z")), number(0)));
  volatile double x = 1.1, y = 1.1;
  char json[128];
  snprintf(json, sizeof json, "{\"x\":1.1,\"y\":1.1,\"z\":%.17g}", x * y);
  expect(json, YES);
}

static void order(void **state) {
  static const hf_operator codes[] = {HF_OPERATOR_LT, HF_OPERATOR_LE, HF_OPERATOR_GT, HF_OPERATOR_GE};
  static const int less[] = {YES, YES, NO, NO}, equal[] = {NO, YES, NO, YES}, more[] = {NO, NO, YES, YES};
  (void)state;
  for (int i = 0; i < 4; i++) {
    begin();
    finish(binary(codes[i], path("x"), number(100)));
    expect("{\"x\":99.999}", less[i]);
    expect("{\"x\":-1e999}", less[i]);
    expect("{\"x\":1e2}", equal[i]);
    expect("{\"x\":101}", more[i]);
    expect("{\"x\":\"101\"}", RAISES);
    expect("{\"x\":null}", RAISES);
    expect("{\"x\":true}", RAISES);
    expect("{\"x\":{}}", RAISES);
    expect("{}", RAISES);
    assert_string_equal(hf__condition_reason(c),
                        i < 2 ? "attempt to compare nil with number" : "attempt to compare number with nil");
    begin();
    finish(binary(codes[i], path("x"), text("b")));
    expect("{\"x\":\"a\xFF\"}", less[i]);
    expect("{\"x\":\"\"}", less[i]);
    expect("{\"x\":\"a\\u0000\"}", less[i]);
    expect("{\"x\":\"b\"}", equal[i]);
    expect("{\"x\":\"\\u0062\"}", equal[i]);
    expect("{\"x\":\"b\\u0000\"}", more[i]);
    expect("{\"x\":\"\xC3\xA9\"}", more[i]);
    expect("{\"x\":1}", RAISES);
    expect("{\"x\":null}", RAISES);
  }
  begin(); /* zeros are bytes as others are */
  finish(binary(HF_OPERATOR_LT, path("x"), path("y")));
  expect("{\"x\":\"a\\u0000a\",\"y\":\"a\\u0000b\"}", YES);
  expect("{\"x\":\"a\\u0000b\",\"y\":\"a\\u0000a\"}", NO);
}

static void arithmetic(void **state) {
  static const struct {
    hf_operator code;
    double x, y, result;
  } rows[] = {
      {HF_OPERATOR_ADD, 0.1, 0.2, 0.1 + 0.2},
      {HF_OPERATOR_SUB, 1, 0.9, 1 - 0.9},
      {HF_OPERATOR_MUL, 3, 1.1, 3 * 1.1},
      {HF_OPERATOR_DIV, 1, 3, 1.0 / 3},
      {HF_OPERATOR_MOD, -5, 3, 1},
      {HF_OPERATOR_MOD, 5.5, -2, -0.5},
      {HF_OPERATOR_MOD, 5, 3, 2},
      {HF_OPERATOR_MOD, 1e300, 7, 0},
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char json[64];
    begin();
    finish(binary(HF_OPERATOR_EQ, binary(rows[i].code, path("x"), number(rows[i].y)), number(rows[i].result)));
    snprintf(json, sizeof json, "{\"x\":%.17g}", rows[i].x);
    bool sure = rows[i].code != HF_OPERATOR_MOD || hf__number_modulo_is_sure(rows[i].x, rows[i].y);
    if (rows[i].x < 1e299) expect(json, sure ? YES : ASK);
    expect("{\"x\":\"1\"}", ASK);
    expect("{\"x\":\"one\"}", ASK);
    expect("{\"x\":true}", RAISES);
    expect("{\"x\":[]}", RAISES);
    expect("{\"x\":null}", RAISES);
    assert_string_equal(hf__condition_reason(c), "attempt to perform arithmetic on field 'x' (a userdata value)");
    expect("{}", RAISES);
  }
  begin(); /* x % inf is not a number in LuaJIT, as is x % 0 */
  int rest = binary(HF_OPERATOR_MOD, number(5), path("x"));
  finish(binary(HF_OPERATOR_EQ, rest, rest));
  expect("{\"x\":1e999}", HF__HAS_NEGATIVE_ZERO ? NO : ASK);
  expect("{\"x\":0}", NO);
  expect("{\"x\":2}", YES);
  begin();
  finish(binary(HF_OPERATOR_LT, unary(HF_OPERATOR_NEG, path("x")), number(0)));
  expect("{\"x\":1}", YES);
  expect("{\"x\":-1}", NO);
  expect("{\"x\":\"1\"}", ASK);
  expect("{\"x\":false}", RAISES);
}

static void logic(void **state) {
  (void)state;
  for (int i = 0; i < 3; i++) {
    begin();
    int a = path("a"), b = path("b.x"), unknown = hf__condition_unknown(c);
    int right = i == 0 ? b : i == 1 ? unknown : path("c");
    finish(binary(HF_OPERATOR_AND, a, right));
    int second = i == 0 ? RAISES : i == 1 ? ASK : YES;
    expect("{\"a\":false,\"c\":1}", NO);
    expect("{\"c\":1}", NO);
    expect("{\"a\":1,\"c\":1}", second);
    begin();
    a = path("a"), b = path("b.x"), unknown = hf__condition_unknown(c);
    right = i == 0 ? b : i == 1 ? unknown : path("c");
    finish(binary(HF_OPERATOR_OR, a, right));
    expect("{\"a\":0}", YES);
    expect("{\"a\":false,\"c\":0}", second);
  }
  begin(); /* what comes first may raise, or have an effect */
  finish(binary(HF_OPERATOR_AND, hf__condition_unknown(c), constant(HF_CONSTANT_FALSE)));
  expect("{}", ASK);
  begin();
  finish(unary(HF_OPERATOR_NOT, path("a")));
  expect("{}", YES);
  expect("{\"a\":0}", NO);
  expect("3", RAISES);
  begin();
  finish(op(HF_OPERATOR_IF, path("a"), path("b"), path("c.d")));
  expect("{\"a\":1,\"b\":false}", NO);
  expect("{\"a\":1,\"b\":1}", YES);
  expect("{\"b\":1}", RAISES);
  expect("{\"b\":1,\"c\":{}}", NO);
  expect("{\"c\":{\"d\":1}}", YES);
}

static void types(void **state) {
  static const char *const rows[][2] = {
      {"nil", "{}"},           {"boolean", "{\"x\":false}"}, {"boolean", "{\"x\":true}"}, {"userdata", "{\"x\":null}"},
      {"number", "{\"x\":1}"}, {"string", "{\"x\":\"\"}"},   {"table", "{\"x\":{}}"},     {"table", "{\"x\":[]}"}};
  (void)state;
  for (size_t i = 0; i < 8; i++) {
    begin();
    finish(binary(HF_OPERATOR_EQ, unary(HF_OPERATOR_TYPE, path("x")), text(rows[i][0])));
    for (size_t j = 0; j < 8; j++) expect(rows[j][1], strcmp(rows[i][0], rows[j][0]) == 0 ? YES : NO);
  }
}

static void lengths(void **state) {
  (void)state;
  begin();
  finish(binary(HF_OPERATOR_EQ, unary(HF_OPERATOR_LEN, path("s")), number(3)));
  expect("{\"s\":\"abc\"}", YES);
  expect("{\"s\":\"a\\u00e9\"}", YES);
  expect("{\"s\":\"\\n\\n\\n\"}", YES);
  expect("{\"s\":\"\\ud83d\\ude00\"}", NO);
  expect("{\"s\":[1,2,3]}", ASK);
  expect("{\"s\":{}}", ASK);
  expect("{\"s\":3}", RAISES);
  expect("{}", RAISES);
  assert_string_equal(hf__condition_reason(c), "attempt to get length of field 's' (a nil value)");
}

static void finding(void **state) {
  (void)state;
  begin();
  finish(binary(HF_OPERATOR_FIND, path("s"), text("BTC")));
  expect("{\"s\":\"BTCUSDT\"}", YES);
  expect("{\"s\":\"xBTBTC\"}", YES);
  expect("{\"s\":\"\\u0042TC\"}", YES);
  expect("{\"s\":\"btc\"}", NO);
  expect("{\"s\":\"\"}", NO);
  expect("{\"t\":\"BTC\",\"s\":\"BT\"}", NO);
  expect("{\"s\":1}", RAISES);
  expect("{\"s\":null}", RAISES);
  expect("{\"s\":[]}", RAISES);
  expect("{\"s\":{\"find\":\"BTC\"}}", RAISES);
  expect("{}", RAISES);
  assert_string_equal(hf__condition_reason(c), "attempt to index field 's' (a nil value)");
  begin();
  finish(binary(HF_OPERATOR_EQ, binary(HF_OPERATOR_FIND, path("s"), path("t")), number(2)));
  expect("{\"s\":\"ab\",\"t\":\"b\"}", YES);
  expect("{\"s\":\"ab\",\"t\":\"\"}", NO);
  expect("{\"s\":\"ab\",\"t\":1}", ASK);
  expect("{\"s\":\"ab\",\"t\":null}", RAISES);
  expect("{\"s\":\"ab\"}", RAISES);
}

static void parts_of_texts(void **state) {
  static const struct {
    int from, to;
    const char *part;
  } rows[] = {{1, 3, "abc"},  {2, -2, "bcd"}, {-2, -1, "de"}, {0, 2, "ab"},  {-100, 2, "ab"},
              {4, 100, "de"}, {3, 2, ""},     {6, 7, ""},     {1, -100, ""}, {INT32_MIN, INT32_MAX, "abcde"}};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    begin();
    int part = op(HF_OPERATOR_SUBSTR, path("s"), number(rows[i].from), number(rows[i].to));
    finish(binary(HF_OPERATOR_EQ, part, text(rows[i].part)));
    expect("{\"s\":\"abcde\"}", YES);
    expect("{\"s\":\"ab\\u0063de\"}", YES);
    expect("{\"s\":\"\"}", *rows[i].part ? NO : YES);
    expect("{\"s\":12345}", RAISES);
  }
  begin();
  finish(binary(HF_OPERATOR_EQ, op(HF_OPERATOR_SUBSTR, path("s"), path("from"), number(-1)), text("b")));
  expect("{\"s\":\"ab\",\"from\":2}", YES);
  expect("{\"s\":\"ab\",\"from\":2.5}", ASK);
  expect("{\"s\":\"ab\",\"from\":1e10}", ASK);
  expect("{\"s\":\"ab\",\"from\":\"2\"}", ASK);
  expect("{\"s\":\"ab\",\"from\":null}", RAISES);
}

static void matching(void **state) {
  static const struct {
    hf_operator code;
    int whole, begins, ends, inside, shorter;
  } rows[] = {{HF_OPERATOR_BEGINS, YES, YES, NO, NO, NO},
              {HF_OPERATOR_ENDS, YES, NO, YES, NO, NO},
              {HF_OPERATOR_IS, YES, NO, NO, NO, NO}};
  (void)state;
  for (size_t i = 0; i < 3; i++) {
    begin();
    finish(binary(rows[i].code, path("s"), text("abc")));
    expect("{\"s\":\"abc\"}", rows[i].whole);
    expect("{\"s\":\"\\u0061bc\"}", rows[i].whole);
    expect("{\"s\":\"abcd\"}", rows[i].begins);
    expect("{\"s\":\"xabc\"}", rows[i].ends);
    expect("{\"s\":\"xabcd\"}", rows[i].inside);
    expect("{\"s\":\"ab\"}", rows[i].shorter);
    expect("{\"s\":\"\"}", rows[i].shorter);
    expect("{\"s\":7}", RAISES);
    begin();
    finish(binary(rows[i].code, path("s"), text("")));
    expect("{\"s\":\"\"}", YES);
    expect("{\"s\":\"a\"}", rows[i].code == HF_OPERATOR_IS ? NO : YES);
  }
}

static void ids(void **state) {
  (void)state;
  begin();
  finish(binary(HF_OPERATOR_BEGINS, hf__condition_path(c, HF_ROOT_ID, NULL, 0), text("the-")));
  expect("null", YES);
  begin();
  hf_step len = {.field = hf_text("len")};
  finish(hf__condition_path(c, HF_ROOT_ID, &len, 1));
  expect("null", ASK);
}

/* What is on nothing but constants and parameters has the value that it would have in each test. */
static void folded(void **state) {
  (void)state;
  begin();
  int limit = hf__condition_parameter(c, 0), least = binary(HF_OPERATOR_MUL, limit, number(2));
  int none = binary(HF_OPERATOR_EQ, limit, constant(HF_CONSTANT_NIL));
  finish(binary(HF_OPERATOR_OR, none, binary(HF_OPERATOR_LT, least, path("x"))));
  expect("{\"x\":3}", HF_ANSWER_ASK);
  hf__condition_set(c, 0, &(hf_constant){.kind = HF_CONSTANT_NUMBER, .number = 1});
  assert_true(c->nodes[least].given && c->nodes[least].given->number == 2);
  assert_true(c->nodes[none].given && c->nodes[none].given->kind == HF__KIND_FALSE);
  expect("{\"x\":3}", HF_ANSWER_YES);
  expect("{\"x\":2}", HF_ANSWER_NO);
  hf__condition_set(c, 0, &(hf_constant){.kind = HF_CONSTANT_NUMBER, .number = 2});
  expect("{\"x\":3}", HF_ANSWER_NO);
  hf__condition_set(c, 0, &(hf_constant){.kind = HF_CONSTANT_NIL});
  assert_true(c->nodes[none].given && c->nodes[none].given->kind == HF__KIND_TRUE);
  assert_true(c->nodes[least].given == NULL);
  expect("{\"x\":3}", HF_ANSWER_YES);
  hf__condition_set(c, 0, &(hf_constant){.kind = HF_CONSTANT_TRUE});
  expect("{\"x\":3}", HF_ANSWER_RAISES);
  hf__condition_set(c, 0, &(hf_constant){.kind = HF_CONSTANT_UNKNOWN});
  expect("{\"x\":3}", HF_ANSWER_ASK);
  /* It does not go with the results that are kept of shared nodes. */
  hf__condition_set(c, 0, &(hf_constant){.kind = HF_CONSTANT_NUMBER, .number = 1});
  c->stamp = UINT32_MAX;
  expect("{\"x\":2}", HF_ANSWER_NO);
}

static void parameters(void **state) {
  (void)state;
  begin();
  int parameter = hf__condition_parameter(c, 2);
  finish(binary(HF_OPERATOR_EQ, path("x"), parameter));
  assert_int_equal(hf__condition_parameters(c), 3);
  assert_int_equal(hf__condition_parameter_kind(c, 2), HF_CONSTANT_UNKNOWN);
  expect("{\"x\":1}", ASK);
  assert_true(hf__condition_is_useless(c));
  assert_true(hf__condition_set(c, 2, &(hf_constant){.kind = HF_CONSTANT_NUMBER, .number = 1}));
  expect("{\"x\":1}", YES);
  expect("{\"x\":2}", NO);
  assert_false(hf__condition_is_useless(c));
  char name[] = "abc";
  assert_true(hf__condition_set(c, 2, &(hf_constant){.kind = HF_CONSTANT_TEXT, .text = {name, 3}}));
  memset(name, 'x', 3);
  expect("{\"x\":\"abc\"}", YES);
  assert_int_equal(hf__condition_parameter_kind(c, 2), HF_CONSTANT_TEXT);
  assert_true(hf__condition_set(c, 2, &(hf_constant){.kind = HF_CONSTANT_NIL}));
  expect("{}", YES);
  assert_true(hf__condition_set(c, 2, &(hf_constant){.kind = HF_CONSTANT_UNKNOWN}));
  expect("{}", ASK);
  assert_false(hf__condition_set(c, HF_CONDITION_PARAMETERS_MAX, &(hf_constant){.kind = HF_CONSTANT_NIL}));
  assert_int_equal(hf__condition_parameter(c, HF_CONDITION_PARAMETERS_MAX), -1);
}

static void what_is_useless(void **state) {
  (void)state;
  begin();
  finish(binary(HF_OPERATOR_AND, hf__condition_unknown(c), path("a")));
  assert_true(hf__condition_is_useless(c));
  begin();
  finish(binary(HF_OPERATOR_AND, path("a"), hf__condition_unknown(c)));
  assert_false(hf__condition_is_useless(c));
  begin();
  finish(binary(HF_OPERATOR_OR, path("a"), hf__condition_unknown(c)));
  assert_true(hf__condition_is_useless(c));
  begin();
  finish(op(HF_OPERATOR_IF, path("a"), constant(HF_CONSTANT_NIL), hf__condition_unknown(c)));
  assert_false(hf__condition_is_useless(c));
  begin();
  finish(unary(HF_OPERATOR_NOT, constant(HF_CONSTANT_NIL)));
  assert_true(hf__condition_is_useless(c));
  begin();
  finish(unary(HF_OPERATOR_LEN, path("a")));
  assert_true(hf__condition_is_useless(c));
}

static void shared_nodes_are_evaluated_once(void **state) {
  (void)state;
  begin();
  int x = path("x");
  for (int i = 0; i < 200; i++) x = binary(HF_OPERATOR_ADD, x, x);
  finish(binary(HF_OPERATOR_GT, x, number(0)));
  expect("{\"x\":1}", YES);
  expect("{\"x\":0}", NO);
  expect("{\"x\":-1}", NO);
  expect("{\"x\":\"\\u0031\"}", ASK);
}

static void what_is_too_deep_is_not_known(void **state) {
  (void)state;
  begin();
  int x = path("x");
  for (int i = 0; i < 1000; i++) x = unary(HF_OPERATOR_NOT, x);
  finish(x);
  expect("{\"x\":1}", ASK);
  assert_true(hf__condition_is_useless(c));
  begin();
  for (int i = 0; i < HF_CONDITION_NODES_MAX; i++) assert_int_equal(hf__condition_unknown(c), i);
  assert_int_equal(hf__condition_unknown(c), -1);
  assert_int_equal(number(1), -1);
}

static int end(void **state) {
  (void)state;
  hf__condition_free(c);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(truth_of_the_entity),
      cmocka_unit_test(equality_and_texts),
      cmocka_unit_test(equality_and_other_values),
      cmocka_unit_test(tables_are_equal_to_themselves_only),
      cmocka_unit_test(numbers_to_the_last_bit),
      cmocka_unit_test(numbers_are_read_as_the_decoder_reads_them),
      cmocka_unit_test(no_fused_multiply_add),
      cmocka_unit_test(order),
      cmocka_unit_test(arithmetic),
      cmocka_unit_test(logic),
      cmocka_unit_test(types),
      cmocka_unit_test(lengths),
      cmocka_unit_test(finding),
      cmocka_unit_test(parts_of_texts),
      cmocka_unit_test(matching),
      cmocka_unit_test(ids),
      cmocka_unit_test(parameters),
      cmocka_unit_test(folded),
      cmocka_unit_test(what_is_useless),
      cmocka_unit_test(shared_nodes_are_evaluated_once),
      cmocka_unit_test(what_is_too_deep_is_not_known),
  };
  return cmocka_run_group_tests(tests, NULL, end);
}
