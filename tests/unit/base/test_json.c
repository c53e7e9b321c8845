/* SPDX-License-Identifier: MIT
 *
 * The JSON check: what it accepts and refuses and where it points, every boundary of UTF-8 against a decoder by
 * arithmetic, and mutated texts against cJSON.  And quoting, against cJSON's printer.
 */
#include "base/json.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t random_state = UINT64_C(0x9E3779B97F4A7C15);

static unsigned below(unsigned n) {
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return (unsigned)((random_state * UINT64_C(0x2545F4914F6CDD1D) >> 33) % n);
}

/* Checks a copy that ends where its memory ends, so that a sanitizer sees what is read after. */
static hf_status validate(const char *text, size_t size, hf_error *err) {
  char *copy = malloc(size + 1);
  assert_non_null(copy);
  memcpy(copy + 1, text, size);
  hf_status status = hf_json_validate((hf_slice){copy + 1, size}, err);
  free(copy);
  return status;
}

#define ONE(text)                                                                                                      \
  { text, sizeof(text) - 1 }

static const struct text {
  const char *text;
  size_t size;
} good[] = {
    ONE("null"),
    ONE("true"),
    ONE("false"),
    ONE("0"),
    ONE("-0"),
    ONE("-0.0"),
    ONE("1"),
    ONE("-1"),
    ONE("123.456e78"),
    ONE("0e1"),
    ONE("0e+1"),
    ONE("0E-12"),
    ONE("20e1"),
    ONE("1E22"),
    ONE("1E-2"),
    ONE("1E+2"),
    ONE("1e999"),
    ONE("-1e999"),
    ONE("123456789012345678901234567890123456789012345678901234567890.5"),
    ONE("-0.000000000000000000000000000000000000000000000000000000000000000000000001"),
    ONE("\"\""),
    ONE("\" \""),
    ONE("\"a\""),
    ONE("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    ONE("\"\\u0000\""),
    ONE("\"\\u0012\\uABCD\\uabcd\\uFFFF\""),
    ONE("\"\\uD801\\udc37\""),
    ONE("\"\\uD800\\uDC00\\uDBFF\\uDFFF\""),
    ONE("\"\\\\u0000\""),
    ONE("\"\\\\\\\\uD800\""),
    ONE("\"asd \\u0020\x7F\""),
    ONE("\"\xC2\x80\xE0\xA0\x80\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\xEF\xBF\xBF\xED\x9F\xBF\xEE\x80\x80\""),
    ONE("\"\xE2\x80\xA8\xE2\x80\xA9\""),
    ONE("\"0123456789abcdef0123456789abcdef\\n0123456789abcdef\xC3\xA9\""),
    ONE("[]"),
    ONE("[ ]"),
    ONE("{}"),
    ONE("{ }"),
    ONE("[[]   ]"),
    ONE("[\"\"]"),
    ONE("[1,null,true,false,\"x\",{},[]]"),
    ONE("[1\n]"),
    ONE(" [1]"),
    ONE("[2] "),
    ONE("\t\n\r [\t\n\r 1\t\n\r ,\t\n\r 2\t\n\r ]\t\n\r "),
    ONE("{\"a\":1}"),
    ONE("{\"\":0}"),
    ONE("{\"a\":1,\"a\":2}"),
    ONE("{\"a\\u0000b\":[]}"),
    ONE("\r{\t\"a\" :\n1 , \"b\":{ \"c\" : [ ] } }\n"),
    ONE("[1e1,1E1,-1,-0,0.1]"),
    ONE("{\"a\":{\"b\":{\"c\":[{\"d\":[[[]]]}]}},\"e\":[{},{}]}"),
};

static const struct {
  struct text text;
  const char *message;
} bad[] = {
    {ONE(""), "not JSON: the text is empty"},
    {ONE(" "), "not JSON at byte 1: the text ends where a value is expected"},
    {ONE("["), "not JSON at byte 1: the text ends where a value is expected"},
    {ONE("[1"), "not JSON at byte 2: the text ends inside an array"},
    {ONE("[1,"), "not JSON at byte 3: the text ends where a value is expected"},
    {ONE("[1,]"), "not JSON at byte 3: expected a value"},
    {ONE("[,1]"), "not JSON at byte 1: expected a value"},
    {ONE("[1,,2]"), "not JSON at byte 3: expected a value"},
    {ONE("[1 2]"), "not JSON at byte 3: expected ',' or ']'"},
    {ONE("[1}"), "not JSON at byte 2: expected ',' or ']'"},
    {ONE("[1:2]"), "not JSON at byte 2: expected ',' or ']'"},
    {ONE("]"), "not JSON at byte 0: expected a value"},
    {ONE("{"), "not JSON at byte 1: the text ends inside an object"},
    {ONE("{]"), "not JSON at byte 1: expected a key in '\"'"},
    {ONE("{,}"), "not JSON at byte 1: expected a key in '\"'"},
    {ONE("{1:1}"), "not JSON at byte 1: expected a key in '\"'"},
    {ONE("{a:1}"), "not JSON at byte 1: expected a key in '\"'"},
    {ONE("{'a':1}"), "not JSON at byte 1: expected a key in '\"'"},
    {ONE("{\"a\""), "not JSON at byte 4: the text ends inside an object"},
    {ONE("{\"a\" 1}"), "not JSON at byte 5: expected ':'"},
    {ONE("{\"a\",1}"), "not JSON at byte 4: expected ':'"},
    {ONE("{\"a\":"), "not JSON at byte 5: the text ends where a value is expected"},
    {ONE("{\"a\":}"), "not JSON at byte 5: expected a value"},
    {ONE("{\"a\"::1}"), "not JSON at byte 5: expected a value: '{', '[', '\"', a number, true, false or null"},
    {ONE("{\"a\":1"), "not JSON at byte 6: the text ends inside an object"},
    {ONE("{\"a\":1,}"), "not JSON at byte 7: expected a key in '\"'"},
    {ONE("{\"a\":1,,\"b\":2}"), "not JSON at byte 7: expected a key in '\"'"},
    {ONE("{\"a\":1 \"b\":2}"), "not JSON at byte 7: expected ',' or '}'"},
    {ONE("{\"a\":1]"), "not JSON at byte 6: expected ',' or '}'"},
    {ONE("{\"a\":[1}]"), "not JSON at byte 7: expected ',' or ']'"},
    {ONE("1 2"), "not JSON at byte 2: text after the value"},
    {ONE("{}}"), "not JSON at byte 2: text after the value"},
    {ONE("[]#"), "not JSON at byte 2: text after the value"},
    {ONE("\"a\"b"), "not JSON at byte 3: text after the value"},
    {ONE("nullx"), "not JSON at byte 4: text after the value"},
    {ONE("1\0"), "not JSON at byte 1: a NUL after the value"},
    {ONE("\0"), NULL},
    {ONE("[1]\0"), NULL},
    {ONE("[1\0]"), NULL},
    {ONE("nul"), NULL},
    {ONE("tru"), NULL},
    {ONE("fals"), NULL},
    {ONE("True"), NULL},
    {ONE("NULL"), NULL},
    {ONE("[nul]"), NULL},
    {ONE("truefalse"), NULL},
    {ONE("+1"), "not JSON at byte 0: a number has no '+' in front"},
    {ONE("-"), "not JSON at byte 1: expected a digit after '-'"},
    {ONE("[-]"), "not JSON at byte 2: expected a digit after '-'"},
    {ONE("- 1"), NULL},
    {ONE("--1"), NULL},
    {ONE("01"), "not JSON at byte 0: a number has a leading zero"},
    {ONE("-012"), "not JSON at byte 1: a number has a leading zero"},
    {ONE("[00]"), NULL},
    {ONE(".5"), "not JSON at byte 0: a number needs a digit before '.'"},
    {ONE("-.5"), NULL},
    {ONE("1."), "not JSON at byte 2: expected a digit after '.'"},
    {ONE("[1.]"), NULL},
    {ONE("1.e1"), NULL},
    {ONE("1e"), "not JSON at byte 2: expected a digit in the exponent"},
    {ONE("[1e+]"), "not JSON at byte 4: expected a digit in the exponent"},
    {ONE("0e"), NULL},
    {ONE("0.e1"), NULL},
    {ONE("1eE2"), NULL},
    {ONE("1e1.5"), NULL},
    {ONE("1.2.3"), NULL},
    {ONE("1-1"), NULL},
    {ONE("0x10"), NULL},
    {ONE("1 000"), NULL},
    {ONE("12a"), NULL},
    {ONE("1,5"), NULL},
    {ONE("NaN"), "not JSON at byte 0: JSON has no NaN; null is the usual stand-in"},
    {ONE("{\"a\":nan}"), "not JSON at byte 5: JSON has no NaN; null is the usual stand-in"},
    {ONE("Infinity"), "not JSON at byte 0: JSON has no Infinity; 1e999 reads as it"},
    {ONE("[inf]"), "not JSON at byte 1: JSON has no Infinity; 1e999 reads as it"},
    {ONE("[-Infinity]"), "not JSON at byte 2: JSON has no Infinity; -1e999 reads as it"},
    {ONE("-NaN"), NULL},
    {ONE("undefined"), "not JSON at byte 0: JSON has no undefined"},
    {ONE("\xEF\xBB\xBF{}"), "not JSON at byte 0: a byte order mark does not belong to JSON"},
    {ONE("'a'"), "not JSON at byte 0: strings are quoted by '\"'"},
    {ONE("\xEF\xBC\x91"), NULL},
    {ONE("\xC2\xA0[]"), NULL},
    {ONE("[\xC2\xA0]"), NULL},
    {ONE("\f[]"), NULL},
    {ONE("[\v]"), NULL},
    {ONE("// x\n1"), NULL},
    {ONE("[1/**/]"), NULL},
    {ONE("\""), "not JSON at byte 1: the text ends inside a string"},
    {ONE("\"abc"), "not JSON at byte 4: the text ends inside a string"},
    {ONE("\"abc\\"), "not JSON at byte 5: the text ends inside a string"},
    {ONE("\"abc\\\""), "not JSON at byte 6: the text ends inside a string"},
    {ONE("[\"a\\x00\"]"), "not JSON at byte 3: a string has an unknown escape"},
    {ONE("\"\\'\""), NULL},
    {ONE("\"\\U0000\""), NULL},
    {ONE("\"\\0\""), NULL},
    {ONE("\"\\\n\""), NULL},
    {ONE("\"\\\xC3\xA9\""), NULL},
    {ONE("\"\\u\""), "not JSON at byte 1: \\u needs four hexadecimal digits"},
    {ONE("\"\\u12\""), NULL},
    {ONE("\"\\u123"), NULL},
    {ONE("\"\\u123g\""), NULL},
    {ONE("\"\\u 123\""), NULL},
    {ONE("\"\\u-123\""), NULL},
    {ONE("\"\\u00/0\""), NULL},
    {ONE("\"\\u00:0\""), NULL},
    {ONE("\"\\u00@0\""), NULL},
    {ONE("\"\\u00`0\""), NULL},
    {ONE("\"\\uD800\""), "not JSON at byte 1: a string has a lone surrogate"},
    {ONE("\"ab\\uDC00\""), "not JSON at byte 3: a string has a lone surrogate"},
    {ONE("\"\\uDFFF\\uD800\""), NULL},
    {ONE("\"\\uD800\\uD800\""), NULL},
    {ONE("\"\\uDBFF\\u0041\""), NULL},
    {ONE("\"\\uD800\\uE000\""), NULL},
    {ONE("\"\\uD800x\""), NULL},
    {ONE("\"\\uD800\\n\""), NULL},
    {ONE("\"\\uD800\\uDC0\""), NULL},
    {ONE("\"\\uD800\\uDC"), NULL},
    {ONE("\"\\uD800\\u"), NULL},
    {ONE("\"\\uD800\\"), NULL},
    {ONE("\"a\nb\""), "not JSON at byte 2: a string has a control character that is not escaped"},
    {ONE("\"a\0b\""), "not JSON at byte 2: a string has a control character that is not escaped"},
    {ONE("\"\t\""), NULL},
    {ONE("\"0123456789abcdef0123456789abcde\x1F\""), NULL},
    {ONE("{\"a\nb\":1}"), NULL},
    {ONE("\"\xFF\""), "not JSON at byte 1: invalid UTF-8"},
    {ONE("[\"a\",\"\xE5\"]"), "not JSON at byte 6: invalid UTF-8"},
    {ONE("{\"\xC3\":1}"), "not JSON at byte 2: invalid UTF-8"},
    {ONE("\"\xC3\xA9\xED\xA0\x80\""), "not JSON at byte 3: invalid UTF-8"},
    {ONE("\"\xC3"), "not JSON at byte 1: invalid UTF-8"},
    {ONE("\"\xF0\x9F\x98"), NULL},
    {ONE("\xFF"), NULL},
    {ONE("\xFE\xFF\0[\0]"), NULL},
};

static void good_texts_pass(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    hf_error err;
    if (validate(good[i].text, good[i].size, &err)) fail_msg("%s: %s", good[i].text, err.message);
    assert_int_equal(validate(good[i].text, good[i].size, NULL), HF_OK);
  }
}

static void bad_texts_are_refused_with_reason_and_place(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    hf_error err;
    if (!validate(bad[i].text.text, bad[i].text.size, &err)) fail_msg("%s was accepted", bad[i].text.text);
    assert_int_equal(err.status, HF_INVALID_VALUE);
    assert_int_equal(strncmp(err.message, "not JSON", 8), 0);
    if (bad[i].message) assert_string_equal(err.message, bad[i].message);
    assert_int_equal(validate(bad[i].text.text, bad[i].text.size, NULL), HF_INVALID_VALUE);
  }
}

/* Around every good text: white space changes nothing, and no strict prefix of an array that holds it is a value. */
static void texts_in_company(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    char text[512];
    int n = snprintf(text, sizeof text, "[ {\"key\" :%.*s\n},%.*s]", (int)good[i].size, good[i].text, (int)good[i].size,
                     good[i].text);
    assert_true(n > 0 && n < (int)sizeof text);
    assert_int_equal(validate(text, (size_t)n, NULL), HF_OK);
    for (int cut = 0; cut < n; cut++) assert_int_equal(validate(text, (size_t)cut, NULL), HF_INVALID_VALUE);
  }
}

static void depth_is_bounded(void **state) {
  (void)state;
  enum { MANY = 200000 };
  char *text = malloc(MANY);
  assert_non_null(text);
  for (unsigned pattern = 0; pattern < 4; pattern++) {
    for (int depth = 1; depth <= HF_DEPTH_MAX + 2; depth++) {
      size_t n = 0;
      for (int i = 0; i < depth; i++) {
        bool object = pattern == 3 ? below(2) : (pattern >> (i % 2) & 1);
        memcpy(text + n, object ? "{\"a\":" : "[", object ? 5 : 1);
        n += object ? 5 : 1;
      }
      size_t opened = n;
      text[n++] = '1';
      for (size_t i = opened; i > 0; i--) /* from the inside */
        if (text[i - 1] == '[' || text[i - 1] == '{') text[n++] = text[i - 1] == '[' ? ']' : '}';
      hf_error err;
      hf_status status = validate(text, n, &err);
      assert_int_equal(status, depth <= HF_DEPTH_MAX ? HF_OK : HF_INVALID_VALUE);
      if (status) assert_non_null(strstr(err.message, "nested too deep"));
      /* Each bracket is remembered: one wrong of them is seen. */
      if (!status) {
        char *one = text + opened + 1 + below((unsigned)depth);
        *one = *one == ']' ? '}' : ']';
        assert_int_equal(validate(text, n, NULL), HF_INVALID_VALUE);
      }
    }
  }
  memset(text, '[', MANY);
  assert_int_equal(validate(text, MANY, NULL), HF_INVALID_VALUE);
  /* Wide is not deep. */
  size_t n = 0;
  text[n++] = '[';
  while (n + 8 < MANY) {
    if (n > 1) text[n++] = ',';
    memcpy(text + n, "[{}]", 4);
    n += 4;
  }
  text[n++] = ']';
  assert_int_equal(validate(text, n, NULL), HF_OK);
  free(text);
}

static void every_byte_in_a_string_is_judged(void **state) {
  (void)state;
  for (unsigned c = 0; c < 256; c++)
    for (size_t at = 1; at < 40; at++) {
      char text[41];
      memset(text, 'a', sizeof text);
      text[0] = text[40] = '"';
      text[at] = (char)c;
      bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
      hf_error err;
      hf_status status = validate(text, sizeof text, &err);
      assert_int_equal(status, plain ? HF_OK : HF_INVALID_VALUE);
      char place[32]; /* a quote ends the string, and what is after it is wrong; a backslash begins an escape */
      snprintf(place, sizeof place, "at byte %zu:", c == '"' ? at + 1 : at);
      if (!plain && c != '\\') assert_non_null(strstr(err.message, place));
    }
}

/* Length of the UTF-8 character at p by decoding it, 0 if it is none. */
static size_t decode(const unsigned char *p, size_t room) {
  unsigned long point, least[] = {0, 0x80, 0x800, 0x10000};
  size_t more = p[0] < 0x80 ? 0 : p[0] < 0xC0 ? 9 : p[0] < 0xE0 ? 1 : p[0] < 0xF0 ? 2 : p[0] < 0xF8 ? 3 : 9;
  if (more >= room) return 0;
  point = more == 0 ? p[0] : p[0] & (0x3Fu >> more);
  for (size_t i = 1; i <= more; i++) {
    if (p[i] / 64 != 2) return 0;
    point = point * 64 + p[i] % 64;
  }
  return point < least[more] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF) ? 0 : more + 1;
}

static void utf8_is_checked_to_the_last_boundary(void **state) {
  (void)state;
  static const unsigned char edges[] = {0x20, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF,
                                        0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF};
  enum { EDGES = sizeof edges };
  for (size_t n = 0; n < (size_t)EDGES * EDGES * EDGES * EDGES; n++) {
    unsigned char text[6] = {'"',
                             edges[n / EDGES / EDGES / EDGES],
                             edges[n / EDGES / EDGES % EDGES],
                             edges[n / EDGES % EDGES],
                             edges[n % EDGES],
                             '"'};
    size_t valid = 0, length;
    while (valid < 4 && (length = decode(text + 1 + valid, 4 - valid)) > 0) valid += length;
    assert_int_equal(hf__utf8_valid_prefix((hf_slice){(char *)text + 1, 4}), valid);
    assert_int_equal(hf_json_validate((hf_slice){(char *)text, 6}, NULL), valid == 4 ? HF_OK : HF_INVALID_VALUE);
  }
}

static void utf8_prefix_of_long_texts(void **state) {
  (void)state;
  assert_int_equal(hf__utf8_valid_prefix((hf_slice){NULL, 0}), 0);
  for (int i = 0; i < 50000; i++) {
    unsigned char text[64];
    size_t size = 1 + below(sizeof text), valid = 0, length;
    for (size_t k = 0; k < size; k++) text[k] = (unsigned char)(below(4) ? 'x' : 0);
    for (size_t k = 0; k + 4 <= size; k += 1 + below(20))
      memcpy(text + k, below(2) ? "\xF0\x9F\x98\x80" : "x\xE2\x82\xAC", 4);
    if (below(2)) text[below((unsigned)size)] = (unsigned char)below(256);
    while (valid < size && (length = decode(text + valid, size - valid)) > 0) valid += length;
    char *copy = malloc(size);
    assert_non_null(copy);
    memcpy(copy, text, size);
    assert_int_equal(hf__utf8_valid_prefix((hf_slice){copy, size}), valid);
    free(copy);
  }
}

/* What cJSON lets pass: numbers as strtod reads them ("01", "1."), \u without four hexadecimal digits, raw control
 * characters in strings, and control characters as white space.  (Also invalid UTF-8, which is not in these texts.) */
static bool cjson_is_too_kind(const char *text, const regex_t *number) {
  bool inside = false;
  for (const char *p = text; *p; p++) {
    if ((unsigned char)*p < 0x20 && (inside || !strchr("\t\n\r", *p))) return true;
    if (inside) {
      if (*p == '\\') {
        p++;
        for (int i = 1; *p == 'u' && i <= 4; i++)
          if (!isxdigit((unsigned char)p[i])) return true;
      } else if (*p == '"') {
        inside = false;
      }
    } else if (*p == '"') {
      inside = true;
    } else if (strchr("0123456789+-.", *p)) {
      char token[64] = "";
      size_t n = strspn(p, "0123456789+-.eE");
      memcpy(token, p, n < sizeof token ? n : sizeof token - 1);
      if (regexec(number, token, 0, NULL, 0) != 0) return true;
      p += n - 1;
    }
  }
  return false;
}

static void mutated_texts_fare_as_with_cjson(void **state) {
  (void)state;
  static const char *const seeds[] = {
      "{\"id\":\"072ecee3\",\"priceOpen\":49524.64,\"flags\":[true,false,null],\"n\":{\"a\":-0.5e-3}}",
      "[[],{},[{}],\"\\u0041\\n\\\\\",1,23,0,-4.5E+6]",
      "{\"a\":{\"b\":{\"c\":[1,2,{\"d\":\"\\uD83D\\uDE00\"}]}},\"e\":\"x\\\"y\",\"f\":\"\"}",
      " { \"k\" : [ 1 , 2.50 , \"s\" ] , \"l\" : null } ",
      "[0,1e5,100,\"0123456789abcdef0123456789\",{\"key\":\"value\"}]",
  };
  static const char letters[] = "{}[]{}[]\"\"\\,,::0123456789-+.eE truefalsn/bu\t\n\x01";
  regex_t number;
  assert_int_equal(regcomp(&number, "^-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?$", REG_EXTENDED | REG_NOSUB), 0);
  unsigned accepted = 0, refused = 0, kind = 0;
  for (int i = 0; i < 150000; i++) {
    char text[256];
    const char *seed = seeds[below(sizeof seeds / sizeof *seeds)];
    size_t size = strlen(seed);
    memcpy(text, seed, size + 1);
    for (unsigned changes = below(4); changes > 0; changes--) {
      size_t at = below((unsigned)size);
      char letter = letters[below(sizeof letters - 1)];
      switch (below(4)) {
      case 0: text[at] = letter; break;
      case 1: /* insert */
        memmove(text + at + 1, text + at, size - at + 1);
        text[at] = letter;
        size++;
        break;
      case 2: /* remove */
        memmove(text + at, text + at + 1, size - at);
        size--;
        break;
      default: { /* swap with another */
        size_t other = below((unsigned)size);
        char c = text[at];
        text[at] = text[other];
        text[other] = c;
      }
      }
    }
    text[size] = '\0';
    hf_error err = {.message = "accepted"};
    bool ours = validate(text, size, &err) == HF_OK;
    const char *end = NULL;
    cJSON *tree = cJSON_ParseWithLengthOpts(text, size + 1, &end, 1);
    bool theirs = tree != NULL, too_kind = cjson_is_too_kind(text, &number);
    cJSON_Delete(tree);
    if (ours != (theirs && !too_kind)) fail_msg("%s: %s; cJSON: %d", text, err.message, theirs);
    accepted += ours;
    refused += !ours;
    kind += theirs && too_kind;
  }
  regfree(&number);
  assert_true(accepted > 10000 && refused > 10000 && kind > 1000);
}

static size_t quote(const char *text, size_t size, char *out) {
  char *copy = malloc(size + 1), *room = malloc(HF__JSON_QUOTED_MAX(size)); /* exactly what is promised */
  assert_non_null(copy);
  assert_non_null(room);
  memcpy(copy + 1, text, size);
  size_t n = (size_t)(hf__json_quote(room, (hf_slice){copy + 1, size}) - room);
  assert_true(n <= HF__JSON_QUOTED_MAX(size));
  memcpy(out, room, n);
  out[n] = '\0';
  free(copy);
  free(room);
  return n;
}

static void quoting(void **state) {
  (void)state;
  char out[1024];
  quote("", 0, out);
  assert_string_equal(out, "\"\"");
  quote("a\0b", 3, out);
  assert_string_equal(out, "\"a\\u0000b\"");
  quote("\b\t\n\f\r\"\\/\x01\x0B\x1F\x7F\xC3\xA9\xE2\x80\xA8", 17, out);
  assert_string_equal(out, "\"\\b\\t\\n\\f\\r\\\"\\\\/\\u0001\\u000b\\u001f\x7F\xC3\xA9\xE2\x80\xA8\"");
  for (int i = 0; i < 50000; i++) {
    char text[100];
    size_t size = below(sizeof text);
    unsigned odd = 1 + below(40);
    for (size_t k = 0; k < size; k++) text[k] = (char)(below(odd) ? 'a' + (int)below(26) : 1 + (int)below(127));
    for (size_t k = below(20); k + 4 <= size; k += 4 + below(40)) memcpy(text + k, "\xF0\x9F\x98\x80", 4);
    text[size] = '\0';
    size_t n = quote(text, size, out);
    cJSON *string = cJSON_CreateString(text);
    char *expected = cJSON_PrintUnformatted(string);
    assert_string_equal(out, expected);
    assert_int_equal(hf_json_validate((hf_slice){out, n}, NULL), HF_OK);
    cJSON_free(expected);
    cJSON_Delete(string);
  }
  char text[64];
  memset(text, 1, sizeof text); /* the longest */
  assert_int_equal(quote(text, sizeof text, out), HF__JSON_QUOTED_MAX(sizeof text));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(good_texts_pass),
      cmocka_unit_test(bad_texts_are_refused_with_reason_and_place),
      cmocka_unit_test(texts_in_company),
      cmocka_unit_test(depth_is_bounded),
      cmocka_unit_test(every_byte_in_a_string_is_judged),
      cmocka_unit_test(utf8_is_checked_to_the_last_boundary),
      cmocka_unit_test(utf8_prefix_of_long_texts),
      cmocka_unit_test(mutated_texts_fare_as_with_cjson),
      cmocka_unit_test(quoting),
  };
  return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
