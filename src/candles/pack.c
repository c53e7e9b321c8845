/* SPDX-License-Identifier: MIT
 *
 * Packing candles: see candles.h.
 */
#include <isa-l/crc.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "candles/candles.h"
#include "candles/digits.h"

/* The most that a block takes: two scales, two numbers, widths, columns. */
#define BLOCK_ROOM (2 + 2 * HF__NUMBER_DIGITS + HF__COLUMNS + HF__COLUMNS * HF__BLOCK * 11)

static const double powers[] = HF__POWERS_OF_TEN;

/* The last time that is one. */
#define LAST_TIME 8.64e15

/* ---- what can be packed */

static hf_status check_number(size_t i, const char *name, double value, hf_error *err) {
  if (value >= 0 && value < HUGE_VAL) return HF_OK;
  return hf__fail(err, HF_INVALID_VALUE, "candle %zu: %s is %g", i + 1, name, value);
}

static hf_status check_time(const double *times, size_t i, double step, hf_error *err) {
  double time = times[i];
  if (i && time == times[i - 1] + step && time <= LAST_TIME) return HF_OK;
  if (!(time >= 0 && time <= LAST_TIME && fmod(time, step) == 0))
    return hf__fail(err, HF_INVALID_VALUE, "candle %zu: time %.17g is no multiple of %.17g ms", i + 1, time, step);
  if (i && !(time > times[i - 1]))
    return hf__fail(err, HF_INVALID_VALUE, "candle %zu: its time is not after that of the one before", i + 1);
  return HF_OK;
}

static hf_status check(double step, const hf__candle_columns *c, size_t count, hf_error *err) {
  if (!(step >= 1 && step <= LAST_TIME && floor(step) == step))
    return hf__fail(err, HF_INVALID_VALUE, "%g is no interval in milliseconds", step);
  if (count < 1 || count > HF__CANDLES_MAX)
    return hf__fail(err, HF_INVALID_VALUE, "there must be 1 to %d candles, not %zu", HF__CANDLES_MAX, count);
  for (size_t i = 0; i < count; i++) {
    hf_status status = check_time(c->time, i, step, err);
    if (!status) status = check_number(i, "open", c->open[i], err);
    if (!status) status = check_number(i, "high", c->high[i], err);
    if (!status) status = check_number(i, "low", c->low[i], err);
    if (!status) status = check_number(i, "close", c->close[i], err);
    if (!status) status = check_number(i, "volume", c->volume[i], err);
    if (status) return status;
  }
  return HF_OK;
}

/* ---- scales */

static uint64_t bits_of(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* The whole number that gives x again when it is divided by the power of ten; false: there is none. */
static bool scaled(double x, unsigned decimals, uint64_t *out) {
  double y = x * powers[decimals] + 0.5;
  if (!(y < (double)HF__SCALED_END)) return false;
  *out = (uint64_t)y;
  return bits_of((double)*out / powers[decimals]) == bits_of(x);
}

/* The number of decimals that n values have, if that is more than `decimals`; HF__AS_BITS if they are no decimals. */
static unsigned decimals_of(const double *x, size_t n, unsigned decimals) {
  uint64_t whole;
  for (size_t i = 0; i < n && decimals != HF__AS_BITS; i++) {
    while (!scaled(x[i], decimals, &whole)) {
      if (++decimals > HF__MOST_DECIMALS) return HF__AS_BITS;
    }
  }
  return decimals;
}

/* The values as whole numbers, or as their bits.  False: one is too large for so many decimals. */
static bool to_whole(const double *x, size_t n, unsigned scale, uint64_t *out) {
  for (size_t i = 0; i < n; i++) {
    if (scale == HF__AS_BITS) {
      out[i] = bits_of(x[i]);
    } else if (!scaled(x[i], scale, &out[i])) {
      return false;
    }
  }
  return true;
}

/* ---- blocks */

/* Writes the digits of a column: those of the lowest six bits of all values, of the next ones, ...; where three bits
 * are left over a digit has those of two values. */
static char *put_column(char *p, const uint64_t *values, size_t n, unsigned width) {
  unsigned shift = 0;
  for (; width >= 2; width -= 2, shift += HF__DIGIT_BITS) {
    for (size_t i = 0; i < n; i++) *p++ = hf__digit((unsigned)(values[i] >> shift) & 63);
  }
  size_t half = (n + 1) / 2;
  for (size_t i = 0; width && i < half; i++) {
    uint64_t other = half + i < n ? values[half + i] >> shift & 7 : 0;
    *p++ = hf__digit((unsigned)((values[i] >> shift & 7) | other << 3));
  }
  return p;
}

static unsigned width_of(const uint64_t *values, size_t n) {
  uint64_t all = 0;
  for (size_t i = 0; i < n; i++) all |= values[i];
  return all ? (66 - (unsigned)__builtin_clzll(all)) / 3 : 0;
}

/* Makes the values zigzag where that makes them shorter.  Returns the width as it is written, and as it is. */
static unsigned shorten(uint64_t *values, size_t n, unsigned *width) {
  uint64_t other[HF__BLOCK];
  *width = width_of(values, n);
  for (size_t i = 0; i < n; i++) other[i] = hf__zigzag(values[i]);
  unsigned signed_width = width_of(other, n);
  if (signed_width >= *width) return *width;
  memcpy(values, other, n * sizeof *values);
  *width = signed_width;
  return signed_width + HF__WIDTHS;
}

static uint64_t larger(uint64_t a, uint64_t b) { return (int64_t)a > (int64_t)b ? a : b; }
static uint64_t smaller(uint64_t a, uint64_t b) { return (int64_t)a < (int64_t)b ? a : b; }

typedef struct block {
  size_t n;
  unsigned price_scale, volume_scale;
  uint64_t price, volume; /* where the columns start from */
  uint64_t columns[HF__COLUMNS][HF__BLOCK];
} block;

static void reckon_prices(block *b, const hf__candle_columns *c, size_t first) {
  const double *prices[] = {c->open + first, c->high + first, c->low + first, c->close + first};
  uint64_t whole[4][HF__BLOCK];
  unsigned scale = 0;
  for (int k = 0; k < 4; k++) scale = decimals_of(prices[k], b->n, scale);
  bool fits = true;
  for (int k = 0; k < 4 && fits; k++) fits = to_whole(prices[k], b->n, scale, whole[k]);
  if (!fits) {
    scale = HF__AS_BITS;
    for (int k = 0; k < 4; k++) to_whole(prices[k], b->n, scale, whole[k]);
  }
  b->price_scale = scale;
  b->price = whole[0][0];
  uint64_t before = b->price;
  for (size_t i = 0; i < b->n; i++) {
    uint64_t open = whole[0][i], close = whole[3][i];
    b->columns[0][i] = open - before;
    b->columns[1][i] = close - open;
    b->columns[2][i] = whole[1][i] - larger(open, close);
    b->columns[3][i] = smaller(open, close) - whole[2][i];
    before = close;
  }
}

static void reckon_volumes(block *b, const double *volumes) {
  uint64_t *whole = b->columns[4];
  b->volume_scale = decimals_of(volumes, b->n, 0);
  if (!to_whole(volumes, b->n, b->volume_scale, whole)) {
    b->volume_scale = HF__AS_BITS;
    to_whole(volumes, b->n, b->volume_scale, whole);
  }
  b->volume = whole[0];
  for (size_t i = 1; i < b->n; i++) b->volume = smaller(b->volume, whole[i]);
  for (size_t i = 0; i < b->n; i++) whole[i] -= b->volume;
}

static char *put_block(char *p, const hf__candle_columns *c, size_t first, size_t n) {
  block b = {.n = n};
  unsigned widths[HF__COLUMNS];
  reckon_prices(&b, c, first);
  reckon_volumes(&b, c->volume + first);
  *p++ = hf__digit(b.price_scale);
  *p++ = hf__digit(b.volume_scale);
  p = hf__number_put(p, b.price);
  p = hf__number_put(p, b.volume);
  for (int k = 0; k < HF__COLUMNS; k++) *p++ = hf__digit(shorten(b.columns[k], n, &widths[k]));
  for (int k = 0; k < HF__COLUMNS; k++) p = put_column(p, b.columns[k], n, widths[k]);
  return p;
}

/* ---- the text */

static size_t count_runs(const double *time, size_t count, double step) {
  size_t runs = 1;
  for (size_t i = 1; i < count; i++) runs += time[i] != time[i - 1] + step;
  return runs;
}

static char *put_head(char *p, double step, const double *time, size_t count) {
  *p++ = hf__digit(HF__CANDLES_VERSION);
  p = hf__number_put(p, (uint64_t)step);
  p = hf__number_put(p, (uint64_t)(time[0] / step));
  p = hf__number_put(p, count);
  p = hf__number_put(p, count_runs(time, count, step));
  size_t length = 1;
  for (size_t i = 1; i < count; i++, length++) {
    if (time[i] == time[i - 1] + step) continue;
    p = hf__number_put(p, length);
    p = hf__number_put(p, (uint64_t)((time[i] - time[i - 1]) / step) - 1);
    length = 0;
  }
  return hf__number_put(p, length);
}

hf_status hf__candles_pack(hf_buffer *out, double step, const hf__candle_columns *columns, size_t count,
                           hf_error *err) {
  hf_status status = check(step, columns, count, err);
  if (status) return status;
  size_t runs = count_runs(columns->time, count, step);
  size_t room = 1 + (4 + 2 * runs) * HF__NUMBER_DIGITS + (count / HF__BLOCK + 1) * BLOCK_ROOM + HF__SUM_DIGITS;
  if (!hf_buffer_reserve(out, out->size + room)) return hf__no_memory(err);
  char *text = out->data + out->size, *p = put_head(text, step, columns->time, count);
  for (size_t i = 0; i < count; i += HF__BLOCK)
    p = put_block(p, columns, i, count - i < HF__BLOCK ? count - i : HF__BLOCK);
  uint32_t sum = crc32_iscsi((unsigned char *)text, (int)(p - text), HF__CANDLES_SUM_SEED);
  for (unsigned i = 0; i < HF__SUM_DIGITS; i++) *p++ = hf__digit(sum >> HF__DIGIT_BITS * i & 63);
  *p = '\0';
  out->size = (size_t)(p - out->data);
  return HF_OK;
}
