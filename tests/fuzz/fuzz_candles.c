/* SPDX-License-Identifier: MIT
 *
 * libFuzzer target for packed candles.  Any bytes are
 *   - a text, with a checksum that is right: it is refused, or gives candles that can be packed again and come back;
 *   - the numbers of candles: they are refused, or come back to the last bit.
 * Texts are copied to memory of exactly their size, so that AddressSanitizer sees a read beyond it.
 */
#include <isa-l/crc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "candles/candles.h"
#include "candles/digits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                               \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                                          \
      abort();                                                                                                         \
    }                                                                                                                  \
  } while (0)

static hf__candle_columns columns_in(double *room, size_t n) {
  return (hf__candle_columns){room, room + n, room + 2 * n, room + 3 * n, room + 4 * n, room + 5 * n};
}

/* Packs n candles, and looks that they come back. */
static void check_round(double *values, size_t n, double step) {
  hf_error err;
  hf_buffer text = HF_BUFFER_INIT;
  hf__candle_columns columns = columns_in(values, n);
  hf_status status = hf__candles_pack(&text, step, &columns, n, &err);
  if (status) {
    CHECK(status == HF_INVALID_VALUE && err.message[0]);
    hf_buffer_free(&text);
    return;
  }
  hf__packed_candles packed;
  double *again = malloc(6 * n * sizeof *again);
  CHECK(again);
  CHECK(hf__candles_open((hf_slice){text.data, text.size}, &packed, &err) == HF_OK);
  CHECK(packed.count == n && hf__candles_before(&packed, 1e300) == n);
  CHECK(hf__candles_unpack(&packed, 0, n, columns_in(again, n), &err) == HF_OK);
  CHECK(memcmp(again, values, 6 * n * sizeof *again) == 0);
  size_t half = n / 2;
  CHECK(hf__candles_unpack(&packed, half, n, columns_in(again, n), &err) == HF_OK);
  for (size_t k = 0; k < 6; k++) {
    CHECK(memcmp(again + k * n, values + k * n + half, (n - half) * sizeof *again) == 0);
  }
  free(again);
  hf_buffer_free(&text);
}

static void check_values(const uint8_t *data, size_t size) {
  size_t n = size / 41;
  if (n < 1 || n > 300) return;
  double *values = malloc(6 * n * sizeof *values), time = 1707264000000.0;
  CHECK(values);
  for (size_t i = 0; i < n; i++) {
    const uint8_t *p = data + 41 * i;
    values[i] = time;
    time += 60000.0 * (p[0] < 250 ? 1 : p[0]);
    for (size_t k = 1; k < 6; k++) memcpy(&values[k * n + i], p + 8 * k - 7, 8);
  }
  check_round(values, n, 60000);
  free(values);
}

static void check_text(const uint8_t *data, size_t size) {
  hf_error err;
  hf__packed_candles packed;
  char *text = malloc(size + HF__SUM_DIGITS);
  CHECK(text);
  memcpy(text, data, size);
  uint32_t sum = crc32_iscsi((unsigned char *)text, (int)size, HF__CANDLES_SUM_SEED);
  for (unsigned i = 0; i < HF__SUM_DIGITS; i++) text[size + i] = hf__digit(sum >> HF__DIGIT_BITS * i & 63);
  hf_status status = hf__candles_open((hf_slice){text, size + HF__SUM_DIGITS}, &packed, &err);
  CHECK(status == HF_OK || ((status == HF_CORRUPT || status == HF_UNSUPPORTED) && err.message[0]));
  if (status == HF_OK) {
    hf__candle_run *runs = malloc(packed.run_count * sizeof *runs);
    double *values = malloc(6 * packed.count * sizeof *values);
    CHECK(runs && values);
    hf__candles_runs(&packed, runs);
    CHECK(runs[0].first == packed.first);
    status = hf__candles_unpack(&packed, 0, packed.count, columns_in(values, packed.count), &err);
    CHECK(status == HF_OK || (status == HF_CORRUPT && err.message[0]));
    if (status == HF_OK) check_round(values, packed.count, packed.step);
    free(values);
    free(runs);
  }
  free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size > 100000) return 0;
  check_text(data, size);
  check_values(data, size);
  return 0;
}
