/* SPDX-License-Identifier: MIT
 *
 * Unpacking candles: see candles.h.  The digits of a column lie in planes, so that all values of a block take the same
 * steps: the loops over a block are such that compilers make vectors of them.  A text that matches its checksum was
 * written by us or made to look so: what it says is used after a look at its bounds, and nothing else.
 */
#include <isa-l/crc.h>
#include <string.h>

#include "base/error.h"
#include "candles/candles.h"
#include "candles/digits.h"

static const double powers[] = HF__POWERS_OF_TEN;

/* The last time that is one, in ms. */
#define LAST_TIME UINT64_C(8640000000000000)

static hf_status corrupt(hf_error *err, const char *why) {
  return hf__fail(err, HF_CORRUPT, "the packed candles are damaged: %s", why);
}

/* ---- what stands before the candles */

static bool has_sum(hf_slice text) {
  size_t size = text.size - HF__SUM_DIGITS;
  uint32_t sum = crc32_iscsi((unsigned char *)(uintptr_t)text.data, (int)size, HF__CANDLES_SUM_SEED);
  for (size_t i = 0; i < HF__SUM_DIGITS; i++) {
    if (text.data[size + i] != hf__digit(sum >> HF__DIGIT_BITS * i & 63)) return false;
  }
  return true;
}

/* Reads the runs, of which there are at least one; NULL if they are not what the head says. */
static const char *check_runs(hf__packed_candles *out, const char *p, uint64_t step, uint64_t first) {
  uint64_t most = LAST_TIME / step, total = 0, last = first;
  for (size_t run = 0; run < out->run_count; run++) {
    uint64_t gap = 0, length;
    if (run && (!(p = hf__number_get(p, out->end, &gap)) || gap < 1 || gap > most)) return NULL;
    p = hf__number_get(p, out->end, &length);
    if (!p || length < 1 || length > out->count - total) return NULL;
    total += length;
    last += (run ? gap + 1 : 0) + length - 1;
    if (last > most) return NULL;
  }
  if (total != out->count) return NULL;
  out->last = (double)(last * step);
  return p;
}

hf_status hf__candles_open(hf_slice text, hf__packed_candles *out, hf_error *err) {
  uint64_t step, first, count, runs;
  if (text.size <= HF__SUM_DIGITS || text.size > INT32_MAX) return corrupt(err, "that is no packed text");
  if (!has_sum(text)) return corrupt(err, "they do not match their checksum");
  const char *p = text.data, *end = text.data + text.size - HF__SUM_DIGITS;
  uint32_t version = hf__digit_bits((unsigned char)*p++);
  if (version != HF__CANDLES_VERSION)
    return hf__fail(err, HF_UNSUPPORTED, "the packed candles are of version %u: a later Holdfast wrote them", version);
  if (!(p = hf__number_get(p, end, &step)) || !(p = hf__number_get(p, end, &first)) ||
      !(p = hf__number_get(p, end, &count)) || !(p = hf__number_get(p, end, &runs)))
    return corrupt(err, "the head is cut");
  if (step < 1 || step > LAST_TIME || first > LAST_TIME / step || count < 1 || count > HF__CANDLES_MAX || runs < 1 ||
      runs > count)
    return corrupt(err, "the head makes no sense");
  *out = (hf__packed_candles){.step = (double)step,
                              .first = (double)(first * step),
                              .count = (size_t)count,
                              .run_count = (size_t)runs,
                              .runs = p,
                              .end = end};
  out->blocks = check_runs(out, p, step, first);
  return out->blocks ? HF_OK : corrupt(err, "the times make no sense");
}

/* Steps to the next run; `p` begins at packed->runs, `run` at the one before the first. */
static const char *next_run(const hf__packed_candles *packed, const char *p, hf__candle_run *run) {
  uint64_t gap = 0, length = 0;
  double first = packed->first;
  if (p != packed->runs) {
    p = hf__number_get(p, packed->end, &gap);
    first = run->first + (double)(run->count + gap) * packed->step;
  }
  p = hf__number_get(p, packed->end, &length);
  *run = (hf__candle_run){first, (size_t)length};
  return p;
}

void hf__candles_runs(const hf__packed_candles *packed, hf__candle_run *out) {
  hf__candle_run run = {0, 0};
  const char *p = packed->runs;
  for (size_t i = 0; i < packed->run_count; i++) {
    p = next_run(packed, p, &run);
    out[i] = run;
  }
}

size_t hf__candles_before(const hf__packed_candles *packed, double time) {
  hf__candle_run run = {0, 0};
  const char *p = packed->runs;
  size_t before = 0;
  for (size_t i = 0; i < packed->run_count; i++) {
    p = next_run(packed, p, &run);
    if (time <= run.first) return before;
    double inside = (time - run.first) / packed->step;
    if (inside <= (double)run.count - 1) {
      size_t whole = (size_t)inside;
      return before + whole + ((double)whole < inside);
    }
    before += run.count;
  }
  return before;
}

/* The times of the candles from number `first` up to `end`. */
static void put_times(const hf__packed_candles *packed, size_t first, size_t end, double *out) {
  hf__candle_run run = {0, 0};
  const char *p = packed->runs;
  for (size_t before = 0; before < end; before += run.count) {
    p = next_run(packed, p, &run);
    size_t i = first > before ? first - before : 0, n = end - before < run.count ? end - before : run.count;
    for (; i < n; i++) *out++ = run.first + (double)i * packed->step;
  }
}

/* ---- blocks */

typedef struct block {
  const char *columns; /* where their digits begin */
  const char *end;     /* where the next block does */
  size_t n;
  uint32_t price_scale, volume_scale;
  uint64_t price, volume;
  uint32_t widths[HF__COLUMNS];
} block;

static bool is_scale(uint32_t scale) { return scale <= HF__MOST_DECIMALS || scale == HF__AS_BITS; }

/* Reads what stands before the columns of a block; false if it does not lie before `end`. */
static bool open_block(const char *p, const char *end, size_t n, block *out) {
  if (end - p < 2) return false;
  out->n = n;
  out->price_scale = hf__digit_bits((unsigned char)*p++);
  out->volume_scale = hf__digit_bits((unsigned char)*p++);
  if (!is_scale(out->price_scale) || !is_scale(out->volume_scale)) return false;
  p = hf__number_get(p, end, &out->price);
  if (p) p = hf__number_get(p, end, &out->volume);
  if (!p || end - p < HF__COLUMNS) return false;
  size_t size = 0;
  for (int k = 0; k < HF__COLUMNS; k++) {
    out->widths[k] = hf__digit_bits((unsigned char)*p++);
    if (out->widths[k] >= 2 * HF__WIDTHS) return false;
    size += hf__column_size(out->widths[k] % HF__WIDTHS, n);
  }
  out->columns = p;
  out->end = p + size;
  return (size_t)(end - p) >= size;
}

/* A group of five planes: 30 bits of each value. */
enum { GROUP_PLANES = 5, GROUP_BITS = GROUP_PLANES * HF__DIGIT_BITS };

static void add_plane(uint32_t *restrict group, const unsigned char *restrict digits, unsigned shift) {
  for (size_t i = 0; i < HF__BLOCK; i++) group[i] |= hf__digit_bits(digits[i]) << shift;
}

/* Two planes at once, which is less work than one after the other. */
static void add_planes(uint32_t *restrict group, const unsigned char *restrict low, const unsigned char *restrict high,
                       unsigned shift) {
  uint16_t both[HF__BLOCK];
  for (size_t i = 0; i < HF__BLOCK; i++) {
    both[i] = (uint16_t)(hf__digit_bits(low[i]) | hf__digit_bits(high[i]) << HF__DIGIT_BITS);
  }
  for (size_t i = 0; i < HF__BLOCK; i++) group[i] |= (uint32_t)both[i] << shift;
}

static void first_group(uint64_t *restrict out, const uint32_t *restrict group) {
  for (size_t i = 0; i < HF__BLOCK; i++) out[i] = group[i];
}

static void add_group(uint64_t *restrict out, const uint32_t *restrict group, unsigned shift) {
  for (size_t i = 0; i < HF__BLOCK; i++) out[i] |= (uint64_t)group[i] << shift;
}

static void unzigzag(uint64_t *out) {
  for (size_t i = 0; i < HF__BLOCK; i++) out[i] = hf__unzigzag(out[i]);
}

/* The three bits that are left over, of which a digit has two values' as one number of six bits. */
static void split_halves(const unsigned char *p, size_t n, unsigned char *digits) {
  size_t half = (n + 1) / 2;
  for (size_t i = 0; i < half; i++) {
    uint32_t bits = hf__digit_bits(p[i]);
    digits[i] = (unsigned char)hf__digit(bits & 7);
    if (half + i < n) digits[half + i] = (unsigned char)hf__digit(bits >> 3);
  }
}

/* Reads up to five planes of n values, `width` halves of a digit, into a group. */
static void get_group(const unsigned char *p, size_t n, uint32_t width, uint32_t *group) {
  unsigned char digits[HF__BLOCK] = {0};
  unsigned shift = 0;
  memset(group, 0, HF__BLOCK * sizeof *group);
  for (; n == HF__BLOCK && width >= 4; width -= 4, shift += 2 * HF__DIGIT_BITS, p += 2 * n)
    add_planes(group, p, p + n, shift);
  for (; width >= 2; width -= 2, shift += HF__DIGIT_BITS, p += n) {
    memcpy(digits, p, n);
    add_plane(group, digits, shift);
  }
  if (!width) return;
  split_halves(p, n, digits);
  add_plane(group, digits, shift);
}

/* Reads a column of n values, and what lies after them up to a whole block as nonsense. */
static const char *get_column(const char *p, size_t n, uint32_t width, uint64_t *out) {
  uint32_t group[HF__BLOCK], left = width % HF__WIDTHS;
  const unsigned char *digits = (const unsigned char *)p;
  for (unsigned base = 0; !base || left; base += GROUP_BITS) {
    uint32_t part = left < 2 * GROUP_PLANES ? left : 2 * GROUP_PLANES;
    get_group(digits, n, part, group);
    if (base) add_group(out, group, base);
    if (!base) first_group(out, group);
    digits += hf__column_size(part, n);
    left -= part;
  }
  if (width >= HF__WIDTHS) unzigzag(out);
  return (const char *)digits;
}

/* From whole numbers below HF__SCALED_END, written into the mantissa of 2^52. */
static void from_scaled(const uint64_t *restrict whole, double scale, double *restrict out) {
  uint64_t bits[HF__BLOCK];
  for (size_t i = 0; i < HF__BLOCK; i++) bits[i] = whole[i] | UINT64_C(0x4330000000000000);
  memcpy(out, bits, sizeof bits);
  for (size_t i = 0; i < HF__BLOCK; i++) out[i] = (out[i] - (double)HF__SCALED_END) / scale;
}

/* Makes doubles of n whole numbers or bits; false where one is nothing that we write. */
static bool to_doubles(const uint64_t *whole, size_t n, uint32_t scale, double *out) {
  uint64_t all = 0;
  if (scale == HF__AS_BITS) {
    const uint64_t infinite = UINT64_C(0x7FF0000000000000), minus_zero = UINT64_C(1) << 63;
    for (size_t i = 0; i < n; i++) all |= whole[i] >= infinite && whole[i] != minus_zero;
    memcpy(out, whole, HF__BLOCK * sizeof *out);
    return !all;
  }
  for (size_t i = 0; i < n; i++) all |= whole[i];
  from_scaled(whole, powers[scale], out);
  return all < HF__SCALED_END;
}

static uint64_t larger(uint64_t a, uint64_t b) { return (int64_t)a > (int64_t)b ? a : b; }
static uint64_t smaller(uint64_t a, uint64_t b) { return (int64_t)a < (int64_t)b ? a : b; }

/* Unpacks a block into columns with room for a whole one; false where it is nothing that we write. */
static bool get_block(const block *b, const hf__candle_columns *out) {
  uint64_t open[HF__BLOCK], close[HF__BLOCK], high[HF__BLOCK], low[HF__BLOCK], volume[HF__BLOCK];
  const char *p = get_column(b->columns, b->n, b->widths[0], open);
  p = get_column(p, b->n, b->widths[1], close);
  p = get_column(p, b->n, b->widths[2], high);
  p = get_column(p, b->n, b->widths[3], low);
  get_column(p, b->n, b->widths[4], volume);
  uint64_t before = b->price;
  for (size_t i = 0; i < HF__BLOCK; i++) {
    open[i] += before;
    before = close[i] += open[i];
    high[i] += larger(open[i], close[i]);
    low[i] = smaller(open[i], close[i]) - low[i];
    volume[i] += b->volume;
  }
  bool right = to_doubles(open, b->n, b->price_scale, out->open);
  right &= to_doubles(high, b->n, b->price_scale, out->high);
  right &= to_doubles(low, b->n, b->price_scale, out->low);
  right &= to_doubles(close, b->n, b->price_scale, out->close);
  return to_doubles(volume, b->n, b->volume_scale, out->volume) && right;
}

static hf__candle_columns moved(const hf__candle_columns *c, size_t by) {
  return (hf__candle_columns){c->time + by, c->open + by, c->high + by, c->low + by, c->close + by, c->volume + by};
}

/* Unpacks n candles of a block, from number `from` of it on. */
static bool get_part(const block *b, size_t from, size_t n, hf__candle_columns out) {
  double values[HF__COLUMNS][HF__BLOCK];
  hf__candle_columns found = {NULL, values[0], values[1], values[2], values[3], values[4]};
  if (n == HF__BLOCK) return get_block(b, &out);
  if (!get_block(b, &found)) return false;
  memcpy(out.open, found.open + from, n * sizeof(double));
  memcpy(out.high, found.high + from, n * sizeof(double));
  memcpy(out.low, found.low + from, n * sizeof(double));
  memcpy(out.close, found.close + from, n * sizeof(double));
  memcpy(out.volume, found.volume + from, n * sizeof(double));
  return true;
}

hf_status hf__candles_unpack(const hf__packed_candles *packed, size_t first, size_t end, hf__candle_columns out,
                             hf_error *err) {
  const char *p = packed->blocks;
  block b;
  for (size_t at = 0; at < end; at += HF__BLOCK, p = b.end) {
    size_t left = packed->count - at, n = left < HF__BLOCK ? left : HF__BLOCK;
    if (!open_block(p, packed->end, n, &b)) return corrupt(err, "a block is cut, or is not one");
    if (at + n <= first) continue;
    size_t from = first > at ? first - at : 0, to = end - at < n ? end - at : n;
    if (!get_part(&b, from, to - from, moved(&out, at + from - first)))
      return corrupt(err, "a price or volume is no number");
  }
  if (end == packed->count && p != packed->end) return corrupt(err, "there is something after the candles");
  put_times(packed, first, end, out.time);
  return HF_OK;
}
