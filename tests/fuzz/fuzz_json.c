/* SPDX-License-Identifier: MIT
 *
 * libFuzzer target for the JSON pieces of the core, without Lua: any bytes go to hf_json_validate(),
 * hf__utf8_valid_prefix(), hf__json_quote() and hf__number_parse(), and
 *   - what is valid JSON here is JSON for cJSON too, after printing as before;
 *   - a text that is nothing but a number is valid exactly if all of it is one number, and strtod() agrees on its
 * value;
 *   - a number's text reads back to the same bits;
 *   - any valid UTF-8, quoted, is valid JSON.
 * Texts are copied to memory of exactly their size, so that AddressSanitizer sees a read beyond it.
 */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/number.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                               \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                                          \
      abort();                                                                                                         \
    }                                                                                                                  \
  } while (0)

static bool same(double a, double b) { return a == b && signbit(a) == signbit(b); }

/* A text of bytes that numbers are made of: both readings must agree. */
static void check_number(hf_slice text) {
  double value = 0, again;
  char printed[HF_NUMBER_MAX];
  if (text.size == 0 || text.size > 400) return;
  for (size_t i = 0; i < text.size; i++) {
    if (!text.data[i] || !strchr("0123456789+-.eE", text.data[i])) return;
  }
  const char *end = text.data + text.size;
  bool whole = hf__number_parse(text.data, end, &value) == end;
  CHECK(whole == (hf_json_validate(text, NULL) == HF_OK));
  if (!whole) return;
  char copy[401];
  memcpy(copy, text.data, text.size);
  copy[text.size] = '\0';
  CHECK(same(value, strtod(copy, NULL)));
  size_t n = hf_number_format(value, printed);
  CHECK(n > 0 && n <= HF_NUMBER_MAX);
  CHECK(hf__number_parse(printed, printed + n, &again) == printed + n && same(value, again));
}

/* The same bytes as a double. */
static void check_bits(const uint8_t *data, size_t size) {
  double value, again;
  char printed[HF_NUMBER_MAX];
  if (size != sizeof value) return;
  memcpy(&value, data, sizeof value);
  size_t n = hf_number_format(value, printed);
  CHECK((n == 0) == (isnan(value) != 0));
  if (n) CHECK(hf__number_parse(printed, printed + n, &again) == printed + n && same(value, again));
}

static void check_quote(hf_slice text) {
  hf_slice good = {text.data, hf__utf8_valid_prefix(text)};
  CHECK(good.size <= text.size);
  CHECK(hf__utf8_valid_prefix(good) == good.size);
  char *quoted = malloc(HF__JSON_QUOTED_MAX(good.size));
  CHECK(quoted);
  hf_slice json = {quoted, (size_t)(hf__json_quote(quoted, good) - quoted)};
  CHECK(json.size <= HF__JSON_QUOTED_MAX(good.size));
  CHECK(hf_json_validate(json, NULL) == HF_OK);
  free(quoted);
}

/* cJSON takes more than JSON, and cuts strings at NUL and numbers at 63 bytes: so only "valid here, valid there",
 * and that what it prints is valid here again. */
static void check_cjson(hf_slice text) {
  hf_error err;
  if (hf_json_validate(text, &err) != HF_OK) {
    CHECK(err.status == HF_INVALID_VALUE && err.message[0]);
    return;
  }
  CHECK(hf__utf8_valid_prefix(text) == text.size);
  cJSON *tree = cJSON_ParseWithLength(text.data, text.size);
  CHECK(tree);
  char *printed = cJSON_PrintUnformatted(tree);
  CHECK(printed);
  CHECK(hf_json_validate(hf_text(printed), &err) == HF_OK);
  cJSON_free(printed);
  cJSON_Delete(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *copy = malloc(size);
  CHECK(copy || size == 0);
  if (size) memcpy(copy, data, size);
  hf_slice text = {copy, size};
  check_number(text);
  check_bits(data, size);
  check_quote(text);
  check_cjson(text);
  free(copy);
  return 0;
}
