/* SPDX-License-Identifier: MIT
 *
 * The field finders: what they find in each kind of document, with each end of a block at each of its bytes, and the
 * end of readable memory after it.
 */
#include "condition_support.h"

enum { NO = HF_ANSWER_NO, YES = HF_ANSWER_YES, ASK = HF_ANSWER_ASK, RAISES = HF_ANSWER_RAISES };

static int binary(hf_operator code, int a, int b) { return op(code, a, b, -1); }

static void fields(void **state) {
  (void)state;
  begin();
  finish(path("a"));
  expect("{}", NO);
  expect("{\"a\":false}", NO);
  expect("{\"a\":null}", YES);
  expect("{\"a\":0}", YES);
  expect("{\"b\":{\"a\":1}}", NO);
  expect("{\"b\":[{\"a\":1}],\"c\":\"\\\"a\\\":1\"}", NO);
  expect("{\"aa\":1,\"\":2}", NO);
  expect(" { \"b\" : 1 , \"a\" : true } ", YES);
  expect("{\"\\u0061\":true}", YES);
  expect("{\"\\u0061b\":true}", NO);
  expect("[1,2,3]", NO);
  expect("[]", NO);
  expect("\"text\"", ASK);
  expect("null", RAISES);
  expect("1", RAISES);
  expect("true", RAISES);
}

static void the_last_of_equal_keys_counts(void **state) {
  (void)state;
  begin();
  finish(binary(HF_OPERATOR_EQ, path("a.b"), number(1)));
  expect("{\"a\":{\"b\":2},\"a\":{\"b\":1}}", YES);
  expect("{\"a\":{\"b\":1},\"a\":{\"b\":2}}", NO);
  expect("{\"a\":{\"b\":1},\"a\":{}}", NO);
  expect("{\"a\":{\"b\":1},\"a\":[]}", NO);
  expect("{\"a\":{\"b\":1},\"a\":null}", RAISES);
  expect("{\"a\":null,\"a\":{\"b\":1}}", YES);
  expect("{\"a\":{\"b\":1,\"b\":2}}", NO);
  expect("{\"a\":{\"b\":2,\"\\u0062\":1}}", YES);
  expect("{\"a\":{\"b\":1},\"\\u0061\":{\"c\":2}}", NO);
  expect("{\"a\":{\"b\":{\"b\":1},\"b\":1}}", YES);
}

static void deep_paths(void **state) {
  (void)state;
  begin();
  finish(binary(HF_OPERATOR_EQ, path("a.b.c"), text("x")));
  expect("{\"a\":{\"b\":{\"c\":\"x\"}}}", YES);
  expect("{\"a\":{\"b\":{\"c\":\"y\"}}}", NO);
  expect("{\"a\":{\"b\":{}}}", NO);
  expect("{\"a\":{\"b\":[]}}", NO);
  expect("{\"a\":{\"b\":\"c\"}}", ASK);
  expect("{\"a\":{\"b\":1}}", RAISES);
  assert_string_equal(hf__condition_reason(c), "attempt to index field 'b' (a number value)");
  expect("{\"a\":{}}", RAISES);
  assert_string_equal(hf__condition_reason(c), "attempt to index field 'b' (a nil value)");
  expect("{}", RAISES);
  assert_string_equal(hf__condition_reason(c), "attempt to index field 'a' (a nil value)");
  expect("{\"a\":null}", RAISES);
  assert_string_equal(hf__condition_reason(c), "attempt to index field 'a' (a userdata value)");
  expect("{\"b\":{\"c\":\"x\"},\"a\":{\"c\":\"x\",\"b\":{\"b\":{\"c\":\"x\"}}}}", NO);
}

static void items_of_arrays(void **state) {
  (void)state;
  begin();
  finish(binary(HF_OPERATOR_EQ, path("tags.2"), text("b")));
  expect("{\"tags\":[\"a\",\"b\"]}", YES);
  expect("{\"tags\":[ \"a\" , \"b\" , \"c\" ]}", YES);
  expect("{\"tags\":[[\"x\",\"b\"],{\"y\":[1,2]},\"b\"]}", NO);
  expect("{\"tags\":[[\"x\",\"b\"],\"b\"]}", YES);
  expect("{\"tags\":[\"b\"]}", NO);
  expect("{\"tags\":[]}", NO);
  expect("{\"tags\":[null,null]}", NO);
  expect("{\"tags\":{\"2\":\"b\"}}", NO);
  expect("{\"tags\":\"ab\"}", ASK);
  begin();
  finish(path("tags.2"));
  expect("{\"tags\":[false,null]}", YES);
  begin();
  finish(path("2.x"));
  expect("[1,{\"x\":5}]", YES);
  expect("[1,{}]", NO);
  expect("[1,2]", RAISES);
  expect("{\"2\":{\"x\":5}}", RAISES);
}

static void keys_are_compared_unescaped(void **state) {
  (void)state;
  begin();
  hf_step step = {.field = {"q\"\\/\b\0\xC3\xA9\xF0\x9F\x98\x80", 12}};
  finish(hf__condition_path(c, HF_ROOT_ENTITY, &step, 1));
  expect("{\"q\\\"\\\\\\/\\b\\u0000\\u00e9\\ud83d\\ude00\":1}", YES);
  expect("{\"q\\\"\\\\/\\u0008\\u0000\xC3\xA9\xF0\x9F\x98\x80\":1}", YES);
  expect("{\"q\\\"\\\\\\/\\b\\u0000\\u00e9\\ud83d\\ude01\":1}", NO);
  expect("{\"q\\\"\\\\\\/\\b\\u0000\\u00e9\":1}", NO);
  expect("{\"q\":1}", NO);
}

static void entities_of_full_depth(void **state) {
  char json[600], *p = json;
  (void)state;
  begin();
  finish(path("a"));
  p += sprintf(p, "{\"b\":");
  for (int i = 1; i < HF_DEPTH_MAX; i++) *p++ = '[';
  for (int i = 1; i < HF_DEPTH_MAX; i++) *p++ = ']';
  p += sprintf(p, ",\"a\":true}");
  expect(json, YES);
}

static void what_is_no_json_is_not_read_beyond_its_end(void **state) {
  static const char *const texts[] = {
      "{",        "{\"",      "{\"a", "{\"a\"",   "{\"a\":",  "{\"a\":\"", "{\"a\":\"x\\",
      "{\"a\":t", "{\"a\":{", "[",    "{\"a\":-", "{\"b\":[", "{\"\\",     "\"\\"};
  (void)state;
  begin();
  finish(binary(HF_OPERATOR_EQ, path("a"), text("x")));
  for (int plain = 0; plain < 2; plain++) {
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
      hf__condition_test(c, hf_text("id"), at_the_edge(0, texts[i], strlen(texts[i])));
    c->find = hf__find_plain;
  }
}

static void escapes_at_the_ends_of_blocks(void **state) {
  char json[300];
  (void)state;
  begin();
  finish(binary(HF_OPERATOR_EQ, path("a"), number(1)));
  for (int backslashes = 0; backslashes <= 70; backslashes++) {
    char *p = json;
    p += sprintf(p, "{\"s\":\"");
    for (int i = 0; i < 2 * backslashes; i++) *p++ = '\\';
    sprintf(p, "\",\"a\":1}");
    expect(json, YES);
    /* One more: the quote after them is escaped, and what follows is still in the string. */
    sprintf(p, "\\\",\\\"a\\\":1,\",\"a\":2}");
    expect(json, NO);
  }
}

static void names_within_strings_and_names(void **state) {
  (void)state;
  begin();
  finish(binary(HF_OPERATOR_EQ, path("metadata.symbol"), text("x")));
  expect("{\"s\":\"\\\"metadata\\\":{\\\"symbol\\\":1}\",\"metadata\":{\"symbol\":\"x\"}}", YES);
  expect("{\"metadata\":{\"symbol\":\"x\"},\"\\\"metadata\":{\"symbol\":\"y\"}}", YES);
  expect("{\"metadata\":{\"symbol\":\"x\",\"xsymbol\":\"y\"},\"xmetadata\":1}", YES);
  expect("{\"a\":\"metadata\",\"metadata\":{\"b\":\"symbol\",\"symbol\":\"x\"}}", YES);
  expect("{\"a\":{\"metadata\":{\"symbol\":\"x\"}},\"metadata\":{\"a\":{\"symbol\":\"x\"}}}", NO);
  expect("{\"metadata\":{\"a\":[{\"symbol\":\"x\"},[\"symbol\"]]},\"symbol\":\"x\"}", NO);
}

/* Longer than anything that is looked at in one go, with the field first, last and twice. */
static void long_documents(void **state) {
  enum { SIZE = 100000 };
  char *json = malloc(SIZE + 100);
  (void)state;
  assert_non_null(json);
  begin();
  finish(binary(HF_OPERATOR_EQ, path("a.b"), number(1)));
  for (int last = 0; last <= 2; last++) {
    char *p = json;
    p += sprintf(p, "{\"a\":{\"b\":1},\"list\":[");
    while (p - json < SIZE) p += sprintf(p, "{\"a\":{\"b\":2},\"s\":\"}]\"},");
    sprintf(p, last == 0 ? "0]}" : last == 1 ? "0],\"a\":{\"b\":2}}" : "0],\"a\":{\"b\":1}}");
    expect_with(c->find, 0, json, strlen(json), last == 1 ? NO : YES, __FILE__, __LINE__);
    expect_with(hf__find_plain, 0, json, strlen(json), last == 1 ? NO : YES, __FILE__, __LINE__);
  }
  free(json);
}

static int end(void **state) {
  (void)state;
  hf__condition_free(c);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fields),
      cmocka_unit_test(the_last_of_equal_keys_counts),
      cmocka_unit_test(deep_paths),
      cmocka_unit_test(items_of_arrays),
      cmocka_unit_test(keys_are_compared_unescaped),
      cmocka_unit_test(entities_of_full_depth),
      cmocka_unit_test(what_is_no_json_is_not_read_beyond_its_end),
      cmocka_unit_test(escapes_at_the_ends_of_blocks),
      cmocka_unit_test(names_within_strings_and_names),
      cmocka_unit_test(long_documents),
  };
  return cmocka_run_group_tests(tests, NULL, end);
}
