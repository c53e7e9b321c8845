/* SPDX-License-Identifier: MIT
 *
 * Numbers as text: printing by Schubfach (Raffaello Giulietti, "The Schubfach way to render doubles"; the
 * arrangement follows Alexander Bolz's Drachennest), parsing by Clinger's fast path and then Eisel and Lemire's
 * ("Number parsing at a gigabyte per second").  Both multiply by the same 128-bit powers of ten, number_table.h.
 *
 * What these cannot decide (more than 19 digits, a hair's breadth from the middle between two doubles) goes to
 * strtod(), as an integer with an exponent: without a decimal point, no locale can change what it means.
 *
 * Decimals are handled as digits * 10^exponent.  Shifting negative ints to the right is meant to round down, as
 * every compiler does it.
 */
#include "base/number.h"

#include <errno.h>
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "base/number_table.h"

enum {
  FRACTION_BITS = 52,
  EXPONENT_BIAS = 1023 + FRACTION_BITS, /* of the value as an integer times 2^q */
  EXPONENT_SPECIAL = 0x7FF,
  DIGITS_MAX = 17 /* that printing gives */
};

#define HIDDEN_BIT (UINT64_C(1) << FRACTION_BITS)

static const uint64_t tens[] = {
    UINT64_C(1),
    UINT64_C(10),
    UINT64_C(100),
    UINT64_C(1000),
    UINT64_C(10000),
    UINT64_C(100000),
    UINT64_C(1000000),
    UINT64_C(10000000),
    UINT64_C(100000000),
    UINT64_C(1000000000),
    UINT64_C(10000000000),
    UINT64_C(100000000000),
    UINT64_C(1000000000000),
    UINT64_C(10000000000000),
    UINT64_C(100000000000000),
    UINT64_C(1000000000000000),
    UINT64_C(10000000000000000),
    UINT64_C(100000000000000000),
};

struct product {
  uint64_t high, low;
};

static struct product multiply(uint64_t a, uint64_t b) {
#if defined(__SIZEOF_INT128__)
  __extension__ typedef unsigned __int128 uint128;
  uint128 product = (uint128)a * b;
  return (struct product){(uint64_t)(product >> 64), (uint64_t)product};
#else
  uint64_t a1 = a >> 32, a0 = a & UINT32_MAX, b1 = b >> 32, b0 = b & UINT32_MAX;
  uint64_t low = a0 * b0, middle = a1 * b0 + (low >> 32), other = a0 * b1 + (middle & UINT32_MAX);
  return (struct product){a1 * b1 + (middle >> 32) + (other >> 32), other << 32 | (low & UINT32_MAX)};
#endif
}

static int leading_zeros(uint64_t x) {
#if defined(__GNUC__)
  return __builtin_clzll(x);
#else
  int n = 0;
  for (; !(x >> 63); x <<= 1) n++;
  return n;
#endif
}

static int trailing_zeros(uint64_t x) {
#if defined(__GNUC__)
  return __builtin_ctzll(x);
#else
  int n = 0;
  for (; !(x & 1); x >>= 1) n++;
  return n;
#endif
}

/* Eight characters, the first one in the lowest byte, from and to memory. */
static uint64_t load_text(const char *p) {
  uint64_t x;
  memcpy(&x, p, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  x = __builtin_bswap64(x);
#endif
  return x;
}

static void store_text(char *p, uint64_t x) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  x = __builtin_bswap64(x);
#endif
  memcpy(p, &x, 8);
}

/* ---------------------------------------------------------------- printing */

struct decimal {
  uint64_t digits; /* fewer than 10^17 */
  int exponent;
};

static int floor_log2_of_power10(int exponent) { return (exponent * 1741647) >> 19; }

/* The high 64 bits of g * x / 2^64, with the lowest bit set when that was not exact. */
static uint64_t round_to_odd(struct power g, uint64_t x) {
  struct product low = multiply(g.low, x), high = multiply(g.high, x);
  uint64_t middle = high.low + low.high;
  high.high += middle < high.low;
  return high.high | (middle > 1);
}

/* The decimal of the fewest digits that reads back as fraction and exponent of a positive finite double, and of those
 * the closest to it.  It may end in zeros. */
static struct decimal shortest(uint64_t fraction, int exponent) {
  uint64_t c = fraction;
  int q = 1 - EXPONENT_BIAS;
  if (exponent != 0) {
    c |= HIDDEN_BIT;
    q = exponent - EXPONENT_BIAS;
    if (q <= 0 && -q <= FRACTION_BITS && (c & ((UINT64_C(1) << -q) - 1)) == 0)
      return (struct decimal){c >> -q, 0}; /* an integer */
  }
  /* The interval of what reads back as this double, times 4; below a power of two it is narrower.  Its ends belong to
   * it if c is even. */
  const bool narrow = fraction == 0 && exponent > 1;
  const uint64_t odd = c & 1;
  const int k = (q * 1262611 - (narrow ? 524031 : 0)) >> 22;
  const int h = q + floor_log2_of_power10(-k) + 1;
  const struct power g = powers_of_ten[-k - POWER_MIN];
  const uint64_t lower = round_to_odd(g, (4 * c - 2 + narrow) << h) + odd;
  const uint64_t value = round_to_odd(g, 4 * c << h);
  const uint64_t upper = round_to_odd(g, (4 * c + 2) << h) - odd;
  const uint64_t s = value / 4;
  if (s >= 10) {
    uint64_t tenth = s / 10;
    bool down = lower <= 40 * tenth, up = 40 * tenth + 40 <= upper;
    if (down != up) return (struct decimal){tenth + up, k + 1};
  }
  bool down = lower <= 4 * s, up = 4 * s + 4 <= upper;
  if (down != up) return (struct decimal){s + up, k};
  uint64_t middle = 4 * s + 2;
  return (struct decimal){s + (value > middle || (value == middle && (s & 1))), k};
}

/* A shorter way for prices and the like, with at most four decimals and 15 digits: no two decimals of 15 digits are
 * one double, so one that reads back as this double is the shortest.  False for other numbers. */
static bool few_decimals(double value, struct decimal *decimal) {
#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD == 0
  if (!(value < 1e11)) return false;
  double scaled = value * 1e4;
  int64_t digits = (int64_t)(scaled + 0.5);
  double difference = scaled - (double)digits, rounding = scaled * DBL_EPSILON;
  /* The division decides; the first comparison spares most other numbers from it. */
  if (difference > rounding || -difference > rounding || (double)digits / 1e4 != value) return false;
  *decimal = (struct decimal){(uint64_t)digits, -4};
  return true;
#else
  (void)value;
  (void)decimal;
  return false;
#endif
}

/* The eight digits of x, one in each byte, the first in the lowest. */
static uint64_t spread_digits(uint32_t x) {
  uint64_t v = x / 10000 | (uint64_t)(x % 10000) << 32;
  uint64_t hundreds = (v * 10486 >> 20) & UINT64_C(0x0000007F0000007F);
  v = hundreds | (v - 100 * hundreds) << 16;
  uint64_t ones = (v * 103 >> 10) & UINT64_C(0x000F000F000F000F);
  return ones | (v - 10 * ones) << 8;
}

size_t hf_number_format(double value, char out[HF_NUMBER_MAX]) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  char *o = out;
  *o = '-';
  o += bits >> 63;
  const int exponent = (int)(bits >> FRACTION_BITS) & EXPONENT_SPECIAL;
  const uint64_t fraction = bits & (HIDDEN_BIT - 1);
  if (bits << 1 == 0) {
    *o++ = '0';
    return (size_t)(o - out);
  }
  if (exponent == EXPONENT_SPECIAL) {
    if (fraction) return 0;
    memcpy(o, "1e999", 5);
    return (size_t)(o - out) + 5;
  }

  /* All digits, with zeros at the end up to 17 of them, and zeros after: longer than what is copied from it. */
  char text[DIGITS_MAX + 24];
  struct decimal decimal;
  if (!few_decimals(value < 0 ? -value : value, &decimal)) decimal = shortest(fraction, exponent);
  int length = (64 - leading_zeros(decimal.digits)) * 1233 >> 12;
  length += decimal.digits >= tens[length];
  const int point = length + decimal.exponent; /* the value is 0.DIGITS * 10^point */
  const uint64_t aligned = decimal.digits * tens[DIGITS_MAX - length];
  const uint64_t rest = aligned % tens[16];
  const uint64_t high = spread_digits((uint32_t)(rest / tens[8])), low = spread_digits((uint32_t)(rest % tens[8]));
  const uint64_t zeros = UINT64_C(0x3030303030303030);
  text[0] = (char)('0' + aligned / tens[16]);
  store_text(text + 1, high | zeros);
  store_text(text + 9, low | zeros);
  memset(text + DIGITS_MAX, '0', 24);
  const int count = low ? 17 - leading_zeros(low) / 8 : high ? 9 - leading_zeros(high) / 8 : 1;

  /* Fixed lengths are copied wherever HF_NUMBER_MAX leaves room, and what is too much is not counted. */
  if (point > 0 && point <= 21) {
    memcpy(o, text, 24);
    if (count <= point) return (size_t)(o - out) + (size_t)point;
    o[point] = '.';
    if (point <= 14)
      memcpy(o + point + 1, text + point, 16);
    else
      memcpy(o + point + 1, text + point, (size_t)(count - point));
    return (size_t)(o - out) + (size_t)count + 1;
  }
  if (point <= 0 && point > -6) {
    memcpy(o, "0.000000", 8);
    memcpy(o + 2 - point, text, DIGITS_MAX);
    return (size_t)(o - out) + (size_t)(2 - point + count);
  }
  *o++ = text[0];
  if (count > 1) {
    *o = '.';
    memcpy(o + 1, text + 1, 16);
    o += count;
  }
  unsigned e = (unsigned)(point > 0 ? point - 1 : 1 - point);
  *o++ = 'e';
  *o++ = point > 0 ? '+' : '-';
  if (e >= 100) *o++ = (char)('0' + e / 100);
  if (e >= 10) *o++ = (char)('0' + e / 10 % 10);
  *o++ = (char)('0' + e % 10);
  return (size_t)(o - out);
}

/* ----------------------------------------------------------------- parsing */

/* Appends the decimal digits at p to `number`, modulo 2^64.  Returns the byte after them. */
static const char *take_digits(const char *p, const char *end, uint64_t *number) {
  uint64_t n = *number;
  while (end - p >= 8) {
    uint64_t x = load_text(p) ^ UINT64_C(0x3030303030303030);
    /* The top bit of each byte that is not a digit, exact up to the first of them. */
    uint64_t others = ((x + UINT64_C(0x7676767676767676)) | x) & UINT64_C(0x8080808080808080);
    int count = others ? trailing_zeros(others) / 8 : 8;
    x = count ? x << (64 - 8 * count) : 0;
    x = x * 10 + (x >> 8);
    x = ((x & UINT64_C(0x000000FF000000FF)) * UINT64_C(0x000F424000000064) +
         (x >> 16 & UINT64_C(0x000000FF000000FF)) * UINT64_C(0x0000271000000001)) >>
        32;
    n = n * tens[count] + x;
    p += count;
    if (count < 8) {
      *number = n;
      return p;
    }
  }
  for (; p < end && (unsigned char)(*p - '0') < 10; p++) n = n * 10 + (unsigned char)(*p - '0');
  *number = n;
  return p;
}

/* Eisel and Lemire: number * 10^exponent as the bits of a double.  False if that is undecided. */
static bool scale(uint64_t number, int64_t exponent, uint64_t *bits) {
  enum { BIASED_MAX = EXPONENT_SPECIAL };
  *bits = 0;
  if (number == 0 || exponent < POWER_MIN) return true;
  if (exponent > 308) {
    *bits = (uint64_t)BIASED_MAX << FRACTION_BITS;
    return true;
  }
  const int q = (int)exponent, shift = leading_zeros(number);
  number <<= shift;
  struct power g = powers_of_ten[q - POWER_MIN];
  /* The method wants powers rounded down, but for those that a double's 53 bits can divide exactly. */
  g.low -= q < -27 || q > 55;
  struct product product = multiply(number, g.high);
  if ((product.high & 0x1FF) == 0x1FF) {
    uint64_t more = multiply(number, g.low).high;
    product.low += more;
    product.high += product.low < more;
    if (product.low == UINT64_MAX && (q < -27 || q > 55)) return false;
  }
  const int top = (int)(product.high >> 63);
  uint64_t fraction = product.high >> (top + 9);
  int power = ((217706 * q) >> 16) + 63 + top - shift + 1023;
  if (power <= 0) { /* subnormal */
    if (1 - power >= 64) return true;
    fraction >>= 1 - power;
    fraction = (fraction + (fraction & 1)) >> 1;
    *bits = fraction; /* 2^52 is the smallest normal number: its exponent is 1, as it should be */
    return true;
  }
  /* In the middle between two doubles: to the even one. */
  if (product.low <= 1 && q >= -4 && q <= 23 && (fraction & 3) == 1 && fraction << (top + 9) == product.high)
    fraction &= ~UINT64_C(1);
  fraction = (fraction + (fraction & 1)) >> 1;
  if (fraction == HIDDEN_BIT << 1) {
    fraction = HIDDEN_BIT;
    power++;
  }
  if (power >= BIASED_MAX)
    *bits = (uint64_t)BIASED_MAX << FRACTION_BITS;
  else
    *bits = (uint64_t)power << FRACTION_BITS | (fraction & (HIDDEN_BIT - 1));
  return true;
}

/* The digits of [p, end), ignoring a point, times 10^exponent.  After 800 significant digits (a point in the middle
 * between two doubles has at most 767) all that counts is whether the rest is zero. */
static double convert_long(const char *p, const char *end, int64_t exponent) {
  enum { KEPT = 800 };
  char text[KEPT + 32];
  size_t size = 0;
  bool more = false;
  for (; p < end; p++) {
    if (*p == '.' || (*p == '0' && size == 0)) continue;
    if (size < KEPT) {
      text[size++] = *p;
    } else {
      more |= *p != '0';
      exponent++;
    }
  }
  if (size == 0) return 0;
  if (more) {
    text[size++] = '1';
    exponent--;
  }
  text[size++] = 'e';
  text[size++] = exponent < 0 ? '-' : '+';
  uint64_t e = (uint64_t)(exponent < 0 ? -exponent : exponent);
  if (e > 9999) e = 9999;
  for (uint64_t unit = 1000; unit > 0; unit /= 10) text[size++] = (char)('0' + e / unit % 10);
  text[size] = '\0';
  int saved = errno;
  double value = strtod(text, NULL);
  errno = saved;
  return value;
}

const char *hf__number_parse(const char *p, const char *end, double *out) {
  const bool negative = p < end && *p == '-';
  p += negative;
  const char *const start = p;
  uint64_t number = 0;
  p = take_digits(p, end, &number);
  ptrdiff_t digits = p - start;
  if (digits == 0 || (*start == '0' && digits > 1)) return NULL;
  int64_t exponent = 0;
  if (p < end && *p == '.') {
    const char *fraction = ++p;
    p = take_digits(p, end, &number);
    if (p == fraction) return NULL;
    exponent = fraction - p;
    digits -= exponent;
  }
  const char *const digits_end = p;
  if (p < end && (*p | 0x20) == 'e') {
    p++;
    const bool minus = p < end && *p == '-';
    if (p < end && (*p == '+' || *p == '-')) p++;
    int64_t e = 0;
    const char *first = p;
    for (; p < end && (unsigned char)(*p - '0') < 10; p++)
      if (e < INT64_MAX / 100) e = e * 10 + (*p - '0');
    if (p == first) return NULL;
    exponent += minus ? -e : e;
  }
  if (digits > 19) /* "0.000...1" has fewer that count */
    for (const char *zero = start; zero < digits_end && (*zero == '0' || *zero == '.'); zero++) digits -= *zero == '0';

  double value;
  uint64_t bits;
  if (digits > 19) {
    value = convert_long(start, digits_end, exponent);
#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD == 0
  } else if (number <= HIDDEN_BIT << 1 && exponent >= -22 && exponent <= 22) {
    /* Clinger: both are exact as doubles, so one operation rounds once. */
    static const double exact[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    value = exponent < 0 ? (double)number / exact[-exponent] : (double)number * exact[exponent];
#endif
  } else if (scale(number, exponent, &bits)) {
    memcpy(&value, &bits, sizeof value);
  } else {
    value = convert_long(start, digits_end, exponent);
  }
  *out = negative ? -value : value;
  return p;
}
