/* SPDX-License-Identifier: MIT
 *
 * Ids: what is allowed in one, and the sort code that puts them in natural order.
 *
 * The sort code maps an id piece by piece, keeping its order under memcmp:
 *
 *     ASCII symbol     0x01..0x21, in ICU's order
 *     run of digits    its number, without leading zeros:
 *                        1 digit    0x22 + digit
 *                        2..58      0x2A + number of digits, then the digits in pairs
 *                        59..250    0x65, the number of digits, then the digits in pairs
 *                      a pair is one byte, 1 + its value; of an odd number of digits the first stands alone
 *     ASCII letter     0x66..0x7F, whatever its case
 *     byte >= 0x80     itself
 *
 * No piece takes more bytes than it has in the id, and none contains 0x00.  A number with more
 * digits has a greater first byte (or second, after 0x65), so no length is ever compared with a digit.
 *
 * An id is translated in two steps, so that the usual one costs no unpredictable branch per byte: first every byte by
 * table, noting in a bitmap where the digits are; then the runs of two digits and more, which the bitmap gives, are
 * replaced.
 */
#include "core/order.h"

#include "holdfast/backend.h"

#include <string.h>

#include "base/json.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum {
  CODE_DIGIT = 0x22,
  CODE_PAIRS = 0x2A, /* + number of digits */
  CODE_MANY = 0x65,
  PAIRS_MAX = CODE_MANY - 1 - CODE_PAIRS, /* digits */
  BLOCK = 16,
  GUARD = 8, /* bytes before the codes that short_number() may read, and ignores */
  WORDS = (HF_ID_MAX + 63) / 64
};

/* The code of each byte on its own; 0 for the control characters, which no id contains. */
static const unsigned char codes_of_bytes[256] = {
    [' '] = 0x01, ['_'] = 0x02,  ['-'] = 0x03, [','] = 0x04, [';'] = 0x05,  [':'] = 0x06, ['!'] = 0x07, ['?'] = 0x08,
    ['.'] = 0x09, ['\''] = 0x0A, ['"'] = 0x0B, ['('] = 0x0C, [')'] = 0x0D,  ['['] = 0x0E, [']'] = 0x0F, ['{'] = 0x10,
    ['}'] = 0x11, ['@'] = 0x12,  ['*'] = 0x13, ['/'] = 0x14, ['\\'] = 0x15, ['&'] = 0x16, ['#'] = 0x17, ['%'] = 0x18,
    ['`'] = 0x19, ['^'] = 0x1A,  ['+'] = 0x1B, ['<'] = 0x1C, ['='] = 0x1D,  ['>'] = 0x1E, ['|'] = 0x1F, ['~'] = 0x20,
    ['$'] = 0x21,
#define DIGIT(d) ['0' + (d)] = CODE_DIGIT + (d)
    DIGIT(0),     DIGIT(1),      DIGIT(2),     DIGIT(3),     DIGIT(4),      DIGIT(5),     DIGIT(6),     DIGIT(7),
    DIGIT(8),     DIGIT(9),
#undef DIGIT
#define LETTER(n) ['A' + (n)] = 0x66 + (n), ['a' + (n)] = 0x66 + (n)
    LETTER(0),    LETTER(1),     LETTER(2),    LETTER(3),    LETTER(4),     LETTER(5),    LETTER(6),    LETTER(7),
    LETTER(8),    LETTER(9),     LETTER(10),   LETTER(11),   LETTER(12),    LETTER(13),   LETTER(14),   LETTER(15),
    LETTER(16),   LETTER(17),    LETTER(18),   LETTER(19),   LETTER(20),    LETTER(21),   LETTER(22),   LETTER(23),
    LETTER(24),   LETTER(25),
#undef LETTER
#define SELF4(n) [n] = n, [n + 1] = n + 1, [n + 2] = n + 2, [n + 3] = n + 3
#define SELF16(n) SELF4(n), SELF4(n + 4), SELF4(n + 8), SELF4(n + 12)
    SELF16(0x80), SELF16(0x90),  SELF16(0xA0), SELF16(0xB0), SELF16(0xC0),  SELF16(0xD0), SELF16(0xE0), SELF16(0xF0),
#undef SELF16
#undef SELF4
};

/* An id after the first step. */
struct pieces {
  uint64_t digits[WORDS + 1];                      /* bit i: byte i is a digit; the last word is 0 */
  unsigned char codes[GUARD + WORDS * 64 + BLOCK]; /* copied in whole blocks from anywhere */
  bool ascii;                                      /* only U+0020..U+007E */
};

static void take_block(struct pieces *pieces, const unsigned char *bytes, size_t at) {
  unsigned char *codes = pieces->codes + GUARD + at;
#if defined(__SSE2__)
  __m128i x = _mm_loadu_si128((const __m128i *)(const void *)bytes);
  __m128i value = _mm_sub_epi8(x, _mm_set1_epi8('0'));
  __m128i digit = _mm_cmpeq_epi8(_mm_min_epu8(value, _mm_set1_epi8(9)), value);
  /* Compared as signed, 0x80 and above are less than 0x20 too. */
  __m128i odd = _mm_or_si128(_mm_cmplt_epi8(x, _mm_set1_epi8(0x20)), _mm_cmpeq_epi8(x, _mm_set1_epi8(0x7F)));
  uint64_t mask = (uint64_t)(unsigned)_mm_movemask_epi8(digit);
  pieces->ascii &= _mm_movemask_epi8(odd) == 0;
  for (int i = 0; i < BLOCK; i++) codes[i] = codes_of_bytes[bytes[i]];
#else
  uint64_t mask = 0;
  for (int i = 0; i < BLOCK; i++) {
    unsigned char code = codes_of_bytes[bytes[i]];
    codes[i] = code;
    mask |= (uint64_t)((unsigned)code - CODE_DIGIT < 10u) << i;
    pieces->ascii &= (unsigned)code - 1 < 0x7Fu;
  }
#endif
  pieces->digits[at / 64] |= mask << (at % 64);
}

static void take_apart(struct pieces *pieces, const unsigned char *id, size_t size) {
  memset(pieces->digits, 0, sizeof pieces->digits);
  memset(pieces->codes, 0, GUARD);
  pieces->ascii = true;
  size_t at = 0;
  for (; size - at >= BLOCK; at += BLOCK) take_block(pieces, id + at, at);
  if (at < size) {
    unsigned char last[BLOCK];
    memset(last, ' ', BLOCK);
    memcpy(last, id + at, size - at);
    take_block(pieces, last, at);
  }
}

static unsigned first_bit(uint64_t bits) {
#if defined(__GNUC__)
  return (unsigned)__builtin_ctzll(bits);
#else
  unsigned n = 0;
  while (!(bits >> n & 1)) n++;
  return n;
#endif
}

/* The code of the run of digits [run, end), which are codes themselves.  Returns the byte after it. */
static unsigned char *long_number(unsigned char *out, const unsigned char *run, const unsigned char *end) {
  while (end - run > 1 && *run == CODE_DIGIT) run++;
  size_t n = (size_t)(end - run);
  if (n == 1) {
    *out++ = *run;
    return out;
  }
  if (n <= PAIRS_MAX) {
    *out++ = (unsigned char)(CODE_PAIRS + n);
  } else {
    *out++ = CODE_MANY;
    *out++ = (unsigned char)n;
  }
  if (n % 2) *out++ = (unsigned char)(*run++ - CODE_DIGIT + 1);
  for (; run < end; run += 2) *out++ = (unsigned char)((run[0] - CODE_DIGIT) * 10 + run[1] - CODE_DIGIT + 1);
  return out;
}

/* The same for at most 8 digits, in one machine word and without branches.  Reads 8 bytes before `end`, writes 5. */
static unsigned char *short_number(unsigned char *out, const unsigned char *run, const unsigned char *end) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  unsigned missing = 64 - 8 * (unsigned)(end - run);
  uint64_t digits;
  memcpy(&digits, end - 8, 8);
  digits = ((digits >> missing) - (UINT64_C(0x2222222222222222) >> missing)) << missing;
  /* The lowest byte that is not 0 holds the first digit; bit 63 is free, and stands for the last one of "000". */
  unsigned n = 8 - first_bit(digits | UINT64_C(1) << 63) / 8;
  uint64_t pairs = (digits * 10 + (digits >> 8)) & UINT64_C(0x00FF00FF00FF00FF);
  pairs = (pairs | pairs >> 8) & UINT64_C(0x0000FFFF0000FFFF);
  unsigned count = (n + 1) / 2;
  uint32_t bytes = ((uint32_t)(pairs | pairs >> 16) + UINT32_C(0x01010101)) >> (32 - 8 * count);
  memcpy(out + 1, &bytes, 4);
  out[0] = n == 1 ? end[-1] : (unsigned char)(CODE_PAIRS + n);
  return out + (n == 1 ? 1 : 1 + count);
#else
  return long_number(out, run, end);
#endif
}

/* The second step.  Returns the length of the sort code; may write some bytes more, within HF__ORDER_KEY_MAX. */
static size_t put_together(unsigned char *const out, const struct pieces *pieces, size_t size) {
  const unsigned char *codes = pieces->codes + GUARD;
  unsigned char *o = out;
  size_t at = 0;
  const size_t words = (size + 63) / 64;
  for (size_t word = 0; word < words; word++) {
    const uint64_t *digits = pieces->digits + word;
    /* Digits that a digit follows, from the end of the last run on. */
    uint64_t runs = digits[0] & (digits[0] >> 1 | digits[1] << 63);
    if (at >= (word + 1) * 64) continue;
    if (at > word * 64) runs &= ~UINT64_C(0) << (at - word * 64);
    while (runs) {
      unsigned bit = first_bit(runs);
      size_t start = word * 64 + bit;
      uint64_t others = ~digits[0] >> bit << bit;
      size_t w = word;
      while (others == 0) others = ~pieces->digits[++w]; /* ends in the last word, which is 0 */
      size_t end = w * 64 + first_bit(others);
      memcpy(o, codes + at, BLOCK); /* nearly always all of it */
      for (size_t i = at + BLOCK; i < start; i += BLOCK) memcpy(o + (i - at), codes + i, BLOCK);
      o += start - at;
      o = end - start <= 8 ? short_number(o, codes + start, codes + end) : long_number(o, codes + start, codes + end);
      at = end;
      if (end >= (word + 1) * 64) break;
      runs &= ~UINT64_C(0) << (end - word * 64);
    }
  }
  for (size_t i = at; i < size; i += BLOCK) memcpy(o + (i - at), codes + i, BLOCK);
  return (size_t)(o - out) + (size - at);
}

/* Finds the first byte that an id must not contain, if there is one. */
static hf__id_problem check(hf_slice id, size_t *bad_byte) {
  const unsigned char *bytes = (const unsigned char *)id.data;
  const size_t valid = hf__utf8_valid_prefix(id);
  size_t at = 0;
  while (at < valid && bytes[at] >= 0x20 && bytes[at] != 0x7F && !(bytes[at] == 0xC2 && bytes[at + 1] < 0xA0)) at++;
  if (at == id.size) return HF__ID_OK;
  if (bad_byte) *bad_byte = at;
  return at < valid ? HF__ID_CONTROL : HF__ID_UTF8;
}

hf__id_problem hf__order_key(hf_slice id, unsigned char *out, size_t *size, size_t *bad_byte) {
  if (id.size - 1 >= HF_ID_MAX) {
    if (bad_byte) *bad_byte = id.size ? HF_ID_MAX : 0;
    return id.size ? HF__ID_TOO_LONG : HF__ID_EMPTY;
  }
  const unsigned char *bytes = (const unsigned char *)id.data;
  struct pieces pieces;
  take_apart(&pieces, bytes, id.size);
  if (!pieces.ascii) {
    hf__id_problem problem = check(id, bad_byte);
    if (problem) return problem;
  }
  size_t n = put_together(out, &pieces, id.size);
  out[n] = 0;
  memcpy(out + n + 1, bytes, id.size);
  *size = n + 1 + id.size;
  return HF__ID_OK;
}

hf_slice hf__order_key_id(hf_slice key) {
  const hf_slice none = {NULL, 0};
  const char *zero = key.size ? memchr(key.data, 0, key.size) : NULL;
  if (!zero) return none;
  size_t code = (size_t)(zero - key.data);
  hf_slice id = {zero + 1, key.size - code - 1};
  return code == 0 || code > id.size || id.size > HF_ID_MAX ? none : id;
}

size_t hf__order_prefix(hf_slice prefix, unsigned char *out) {
  size_t size = prefix.size;
  /* Digits at the end may be the beginning of any greater number. */
  while (size > 0 && prefix.data[size - 1] >= '0' && prefix.data[size - 1] <= '9') size--;
  if (size == 0 || size > HF_ID_MAX) return 0;
  struct pieces pieces;
  unsigned char code[HF__ORDER_KEY_MAX];
  take_apart(&pieces, (const unsigned char *)prefix.data, size);
  size_t n = put_together(code, &pieces, size);
  memcpy(out, code, n);
  return n;
}

size_t hf_order_key(hf_slice id, unsigned char out[HF_ORDER_KEY_MAX]) {
  size_t size;
  return hf__order_key(id, out, &size, NULL) == HF__ID_OK ? size : 0;
}
