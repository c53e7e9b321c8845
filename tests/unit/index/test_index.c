/* SPDX-License-Identifier: MIT
 *
 * What indexes are made of: definitions and names from paths, sets, and what entities have in them as bytes.
 */
#include "../support.h"
#include "index/set.h"

static hf_buffer definition, name;

static hf_status define(const char *const *paths, size_t count, bool unique, hf_error *err) {
  return hf__index_define(paths, count, unique, &definition, &name, err);
}

/* ---- definitions */

static void test_paths_get_their_shortest_spelling(void **state) {
  (void)state;
  static const char *const rows[][2] = {
      {"metadata.symbol", "metadata.symbol"},
      {"v.metadata.symbol", "metadata.symbol"},
      {" ( v['metadata'] ) [ [[symbol]] ] --the symbol", "metadata.symbol"},
      {"v.id", "v.id"},
      {"v.v", "v.v"},
      {"v.v.x", "v.v.x"},
      {"v.null", "v.null"},
      {"v.None", "v.None"},
      {"v.holdfast", "holdfast"},
      {"v.holdfast.null", "v.holdfast.null"},
      {"v['type']", "type"},
      {"tags[1]", "tags[1]"},
      {"v[1]", "v[1]"},
      {"v[0x10].a", "v[16].a"},
      {"v['end']", "v[\"end\"]"},
      {"a['and'].b", "a[\"and\"].b"},
      {"v['any key']", "v[\"any key\"]"},
      {"v['\\\"\\\\\\n\\127\\0']", "v[\"\\\"\\\\\\010\\127\\000\"]"},
      {"v['']", "v[\"\"]"},
      {"v['1']", "v[\"1\"]"},
      {"gr\xC3\xB6\xC3\x9F"
       "e",
       "gr\xC3\xB6\xC3\x9F"
       "e"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    hf_error err;
    OK(define(rows[i], 1, false, &err));
    assert_string_equal(name.data, rows[i][1]);
    const char *again = strdup(name.data);
    OK(define(&again, 1, false, &err));
    assert_string_equal(name.data, again);
    free((void *)(uintptr_t)again);
  }
}

static void test_definitions(void **state) {
  (void)state;
  hf_error err;
  OK(define((const char *const[]){"strategyName", "v[\"any key\"]"}, 2, true, &err));
  assert_string_equal(definition.data, "{\"paths\":[\"strategyName\",\"v[\\\"any key\\\"]\"],\"unique\":true}");
  assert_string_equal(name.data, "strategyName,v[\"any key\"]");
}

static void test_what_is_no_path(void **state) {
  (void)state;
  static const char *const rows[][2] = {
      {"", "it is empty"},
      {"id", "a field called id is v.id"},
      {"v", "v is the whole entity"},
      {"my-field", "it is an expression; the field of this very name is v[\"my-field\"]"},
      {"my field", "path, column 4, at 'field': an operator, or the end of the path, is expected"},
      {"my field", "v[\"my field\"]"},
      {"side,pnl", "several paths are a list, each a text of its own; the field of this very name is v[\"side,pnl\"]"},
      {"end", "v[\"end\"]"},
      {"null", "v[\"null\"]"},
      {"?", "an expression"},
      {"pnl > 0", "an expression"},
      {"a.end", "x[\"end\"]"},
      {"$.a", "a path begins with the name of a field, without $ or @"},
      {"exit..reason", "two points stand together: the name of a field belongs between them"},
      {"end", "a word of Lua is no path, and no name after a point; the field of this very name is v[\"end\"]"},
      {"a[0]", "whole numbers from 1 on"},
      {"v['\\255']", "UTF-8"},
      {"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q", "at most 16 steps"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    hf_error err;
    FAILS(HF_INVALID_ARGUMENT, define(rows[i], 1, false, &err));
    CONTAINS(err.message, rows[i][1]);
    CONTAINS(err.message, "metadata.symbol, tags[1] or v[\"any key\"]");
  }
  hf_error err;
  FAILS(HF_INVALID_ARGUMENT, define((const char *const[]){"a\xE3-b\xFF"}, 1, false, &err));
  CONTAINS(err.message, "\"a?-b?\"");
}

static void test_what_is_no_index(void **state) {
  (void)state;
  static const char *const five[] = {"a", "b", "c", "d", "e"};
  hf_error err;
  char large[600];
  memset(large, 'a', sizeof large);
  large[sizeof large - 1] = '\0';
  FAILS(HF_INVALID_ARGUMENT, define(five, 0, false, &err));
  FAILS(HF_INVALID_ARGUMENT, define(five, 5, false, &err));
  CONTAINS(err.message, "1 to 4 paths");
  FAILS(HF_INVALID_ARGUMENT, define((const char *const[]){NULL}, 1, false, &err));
  FAILS(HF_INVALID_ARGUMENT, define((const char *const[]){large}, 1, false, &err));
  CONTAINS(err.message, "at most 500 bytes together, and these have 599");
  FAILS(HF_INVALID_ARGUMENT, define((const char *const[]){"ba", "a", "v.a"}, 3, false, &err));
  CONTAINS(err.message, "the path \"a\" is in the index twice");
  OK(define((const char *const[]){"a", "v[',\"a\",']", "ba", "a.b"}, 4, false, &err));
}

/* ---- sets */

static hf_index_set *set_of(const char *const *definitions, size_t count) {
  hf_error err;
  hf_index_set *set = hf_index_set_new();
  assert_non_null(set);
  for (size_t i = 0; i < count; i++)
    OK(hf_index_set_add(set, hf_text(definitions[i]), (uint32_t)i + 7, i % 2 == 0, &err));
  return set;
}

static void test_sets(void **state) {
  (void)state;
  static const char *const definitions[] = {"{\"paths\":[\"v.metadata.symbol\"],\"unique\":false}",
                                            " { \"unique\" : true , \"paths\" : [ \"a\\u0062\" , \"v['x y']\" ] } ",
                                            "{\"paths\":[\"n\"]}"};
  hf_index_set *set = set_of(definitions, 3);
  assert_int_equal(hf_index_set_size(set), 3);
  const hf_index *first = hf_index_set_at(set, 0), *second = hf_index_set_at(set, 1);
  assert_string_equal(first->name.data, "metadata.symbol");
  assert_string_equal(first->definition.data, "{\"paths\":[\"metadata.symbol\"],\"unique\":false}");
  assert_int_equal(first->number, 7);
  assert_true(first->ready && !first->unique);
  assert_string_equal(second->definition.data, "{\"paths\":[\"ab\",\"v[\\\"x y\\\"]\"],\"unique\":true}");
  assert_true(second->unique && !second->ready);
  assert_true(hf_index_set_find(set, hf_text("ab,v[\"x y\"]")) == second);
  assert_true(hf_index_set_find(set, hf_text("n")) == hf_index_set_at(set, 2));
  assert_null(hf_index_set_find(set, hf_text("metadata")));
  assert_true(hf_index_set_share(set) == set);
  hf_index_set_free(set);
  assert_int_equal(hf_index_set_size(set), 3);
  hf_index_set_free(set);
  assert_null(hf_index_set_share(NULL));
  hf_index_set_free(NULL);
}

static void test_what_is_no_definition(void **state) {
  (void)state;
  static const char *const rows[] = {
      "",
      "{}",
      "[]",
      "null",
      "{\"paths\":[]}",
      "{\"paths\":\"a\"}",
      "{\"paths\":[1]}",
      "{\"paths\":[\"a\",\"b\",\"c\",\"d\",\"e\"]}",
      "{\"paths\":[\"a\"],\"paths\":[\"b\"]}",
      "{\"paths\":[\"a\"],\"unique\":1}",
      "{\"paths\":[\"a\"],\"where\":\"b\"}",
      "{\"paths\":[\"a\"],\"unique\":true",
      "{\"paths\":[\"a\\u0000b\"]}",
      "{\"paths\":[\"a b\"]}",
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    hf_error err;
    hf_index_set *set = hf_index_set_new();
    FAILS(HF_INVALID_ARGUMENT, hf_index_set_add(set, hf_text(rows[i]), 0, true, &err));
    assert_int_equal(hf_index_set_size(set), 0);
    OK(hf_index_set_add(set, hf_text("{\"paths\":[\"a\"]}"), 0, true, NULL));
    hf_index_set_free(set);
  }
}

static void test_a_set_has_at_most_sixteen(void **state) {
  (void)state;
  hf_error err;
  hf_index_set *set = hf_index_set_new();
  for (int i = 0; i < HF_INDEXES_MAX; i++)
    OK(hf_index_set_add(set, hf_text(text_of("{\"paths\":[\"p%d\"]}", i)), 0, true, &err));
  FAILS(HF_INVALID_ARGUMENT, hf_index_set_add(set, hf_text("{\"paths\":[\"more\"]}"), 0, true, &err));
  CONTAINS(err.message, "at most 16 indexes");
  hf_index_set_free(set);
}

static void test_a_refused_duplicate_names_index_and_holder(void **state) {
  (void)state;
  hf_error err;
  hf_index_set *set = set_of((const char *const[]){"{\"paths\":[\"a\"],\"unique\":true}"}, 1);
  FAILS(HF_DUPLICATE, hf_index_fail_unique(&err, hf_index_set_at(set, 0), hf_text("BTC/USDT")));
  assert_string_equal(err.message, "the index a is unique, and BTC/USDT has the same there already");
  hf_index_set_free(set);
}

/* ---- values */

static hf_index_set *over(const char *path) {
  return set_of((const char *const[]){text_of("{\"paths\":[\"%s\"],\"unique\":true}", path)}, 1);
}

static hf_index_value value_of(const hf_index_set *set, const char *json, size_t place) {
  hf_index_value values[HF_INDEXES_MAX];
  memset(values, 0xEE, sizeof values);
  hf_index_values(set, hf_text(json), values);
  return values[place];
}

static int compare(const hf_index_value *a, const hf_index_value *b) {
  size_t size = a->size < b->size ? a->size : b->size;
  int order = memcmp(a->bytes, b->bytes, size);
  return order ? order : (a->size > b->size) - (a->size < b->size);
}

/* Each value of a list is before the next one, and none is the beginning of another. */
static void check_order(const hf_index_set *set, const char *const *json, size_t count) {
  for (size_t i = 0; i + 1 < count; i++) {
    hf_index_value a = value_of(set, json[i], 0), b = value_of(set, json[i + 1], 0);
    if (compare(&a, &b) >= 0) FAIL_AT(__FILE__, __LINE__, "%s is not before %s", json[i], json[i + 1]);
    size_t size = a.size < b.size ? a.size : b.size;
    if (memcmp(a.bytes, b.bytes, size) == 0) FAIL_AT(__FILE__, __LINE__, "%s and %s begin alike", json[i], json[i + 1]);
  }
}

static void test_the_order_of_values(void **state) {
  (void)state;
  static const char *const ordered[] = {
      "{\"a\":{\"b\":null}}",
      "{\"a\":{\"b\":false}}",
      "{\"a\":{\"b\":true}}",
      "{\"a\":{\"b\":-1e999}}",
      "{\"a\":{\"b\":-10.5}}",
      "{\"a\":{\"b\":-10}}",
      "{\"a\":{\"b\":-5e-324}}",
      "{\"a\":{\"b\":0}}",
      "{\"a\":{\"b\":5e-324}}",
      "{\"a\":{\"b\":1}}",
      "{\"a\":{\"b\":10}}",
      "{\"a\":{\"b\":1e999}}",
      "{\"a\":{\"b\":\"\"}}",
      "{\"a\":{\"b\":\"\\u0000\"}}",
      "{\"a\":{\"b\":\"\\u0000\\u0000\"}}",
      "{\"a\":{\"b\":\"\\u0000\\u0001\"}}",
      "{\"a\":{\"b\":\"\\u0001\"}}",
      "{\"a\":{\"b\":\"a\"}}",
      "{\"a\":{\"b\":\"a\\u0000\"}}",
      "{\"a\":{\"b\":\"aa\"}}",
      "{\"a\":{\"b\":\"b\"}}",
      "{\"a\":{\"b\":\"\xC3\xA9\"}}",
      "{\"a\":{\"b\":[]}}",
      "{\"a\":{}}",
      "{\"b\":1}",
      "{\"a\":null}",
      "{\"a\":1}",
  };
  hf_index_set *set = over("a.b");
  check_order(set, ordered, sizeof ordered / sizeof *ordered);
  hf_index_set_free(set);
}

static void test_spellings_of_one_value_are_one(void **state) {
  (void)state;
  static const char *const rows[][2] = {
      {"{\"a\":{\"b\":0}}", "{\"a\":{\"b\":-0.0}}"},
      {"{\"a\":{\"b\":10}}", "{\"a\" : { \"b\" :1.0e1} }"},
      {"{\"a\":{\"b\":0.1}}", "{\"a\":{\"b\":0.1000000000000000055511151231257827}}"},
      {"{\"a\":{\"b\":\"a\\/\xC3\xA9\"}}", "{\"a\":{\"b\":\"\\u0061/\\u00e9\"}}"},
      {"{\"a\":{\"b\":\"\xF0\x9F\x98\x80\"}}", "{\"a\":{\"b\":\"\\ud83d\\ude00\"}}"},
      {"{\"a\":{\"b\":1}}", "{\"a\":{\"b\":2,\"\\u0062\":1}}"},
      {"{\"a\":{\"b\":1}}", "{\"a\":{\"b\":2},\"a\":{\"b\":1}}"},
      {"{\"a\":{}}", "{\"a\":{\"b\":2},\"a\":[1]}"},
      {"{\"a\":{\"b\":[]}}", "{\"a\":{\"b\":{\"c\":1}}}"},
      {"{\"a\":1}", "{\"a\":false}"},
      {"{\"a\":1}", "null"},
      {"{\"a\":1}", "{\"a\":\"text\"}"},
      {"{\"a\":1}", "7"},
  };
  hf_index_set *set = over("a.b");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    hf_index_value a = value_of(set, rows[i][0], 0), b = value_of(set, rows[i][1], 0);
    if (compare(&a, &b)) FAIL_AT(__FILE__, __LINE__, "%s and %s have not the same", rows[i][0], rows[i][1]);
    assert_true(hf_index_same(set, 0, hf_text(rows[i][0]), hf_text(rows[i][1])));
  }
  hf_index_set_free(set);
}

/* {"a":"PREFIXxxx…xxxSUFFIX"} with as many x. */
static const char *long_text(const char *prefix, size_t count, const char *suffix) {
  char filling[300];
  memset(filling, 'x', count);
  filling[count] = '\0';
  return text_of("{\"a\":\"%s%s%s\"}", prefix, filling, suffix);
}

static void test_long_texts_are_cut(void **state) {
  (void)state;
  hf_index_set *set = over("a");
  hf_index_value fits = value_of(set, long_text("", 187, ""), 0), same[4];
  assert_int_equal(fits.size, 190);
  assert_true(!fits.is_cut && fits.is_unique);
  same[0] = value_of(set, long_text("", 187, "a"), 0);
  same[1] = value_of(set, long_text("\\u0078", 186, "\\u0000"), 0);
  same[2] = value_of(set, long_text("", 187, "\\ud83d\\ude00"), 0);
  same[3] = value_of(set, long_text("", 187, "abc"), 0);
  for (int i = 0; i < 4; i++) {
    assert_true(same[i].is_cut && same[i].is_unique);
    assert_int_equal(compare(&same[i], &same[0]), 0);
    assert_true(compare(&fits, &same[i]) < 0);
  }
  /* A 0 takes two bytes, which are not parted. */
  hf_index_value parted = value_of(set, long_text("", 186, "\\u0000"), 0);
  assert_true(parted.is_cut);
  assert_int_equal(parted.size, 189);
  assert_int_equal(value_of(set, long_text("", 185, "\\u0000"), 0).size, 190);
  assert_false(value_of(set, long_text("", 185, "\\u0000"), 0).is_cut);
  /* A character of several bytes may be. */
  assert_int_equal(value_of(set, long_text("", 186, "\\u00e9"), 0).size, 190);
  hf_index_set_free(set);
}

static void test_cut_texts_are_compared_whole(void **state) {
  (void)state;
  hf_index_set *set = over("a");
  hf_slice a = hf_text(long_text("", 250, "a\\u0000")), b = hf_text(long_text("\\u0078", 249, "\\u0061\\u0000"));
  assert_true(hf_index_same(set, 0, a, b));
  assert_false(hf_index_same(set, 0, a, hf_text(long_text("", 250, "a"))));
  assert_false(hf_index_same(set, 0, a, hf_text(long_text("", 250, "a\\u0001"))));
  assert_false(hf_index_same(set, 0, hf_text("{\"a\":1}"), hf_text("{\"a\":\"1\"}")));
  assert_false(hf_index_same(set, 0, hf_text("{\"a\":1}"), hf_text("{\"a\":2}")));
  hf_index_set_free(set);
}

static void test_several_paths_share_a_value(void **state) {
  (void)state;
  static const char *const definitions[] = {"{\"paths\":[\"a\",\"b\"],\"unique\":true}",
                                            "{\"paths\":[\"a\",\"b\",\"c\",\"d\"]}", "{\"paths\":[\"a\"]}"};
  hf_index_set *set = set_of(definitions, 3);
  hf_index_value value = value_of(set, "{\"a\":\"x\",\"b\":true}", 0);
  assert_int_equal(value.size, 5);
  assert_memory_equal(value.bytes, "\x50x\0\1\x30", 5);
  assert_true(value.is_unique);
  assert_false(value_of(set, "{\"a\":\"x\"}", 0).is_unique);
  assert_false(value_of(set, "{\"a\":\"x\",\"b\":null}", 0).is_unique);
  assert_false(value_of(set, "{\"a\":[],\"b\":1}", 0).is_unique);
  assert_false(value_of(set, "{\"a\":1,\"b\":1}", 2).is_unique);
  char json[1000], filling[200];
  memset(filling, 'y', 199);
  filling[199] = '\0';
  snprintf(json, sizeof json, "{\"a\":\"%s\",\"b\":\"%s\",\"c\":\"%s\",\"d\":\"%s\"}", filling, filling, filling,
           filling);
  assert_int_equal(value_of(set, json, 0).size, 188);
  assert_int_equal(value_of(set, json, 1).size, 184);
  assert_int_equal(value_of(set, json, 2).size, 190);
  assert_true(value_of(set, json, 1).is_cut);
  assert_true(hf_index_same(set, 1, hf_text(json), hf_text(json)));
  snprintf(json + strlen(json) - 2, 10, "z\"}");
  assert_false(hf_index_same(set, 1, hf_text(json), hf_text(text_of("{\"a\":\"%s\"}", filling))));
  hf_index_set_free(set);
}

static void test_items_and_names_with_escapes(void **state) {
  (void)state;
  hf_index_set *set = over("tags[2]['a\\\\\\\"b']");
  hf_index_value value = value_of(set, "{\"tags\":[0,{\"a\\\\\\\"b\":5}]}", 0);
  assert_int_equal(value.bytes[0], HF__INDEX_MISSING);
  hf_index_set_free(set);
  set = over("tags[2]");
  assert_int_equal(value_of(set, "{\"tags\":[0,true]}", 0).bytes[0], HF__INDEX_TRUE);
  assert_int_equal(value_of(set, "{\"tags\":[0]}", 0).bytes[0], HF__INDEX_MISSING);
  assert_int_equal(value_of(set, "{\"tags\":{\"2\":0}}", 0).bytes[0], HF__INDEX_MISSING);
  assert_int_equal(value_of(set, "{\"tags\":7}", 0).bytes[0], HF__INDEX_UNWALKABLE);
  assert_int_equal(value_of(set, "{}", 0).bytes[0], HF__INDEX_NOWHERE);
  assert_int_equal(value_of(set, "null", 0).bytes[0], HF__INDEX_UNWALKABLE);
  hf_index_set_free(set);
  set = over("a.b.c");
  assert_int_equal(value_of(set, "{\"a\":{\"b\":{}}}", 0).bytes[0], HF__INDEX_MISSING);
  assert_int_equal(value_of(set, "{\"a\":{}}", 0).bytes[0], HF__INDEX_NOWHERE);
  assert_int_equal(value_of(set, "{}", 0).bytes[0], HF__INDEX_NOWHERE);
  assert_int_equal(value_of(set, "{\"a\":{\"b\":null}}", 0).bytes[0], HF__INDEX_IN_NULL);
  assert_int_equal(value_of(set, "{\"a\":null}", 0).bytes[0], HF__INDEX_IN_NULL);
  assert_int_equal(value_of(set, "null", 0).bytes[0], HF__INDEX_UNWALKABLE);
  assert_int_equal(value_of(set, "{\"a\":false}", 0).bytes[0], HF__INDEX_UNWALKABLE);
  hf_index_set_free(set);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_paths_get_their_shortest_spelling),
      cmocka_unit_test(test_definitions),
      cmocka_unit_test(test_what_is_no_path),
      cmocka_unit_test(test_what_is_no_index),
      cmocka_unit_test(test_sets),
      cmocka_unit_test(test_what_is_no_definition),
      cmocka_unit_test(test_a_set_has_at_most_sixteen),
      cmocka_unit_test(test_a_refused_duplicate_names_index_and_holder),
      cmocka_unit_test(test_the_order_of_values),
      cmocka_unit_test(test_spellings_of_one_value_are_one),
      cmocka_unit_test(test_long_texts_are_cut),
      cmocka_unit_test(test_cut_texts_are_compared_whole),
      cmocka_unit_test(test_several_paths_share_a_value),
      cmocka_unit_test(test_items_and_names_with_escapes),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  hf_buffer_free(&definition);
  hf_buffer_free(&name);
  return failed;
}
