/* SPDX-License-Identifier: MIT
 *
 * The characters of packed candles.  A digit has six bits: '0' to '[' and ']' to 'p', which JSON writes as they are and
 * which are one range but for the backslash, so that turning them into bits takes no table.
 */
#ifndef HF_CANDLES_DIGITS_H
#define HF_CANDLES_DIGITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  HF__DIGIT_BITS = 6,
  HF__BLOCK = 64,         /* candles in a block; the last one may have fewer */
  HF__COLUMNS = 5,        /* of a block: see README.md */
  HF__NUMBER_DIGITS = 13, /* the most that a number takes */
  HF__SUM_DIGITS = 6,     /* the checksum at the end */
  HF__MOST_DECIMALS = 15, /* scales are 0 to 15 decimals, */
  HF__AS_BITS = 63,       /* or this: the bits of doubles */
  HF__WIDTHS = 23,        /* widths are 0 to 22 halves of a digit; with this added the values are zigzag */
};

/* The first digit of a text. */
#define HF__CANDLES_VERSION 1

/* What the checksum begins with. */
#define HF__CANDLES_SUM_SEED UINT32_MAX

/* Scaled values are below this. */
#define HF__SCALED_END (UINT64_C(1) << 52)

/* The powers of ten that scales divide by. */
#define HF__POWERS_OF_TEN                                                                                              \
  { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15 }

static inline char hf__digit(unsigned bits) { return (char)(bits + '0' + (bits >= '\\' - '0')); }

/* Six bits, whatever the character is. */
static inline uint32_t hf__digit_bits(unsigned char c) { return (uint32_t)(c - '0' - (c > '\\')) & 63; }

/* How many bytes the digits of a column of `n` values take. */
static inline size_t hf__column_size(unsigned width, size_t n) { return width / 2 * n + (width % 2 ? (n + 1) / 2 : 0); }

/* Writes a number, five bits a digit, the lowest first; returns the byte after it. */
static inline char *hf__number_put(char *p, uint64_t value) {
  for (; value >= 32; value >>= 5) *p++ = hf__digit((unsigned)(value & 31) | 32);
  *p++ = hf__digit((unsigned)value);
  return p;
}

/* Reads a number; returns the byte after it, NULL if there is none before `end`. */
static inline const char *hf__number_get(const char *p, const char *end, uint64_t *out) {
  uint64_t value = 0;
  for (unsigned shift = 0; p < end && shift < 64; shift += 5) {
    uint32_t bits = hf__digit_bits((unsigned char)*p++);
    value |= (uint64_t)(bits & 31) << shift;
    if (bits < 32) {
      *out = value;
      return p;
    }
  }
  return NULL;
}

/* Small numbers of either sign as small numbers, and back. */
static inline uint64_t hf__zigzag(uint64_t v) { return v << 1 ^ (v >> 63 ? UINT64_MAX : 0); }
static inline uint64_t hf__unzigzag(uint64_t v) { return v >> 1 ^ (0 - (v & 1)); }

#endif
