/* SPDX-License-Identifier: MIT
 *
 * Pieces of JSON text: going over white space, strings and whole values of a text that
 * is known to be valid.  In one that is not, nothing beyond its end is read.
 */
#ifndef HF_CONDITION_TEXT_H
#define HF_CONDITION_TEXT_H

#include "holdfast/holdfast.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* What lies between two quotes. */
typedef struct hf__string {
  const char *first;
  const char *close; /* the closing quote; NULL: there is none */
  bool escaped;      /* a backslash is in it */
} hf__string;

/* The first byte from `p` on that is no white space; `end` if there is none. */
static inline const char *hf__skip_space(const char *p, const char *end) {
  while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) p++;
  return p;
}

/* The string whose content begins at `first`, where nothing up to `p` is a quote or backslash. */
hf__string hf__string_slow(const char *first, const char *p, const char *end);

/* The string whose content begins at `p`, after its quote. */
static inline hf__string hf__string_at(const char *p, const char *end) {
  const char *first = p;
#ifdef __SSE2__
  const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
  for (; end - p >= 16; p += 16) {
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
    unsigned stops = (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)));
    if (!stops) continue;
    p += __builtin_ctz(stops);
    if (*p == '"') return (hf__string){first, p, false};
    break;
  }
#endif
  return hf__string_slow(first, p, end);
}

/* Reads the number that begins at `p`, as hf__number_parse() does.  False: there is none. */
bool hf__number_at(const char *p, const char *end, double *out);

/* Whether its content, with its escapes replaced, is `text`. */
bool hf__string_is(const hf__string *string, hf_slice text);

/* Writes the next bytes that its content stands for, with escapes replaced, and takes what they were written for from
 * its beginning.  No character of an escape is parted: `capacity` is at least 4, and up to 3 bytes of it may stay free.
 * Returns how many bytes; 0: there is nothing left. */
size_t hf__string_read(hf__string *string, char *out, size_t capacity);

/* The byte after the value that begins at `p`; NULL: it has no end. */
const char *hf__skip_value(const char *p, const char *end);

#endif
