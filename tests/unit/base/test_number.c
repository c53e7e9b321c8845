/* SPDX-License-Identifier: MIT
 *
 * Numbers as text: the vectors that a JavaScript engine printed, the grammar, and random numbers against the C
 * library's printf and strtod.
 */
#include "base/number.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t random_state = UINT64_C(0x9E3779B97F4A7C15);

static uint64_t random_bits(void) {
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return random_state * UINT64_C(0x2545F4914F6CDD1D);
}

static unsigned below(unsigned n) { return (unsigned)((random_bits() >> 33) % n); }

static double from_bits(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static uint64_t to_bits(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

/* Prints into memory of exactly HF_NUMBER_MAX bytes, so that a sanitizer sees any byte too many. */
static const char *format(double value) {
  static char text[HF_NUMBER_MAX + 1];
  char *out = malloc(HF_NUMBER_MAX);
  assert_non_null(out);
  size_t size = hf_number_format(value, out);
  assert_true(size < HF_NUMBER_MAX);
  memcpy(text, out, size);
  text[size] = '\0';
  free(out);
  return text;
}

/* Parses all of the text, from memory that ends where it ends. */
static bool parse(const char *text, double *value) {
  size_t size = strlen(text);
  char *copy = malloc(size + 1);
  assert_non_null(copy);
  char *start = copy + 1; /* the allocation ends with the text; malloc(0) is no case to test */
  memcpy(start, text, size);
  const char *end = hf__number_parse(start, start + size, value);
  bool whole = end == start + size;
  if (end) assert_true(end > start && end <= start + size);
  free(copy);
  return whole;
}

static void assert_parses_to(const char *text, double expected) {
  double value = 12345;
  if (!parse(text, &value)) fail_msg("%.80s: not accepted", text);
  if (to_bits(value) != to_bits(expected)) fail_msg("%.80s: %.17g, expected %.17g", text, value, expected);
}

static void javascript_vectors(void **state) {
  (void)state;
  static char json[1 << 20];
  FILE *file = fopen(HF_TEST_DATA "/json_numbers.json", "rb");
  if (!file) fail_msg("cannot open %s", HF_TEST_DATA "/json_numbers.json");
  json[fread(json, 1, sizeof json - 1, file)] = '\0';
  fclose(file);
  cJSON *root = cJSON_Parse(json), *pair;
  cJSON *numbers = cJSON_GetObjectItemCaseSensitive(root, "numbers");
  assert_true(cJSON_GetArraySize(numbers) > 1000);
  cJSON_ArrayForEach(pair, numbers) {
    uint64_t bits = strtoull(cJSON_GetArrayItem(pair, 0)->valuestring, NULL, 16);
    const char *text = cJSON_GetArrayItem(pair, 1)->valuestring;
    assert_string_equal(format(from_bits(bits)), text);
    assert_parses_to(text, from_bits(bits));
  }
  cJSON_Delete(root);
}

static void what_javascript_has_no_text_for(void **state) {
  (void)state;
  assert_string_equal(format(INFINITY), "1e999");
  assert_string_equal(format(-INFINITY), "-1e999");
  assert_string_equal(format(NAN), "");
  assert_string_equal(format(-NAN), "");
  assert_parses_to("1e999", INFINITY);
  assert_parses_to("-1e999", -INFINITY);
}

/* Where the layout changes, and the longest texts of each. */
static void layouts(void **state) {
  (void)state;
  static const char *const texts[] = {"1e-7",
                                      "0.000001",
                                      "-0.0000012345678901234567",
                                      "-1.2345678901234566e-7",
                                      "100000000000000000000",
                                      "1e+21",
                                      "-123456789012345680000",
                                      "-1.2345678901234568e+21",
                                      "-2.2250738585072014e-308",
                                      "-1.7976931348623157e+308",
                                      "12345678901234.568",
                                      "-123456789012345.67",
                                      "-1234567890123456.8",
                                      "-12345678901234567000",
                                      "1.2345678901234567",
                                      "0.12345678901234568",
                                      "-0.30000000000000004",
                                      "5e-324",
                                      "1e+100",
                                      "1e-9",
                                      "1e-10",
                                      "9007199254740993000",
                                      "-0",
                                      "0",
                                      "7"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    double value;
    assert_true(parse(texts[i], &value));
    assert_true(to_bits(value) == to_bits(strtod(texts[i], NULL)));
    assert_string_equal(format(value), texts[i]);
  }
}

/* What follows the sign, as digits without point and zeros around them; returns how many. */
static int significant(const char *text, char *digits) {
  int n = 0;
  for (; *text && *text != 'e'; text++)
    if (*text >= '0' && *text <= '9' && (n > 0 || *text != '0')) digits[n++] = *text;
  while (n > 0 && digits[n - 1] == '0') n--;
  digits[n] = '\0';
  return n;
}

static void assert_shortest(double value) {
  char text[HF_NUMBER_MAX + 1], digits[HF_NUMBER_MAX + 1], other[64], other_digits[64];
  strcpy(text, format(value));
  if (to_bits(strtod(text, NULL)) != to_bits(value)) fail_msg("%.17g printed as %s", value, text);
  double back;
  const char *end = hf__number_parse(text, text + strlen(text), &back);
  if (end != text + strlen(text) || to_bits(back) != to_bits(value)) fail_msg("%s read as %.17g", text, back);
  int count = significant(text, digits);
  if (count > 1) { /* one digit less is not enough */
    snprintf(other, sizeof other, "%.*e", count - 2, value);
    if (to_bits(strtod(other, NULL)) == to_bits(value)) fail_msg("%s printed, but %s is shorter", text, other);
  }
  /* Of this many digits, printf gives the closest; by the narrow side of a power of two it may miss the number. */
  snprintf(other, sizeof other, "%.*e", count > 0 ? count - 1 : 0, value);
  significant(other, other_digits);
  if (strcmp(digits, other_digits) != 0 && to_bits(strtod(other, NULL)) == to_bits(value))
    fail_msg("%s printed, but %s is closer", text, other);
}

static void random_doubles_print_shortest(void **state) {
  (void)state;
  for (int i = 0; i < 120000; i++) {
    double value = from_bits(random_bits());
    if (isfinite(value)) assert_shortest(value);
    assert_shortest((double)(random_bits() >> (11 + below(53))) / pow(10, below(9)));
  }
  for (int e = -1074; e < 1024; e++) {
    double power = ldexp(1, e);
    assert_shortest(power);
    assert_shortest(nextafter(power, INFINITY));
    assert_shortest(-nextafter(power, 0));
    if (e < 1022) assert_shortest(power * 3);
  }
  for (int e = -323; e < 309; e++) {
    char text[16];
    snprintf(text, sizeof text, "1e%d", e);
    double power = strtod(text, NULL);
    assert_shortest(power);
    assert_shortest(nextafter(power, INFINITY));
    assert_shortest(nextafter(power, 0));
  }
  for (int i = 0; i < 20000; i++) assert_shortest(from_bits(random_bits() >> (12 + below(52)))); /* subnormal */
}

static void random_doubles_come_back(void **state) {
  (void)state;
  for (int i = 0; i < 2000000; i++) {
    double value = from_bits(random_bits()), back;
    char text[HF_NUMBER_MAX];
    size_t size = hf_number_format(value, text);
    if (size == 0) {
      assert_true(isnan(value));
      continue;
    }
    if (hf__number_parse(text, text + size, &back) != text + size || to_bits(back) != to_bits(value))
      fail_msg("%.17g came back as %.17g", value, back);
  }
}

static void random_decimals_read_as_by_strtod(void **state) {
  (void)state;
  for (int i = 0; i < 300000; i++) {
    char text[128];
    size_t n = 0;
    if (below(2)) text[n++] = '-';
    if (below(4)) {
      text[n++] = (char)('1' + (int)below(9));
      for (unsigned k = below(below(8) ? 20 : 40); k > 0; k--) text[n++] = (char)('0' + (int)below(10));
    } else {
      text[n++] = '0';
    }
    if (below(2)) {
      text[n++] = '.';
      for (unsigned k = below(4) ? 0 : below(30); k > 0; k--) text[n++] = '0';
      for (unsigned k = 1 + below(20); k > 0; k--) text[n++] = (char)('0' + (int)below(10));
    }
    text[n] = '\0';
    if (below(2)) snprintf(text + n, sizeof text - n, "%c%d", below(2) ? 'e' : 'E', (int)below(680) - 350);
    assert_parses_to(text, strtod(text, NULL));
  }
}

/* Writes the decimal sum of two texts of the same shape, digits and one point. */
static void add_decimals(char *sum, const char *a, const char *b) {
  size_t n = strlen(a), m = strlen(b);
  int carry = 0;
  sum[n + 1] = '\0';
  for (size_t i = 0; i <= n; i++) {
    if (i < n && a[n - 1 - i] == '.') {
      sum[n - i] = '.';
      continue;
    }
    int digit = carry + (i < n ? a[n - 1 - i] - '0' : 0) + (i < m ? b[m - 1 - i] - '0' : 0);
    sum[n - i] = (char)('0' + digit % 10);
    carry = digit / 10;
  }
}

/* Points in the middle between two doubles, exact, and one unit of some later digit beside them. */
static void middles_round_to_even(void **state) {
  (void)state;
  static char a[2048], half[2048], sum[2100], beside[2200];
  for (int i = 0; i < 3000; i++) {
    int exponent = i % 3 ? (int)below(140) - 70 : (int)below(2040) - 1020;
    double value = ldexp((double)(random_bits() >> 12 | UINT64_C(1) << 52), exponent - 52);
    snprintf(a, sizeof a, "%.1080f", value);
    snprintf(half, sizeof half, "%.1080f", ldexp(1, exponent - 53));
    add_decimals(sum, a, half);
    const char *text = sum + strspn(sum, "0");
    if (*text == '.') text--;
    double above = nextafter(value, INFINITY);
    assert_parses_to(text, to_bits(value) % 2 ? above : value);
    snprintf(beside, sizeof beside, "%s%0*d", text, 1 + (int)below(40), 1);
    assert_parses_to(beside, above);
    size_t size = strlen(text); /* one unit of the last digit less */
    memcpy(beside, text, size + 1);
    for (size--; beside[size] == '0' || beside[size] == '.'; size--)
      if (beside[size] == '0') beside[size] = '9';
    beside[size]--;
    assert_parses_to(beside, value);
    /* The same digits with an exponent: many, or without zeros at the end few enough for the fast ways. */
    if (exponent >= 0) {
      memcpy(beside, text, strlen(text) + 1);
      char *point = strchr(beside, '.');
      size_t zeros = 0, digits = (size_t)(point - beside);
      size_t fraction = strlen(point + 1);
      memmove(point, point + 1, fraction + 1);
      digits += fraction;
      while (beside[digits - 1] == '0') digits--, zeros++;
      sprintf(beside + digits, "e%d", (int)zeros - (int)fraction);
      assert_parses_to(beside, to_bits(value) % 2 ? above : value);
    }
  }
}

static void hard_decimals(void **state) {
  (void)state;
  static const char *const texts[] = {
      "2.4703282292062327e-324",
      "2.4703282292062328e-324",
      "2.2250738585072011e-308",
      "2.2250738585072012e-308",
      "1.7976931348623157e308",
      "1.7976931348623158e308",
      "1.7976931348623159e308",
      "179769313486231580793728971405301e276",
      "8.9884656743115795e307",
      "9007199254740993",
      "9007199254740993.0000000000000000000000000000001",
      "9007199254740992.9999999999999999999999999999999",
      "18446744073709551615",
      "18446744073709551616",
      "99999999999999999999",
      "9223372036854775807",
      "9223372036854775808",
      "1e22",
      "1e23",
      "9007199254740992e22",
      "9007199254740992e-22",
      "9007199254740993e-22",
      "1e-400",
      "1e400",
      "0e400",
      "-0e-400",
      "-1e-400",
      "1e309",
      "1e-324",
      "3e-324",
      "0.000000000000000000000000000000000000000001e42",
      "1e99999999999999999999999999",
      "-1e-99999999999999999999999999",
      "0e99999999999999999999999999",
      "12345678901234567890123456789e-9999999999999999999999",
      "12345678901234567890123456789e9999999999999999999999",
      "7.2057594037927933e+16",
      "3.5845380480443604e-305",
      "6.631236846766476e-316",
      "1.448997445238699",
      "0.500000000000000166533453693773481063544750213623046875",
      "104110013277974872254e-225",
      "9355950000000000000.00000000000000000000000000000000001844674407370955161600000184467440737"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) assert_parses_to(texts[i], strtod(texts[i], NULL));

  /* A million zeros, undone by the exponent. */
  enum { ZEROS = 1000000 };
  char *text = malloc(ZEROS + 64);
  assert_non_null(text);
  memset(text, '0', ZEROS);
  text[1] = '.';
  sprintf(text + ZEROS, "125e%d", ZEROS);
  assert_parses_to(text, 12.5);
  text[0] = '3';
  memset(text + 1, '0', ZEROS - 1);
  sprintf(text + ZEROS, "25e-%d", ZEROS + 1);
  assert_parses_to(text, 3);
  free(text);
}

static void grammar(void **state) {
  (void)state;
  static const char *const bad[] = {
      "",     "-",         "+1",       ".5",  "-.5", "1.",  "1.e3", "1e",        "1e+",
      "1E-",  "01",        "-01",      "00",  "0.",  "1.x", "1ex",  "NaN",       "nan",
      "inf",  "-inf",      "e1",       "-e1", " 1",  "x",   "--1",  "000000001", "0000000000000001.5",
      "00.5", "-Infinity", "\xC3\xA9", "\xB1"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    double value = 0;
    if (hf__number_parse(bad[i], bad[i] + strlen(bad[i]), &value)) fail_msg("'%s' was accepted", bad[i]);
  }
  static const struct {
    const char *text;
    size_t size;
    double value;
  } begins[] = {{"1 ", 1, 1},
                {"1,2", 1, 1},
                {"-12.5]", 5, -12.5},
                {"0x10", 1, 0},
                {"1e5}", 3, 1e5},
                {"1E+05,", 5, 1e5},
                {"12345678:", 8, 12345678},
                {"1234567812345678\"", 16, 1234567812345678},
                {"1.5.5", 3, 1.5},
                {"1\xB1", 1, 1},
                {"12/", 2, 12},
                {"3\x00", 1, 3}};
  for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
    double value = 0;
    const char *text = begins[i].text;
    assert_ptr_equal(hf__number_parse(text, text + strlen(text), &value), text + begins[i].size);
    assert_true(to_bits(value) == to_bits(begins[i].value));
  }
  /* Only what is before `end` counts, wherever it cuts. */
  static const char *const longest = "-123456789.123456789e+12";
  for (size_t size = 0; size <= strlen(longest); size++) {
    char *copy = malloc(size + 1);
    assert_non_null(copy);
    memcpy(copy + 1, longest, size);
    double value;
    const char *end = hf__number_parse(copy + 1, copy + 1 + size, &value);
    bool complete = (size >= 2 && size <= 10) || (size >= 12 && size <= 20) || size >= 23;
    assert_true(complete ? end == copy + 1 + size : end == NULL);
    free(copy);
  }
}

static void all_bytes_end_a_number(void **state) {
  (void)state;
  for (unsigned c = 0; c < 256; c++) {
    if ((c >= '0' && c <= '9') || c == '.' || c == 'e' || c == 'E') continue;
    for (size_t n = 1; n < 20; n++) {
      char text[40];
      double value;
      memset(text, '9', sizeof text);
      text[n] = (char)c;
      assert_ptr_equal(hf__number_parse(text, text + sizeof text, &value), text + n);
      text[n] = '\0';
      assert_true(value == strtod(text, NULL));
    }
  }
}

static void locale_does_not_matter(void **state) {
  (void)state;
  static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8",  "de_DE",
                                      "fr_FR.UTF-8", "es_ES.UTF-8", "ru_RU.UTF-8"};
  bool found = false;
  for (size_t i = 0; i < sizeof names / sizeof *names && !found; i++)
    found = setlocale(LC_NUMERIC, names[i]) && strcmp(localeconv()->decimal_point, ",") == 0;
  if (!found) skip(); /* a machine without a locale of that kind */
  assert_string_equal(format(1234.5), "1234.5");
  assert_parses_to("1234.5", 2469.0 / 2);
  assert_parses_to("1234.500000000000000000000000000000000", 2469.0 / 2);
  assert_parses_to("9007199254740992.50000000000000000000000000000001", 9007199254740992.0);
  setlocale(LC_NUMERIC, "C");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(javascript_vectors),
      cmocka_unit_test(what_javascript_has_no_text_for),
      cmocka_unit_test(layouts),
      cmocka_unit_test(random_doubles_print_shortest),
      cmocka_unit_test(random_doubles_come_back),
      cmocka_unit_test(random_decimals_read_as_by_strtod),
      cmocka_unit_test(middles_round_to_even),
      cmocka_unit_test(hard_decimals),
      cmocka_unit_test(grammar),
      cmocka_unit_test(all_bytes_end_a_number),
      cmocka_unit_test(locale_does_not_matter),
  };
  return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
