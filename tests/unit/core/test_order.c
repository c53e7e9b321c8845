/* SPDX-License-Identifier: MIT
 *
 * Ids and their natural order: the vectors that ICU gave, what an id may contain, and the promises of
 * order.h on random ids, against a comparator that shares nothing with the sort code.
 */
#include "core/order.h"

#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct key {
  unsigned char bytes[HF__ORDER_KEY_MAX];
  size_t size;
  hf_slice id;
};

static uint64_t random_state = UINT64_C(0x9E3779B97F4A7C15);

static unsigned below(unsigned n) {
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return (unsigned)((random_state * UINT64_C(0x2545F4914F6CDD1D) >> 33) % n);
}

static int bytes_compare(const void *a, size_t a_size, const void *b, size_t b_size) {
  int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
  return order ? order : (a_size > b_size) - (a_size < b_size);
}

static int key_compare(const void *a, const void *b) {
  const struct key *x = a, *y = b;
  return bytes_compare(x->bytes, x->size, y->bytes, y->size);
}

static void key_make(struct key *key, const char *id, size_t size) {
  key->id = (hf_slice){id, size};
  assert_int_equal(hf__order_key(key->id, key->bytes, &key->size, NULL), HF__ID_OK);
  assert_true(key->size <= 2 * size + 1);
  hf_slice back = hf__order_key_id((hf_slice){(const char *)key->bytes, key->size});
  assert_int_equal(back.size, size);
  assert_memory_equal(back.data, id, size);
  assert_null(memchr(key->bytes, 0, key->size - size - 1));
}

static cJSON *read_vectors(const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", HF_TEST_DATA, name);
  FILE *file = fopen(path, "rb");
  if (!file) fail_msg("cannot open %s", path);
  static char text[1 << 20];
  size_t size = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[size] = '\0';
  cJSON *root = cJSON_Parse(text);
  if (!root) fail_msg("%s is not JSON", path);
  return root;
}

static void sorts_as_icu_does(void **state) {
  (void)state;
  cJSON *root = read_vectors("natural_order.json");
  cJSON *cases = cJSON_GetObjectItemCaseSensitive(root, "cases"), *one;
  assert_true(cJSON_GetArraySize(cases) > 50);
  cJSON_ArrayForEach(one, cases) {
    cJSON *ids = cJSON_GetObjectItemCaseSensitive(one, "ids"), *id;
    int count = cJSON_GetArraySize(ids), n = 0;
    struct key *keys = calloc((size_t)count, sizeof *keys);
    assert_non_null(keys);
    cJSON_ArrayForEach(id, ids) key_make(&keys[n++], id->valuestring, strlen(id->valuestring));
    qsort(keys, (size_t)count, sizeof *keys, key_compare);
    n = 0;
    cJSON_ArrayForEach(id, cJSON_GetObjectItemCaseSensitive(one, "sorted")) {
      char got[HF_ID_MAX + 1] = "";
      memcpy(got, keys[n].id.data, keys[n].id.size);
      assert_string_equal(got, id->valuestring);
      n++;
    }
    assert_int_equal(n, count);
    free(keys);
  }
  cJSON_Delete(root);
}

/* The rank of a byte that is not a digit. */
static int rank(unsigned char c) {
  static const char symbols[] = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$";
  const char *symbol = strchr(symbols, c);
  if (symbol) return (int)(symbol - symbols);
  if (c >= 'A' && c <= 'Z') return 200 + c - 'A';
  if (c >= 'a' && c <= 'z') return 200 + c - 'a';
  return 300 + c;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Natural order, straight from its definition. */
static int natural_compare(hf_slice a, hf_slice b) {
  size_t i = 0, j = 0;
  while (i < a.size && j < b.size) {
    if (is_digit(a.data[i]) && is_digit(b.data[j])) {
      while (i < a.size && a.data[i] == '0') i++;
      while (j < b.size && b.data[j] == '0') j++;
      size_t m = 0, n = 0;
      while (i + m < a.size && is_digit(a.data[i + m])) m++;
      while (j + n < b.size && is_digit(b.data[j + n])) n++;
      if (m != n) return m < n ? -1 : 1;
      int order = memcmp(a.data + i, b.data + j, m);
      if (order) return order;
      i += m;
      j += n;
    } else {
      int x = is_digit(a.data[i]) ? 100 : rank((unsigned char)a.data[i]);
      int y = is_digit(b.data[j]) ? 100 : rank((unsigned char)b.data[j]);
      if (x != y) return x - y;
      i++;
      j++;
    }
  }
  if (i < a.size || j < b.size) return i < a.size ? 1 : -1;
  return bytes_compare(a.data, a.size, b.data, b.size);
}

static size_t random_id(char *out) {
  static const char *const wide[] = {"\xC3\xA9",     "\xC2\xA0",         "\xE2\x82\xAC",
                                     "\xED\x9F\xBF", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"};
  static const size_t most[] = {3, 12, 40, 250};
  size_t room = most[below(4)], size = 0;
  unsigned kinds = 1 + below(15); /* a set of the four kinds of pieces below */
  room = 1 + below((unsigned)room);
  while (size < room) {
    unsigned kind = below(4);
    if (!(kinds >> kind & 1)) continue;
    if (kind == 0) { /* a number */
      size_t n = 1 + below(below(8) ? 4 : 250);
      unsigned leading = below(4) ? 0 : below((unsigned)n + 1);
      for (size_t i = 0; i < n && size < room; i++)
        out[size++] = (char)('0' + (i < leading ? 0 : below(below(3) ? 10 : 2)));
    } else if (kind == 1) {
      out[size++] = (char)((below(2) ? 'a' : 'A') + (int)below(below(2) ? 26 : 2));
    } else if (kind == 2) {
      char c = (char)(' ' + (int)below(95));
      out[size++] = c;
    } else {
      const char *character = wide[below(6)];
      size_t n = strlen(character);
      if (size + n > HF_ID_MAX) break;
      memcpy(out + size, character, n);
      size += n;
    }
  }
  return size;
}

/* A second id that shares much with the first, so that the order is decided late. */
static size_t similar_id(char *out, const char *id, size_t size) {
  memcpy(out, id, size);
  for (unsigned changes = below(4); changes > 0; changes--) {
    size_t at = below((unsigned)size);
    if ((unsigned char)out[at] >= 0x80) continue;
    switch (below(4)) {
    case 0: out[at] = (char)('0' + (int)below(10)); break;
    case 1: out[at] = (char)(' ' + (int)below(95)); break;
    case 2:
      if ((out[at] | 0x20) >= 'a' && (out[at] | 0x20) <= 'z') out[at] ^= 0x20;
      break;
    default:
      if (size < HF_ID_MAX) { /* one more of the same, or a leading zero */
        memmove(out + at + 1, out + at, size - at);
        if (below(2)) out[at] = '0';
        size++;
      }
    }
  }
  return size;
}

static void check_pair(const char *a, size_t a_size, const char *b, size_t b_size) {
  struct key x, y;
  key_make(&x, a, a_size);
  key_make(&y, b, b_size);
  int by_key = key_compare(&x, &y), by_id = natural_compare(x.id, y.id);
  if ((by_key > 0) - (by_key < 0) != (by_id > 0) - (by_id < 0))
    fail_msg("'%.*s' and '%.*s': %d by key, %d by id", (int)a_size, a, (int)b_size, b, by_key, by_id);
}

static void random_ids_sort_as_defined(void **state) {
  (void)state;
  char a[HF_ID_MAX + 4], b[HF_ID_MAX + 4];
  for (int i = 0; i < 200000; i++) {
    size_t a_size = random_id(a);
    size_t b_size = below(4) ? similar_id(b, a, a_size) : random_id(b);
    check_pair(a, a_size, b, b_size);
  }
}

static void numbers_of_every_length(void **state) {
  (void)state;
  char a[HF_ID_MAX], b[HF_ID_MAX];
  memset(a, '9', sizeof a);
  for (size_t n = 1; n < HF_ID_MAX; n++) {
    memset(b, '0', sizeof b);
    b[0] = '1';
    check_pair(a, n, b, n + 1); /* 99 < 100 */
    check_pair(a, n, b, n);
    b[n - 1] = '1';
    check_pair(a, n, b, n);
    memset(b, '0', sizeof b); /* leading zeros up to the limit, at each alignment */
    memcpy(b + HF_ID_MAX - n, a, n);
    check_pair(a, n, b, HF_ID_MAX);
    memset(b, 'x', HF_ID_MAX - n);
    check_pair(b, HF_ID_MAX, b, HF_ID_MAX - 1);
    memset(b, '9', sizeof b); /* ...1z < ...2_: what is after a number has no part in it */
    a[n - 1] = '1';
    b[n - 1] = '2';
    a[n] = 'z';
    b[n] = ' ';
    check_pair(a, n + 1, b, n + 1);
    a[n - 1] = a[n] = '9';
  }
}

static void longest_ids_fit(void **state) {
  (void)state;
  char id[HF_ID_MAX];
  struct key key;
  for (size_t i = 0; i < sizeof id; i++) id[i] = i % 2 ? 'a' : '7';
  key_make(&key, id, sizeof id);
  assert_int_equal(key.size, HF__ORDER_KEY_MAX);
  memset(id, '3', sizeof id);
  key_make(&key, id, sizeof id);
  assert_int_equal(key.size, 2 + 125 + 1 + 250);
  memset(id, '0', sizeof id);
  key_make(&key, id, sizeof id);
  assert_int_equal(key.size, 1 + 1 + 250);
}

static void bad_ids_are_named(void **state) {
  (void)state;
  static char long_id[HF_ID_MAX + 1];
  memset(long_id, 'x', sizeof long_id);
  const struct {
    hf_slice id;
    hf__id_problem problem;
    size_t bad_byte;
  } cases[] = {
#define CASE(text, problem, bad_byte) {{text, sizeof(text) - 1}, problem, bad_byte}
      CASE("", HF__ID_EMPTY, 0),
      {{long_id, sizeof long_id}, HF__ID_TOO_LONG, HF_ID_MAX},
      CASE("a\0b", HF__ID_CONTROL, 1),
      CASE("\n", HF__ID_CONTROL, 0),
      CASE("abc\x1F", HF__ID_CONTROL, 3),
      CASE("abc\x7F", HF__ID_CONTROL, 3),
      CASE("0123456789abcdef\t", HF__ID_CONTROL, 16),
      CASE("ab\xC2\x80", HF__ID_CONTROL, 2),
      CASE("ab\xC2\x9F", HF__ID_CONTROL, 2),
      CASE("ab\xC3\xA9\xC2\x85", HF__ID_CONTROL, 4),
      CASE("\x80", HF__ID_UTF8, 0),
      CASE("ab\xFF", HF__ID_UTF8, 2),
      CASE("\xC0\xAF", HF__ID_UTF8, 0),
      CASE("\xC1\xBF", HF__ID_UTF8, 0),
      CASE("ab\xC3", HF__ID_UTF8, 2),
      CASE("ab\xC3z", HF__ID_UTF8, 2),
      CASE("\xE0\x9F\xBF", HF__ID_UTF8, 0),
      CASE("\xE2\x82", HF__ID_UTF8, 0),
      CASE("\xE2\x82z", HF__ID_UTF8, 0),
      CASE("x\xED\xA0\x80", HF__ID_UTF8, 1),
      CASE("x\xED\xBF\xBF", HF__ID_UTF8, 1),
      CASE("\xF0\x8F\xBF\xBF", HF__ID_UTF8, 0),
      CASE("\xF0\x9F\x98", HF__ID_UTF8, 0),
      CASE("\xF4\x90\x80\x80", HF__ID_UTF8, 0),
      CASE("\xF5\x80\x80\x80", HF__ID_UTF8, 0),
      CASE("\xE2\x82\xAC\n\xFF", HF__ID_CONTROL, 3),
#undef CASE
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    unsigned char out[HF__ORDER_KEY_MAX];
    size_t size, bad_byte = 999;
    assert_int_equal(hf__order_key(cases[i].id, out, &size, &bad_byte), cases[i].problem);
    assert_int_equal(bad_byte, cases[i].bad_byte);
    assert_int_equal(hf__order_key(cases[i].id, out, &size, NULL), cases[i].problem);
  }
}

static void each_byte_is_judged(void **state) {
  (void)state;
  for (unsigned c = 0; c < 256; c++)
    for (size_t at = 0; at < 40; at++) {
      char id[40];
      unsigned char out[HF__ORDER_KEY_MAX];
      size_t size, bad_byte = 999;
      memset(id, 'a', sizeof id);
      id[at] = (char)c;
      hf__id_problem expected = c < 0x20 || c == 0x7F ? HF__ID_CONTROL : c >= 0x80 ? HF__ID_UTF8 : HF__ID_OK;
      assert_int_equal(hf__order_key((hf_slice){id, sizeof id}, out, &size, &bad_byte), expected);
      if (expected) assert_int_equal(bad_byte, at);
    }
}

static void what_is_no_key_has_no_id(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t size;
  } cases[] = {{"", 0}, {"abc", 3}, {"\0", 1}, {"\0abc", 4}, {"a\0", 2}, {"ab\0c", 4}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    hf_slice id = hf__order_key_id((hf_slice){cases[i].bytes, cases[i].size});
    assert_null(id.data);
    assert_int_equal(id.size, 0);
  }
  static char long_key[HF_ID_MAX + 3];
  memset(long_key, 'a', sizeof long_key);
  long_key[1] = '\0';
  assert_null(hf__order_key_id((hf_slice){long_key, sizeof long_key}).data);
}

static void prefixes_begin_the_keys(void **state) {
  (void)state;
  unsigned char out[HF_ID_MAX];
  assert_int_equal(hf__order_prefix(hf_text(""), out), 0);
  assert_int_equal(hf__order_prefix(hf_text("007"), out), 0);
  assert_int_equal(hf__order_prefix(hf_text("log-"), out), 4);
  assert_int_equal(hf__order_prefix(hf_text("log-1"), out), 4);
  assert_int_equal(hf__order_prefix(hf_text("log-10/"), out), 7);
  for (int i = 0; i < 100000; i++) {
    char id[HF_ID_MAX + 4];
    struct key key;
    size_t size = random_id(id);
    if (size > HF_ID_MAX) continue;
    key_make(&key, id, size);
    size_t cut = below((unsigned)size + 1);
    while (cut < size && ((unsigned char)id[cut] & 0xC0) == 0x80) cut++;
    unsigned char *prefix = malloc(cut + 1); /* on the heap, where a sanitizer sees what is written after */
    assert_non_null(prefix);
    size_t n = hf__order_prefix((hf_slice){id, cut}, prefix);
    assert_true(n <= cut);
    assert_memory_equal(prefix, key.bytes, n);
    if (cut > 0 && !is_digit(id[cut - 1])) assert_true(n > 0);
    free(prefix);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sorts_as_icu_does),        cmocka_unit_test(random_ids_sort_as_defined),
      cmocka_unit_test(numbers_of_every_length),  cmocka_unit_test(longest_ids_fit),
      cmocka_unit_test(bad_ids_are_named),        cmocka_unit_test(each_byte_is_judged),
      cmocka_unit_test(what_is_no_key_has_no_id), cmocka_unit_test(prefixes_begin_the_keys),
  };
  return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
