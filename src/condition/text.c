/* SPDX-License-Identifier: MIT
 *
 * Pieces of JSON text: see text.h.
 */
#include "condition/text.h"

#include "base/json.h"
#include "base/number.h"

hf__string hf__string_slow(const char *first, const char *p, const char *end) {
  hf__string string = {.first = first};
  for (; p < end; p++) {
    if (*p == '"') {
      string.close = p;
      return string;
    }
    if (*p == '\\') {
      string.escaped = true;
      p++;
    }
  }
  return string;
}

/* Up to 18 digits in all, of which the double has each: a whole number that is exact, divided by a power of ten that is
 * exact, is rounded once, as it is when parsed. */
bool hf__number_at(const char *start, const char *end, double *out) {
  static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
  const char *p = start;
  uint64_t digits = 0;
  unsigned digit;
  bool negative = *p == '-';
  p += negative;
  const char *first = p;
  for (; p < end && (digit = (unsigned)(unsigned char)*p - '0') <= 9; p++) digits = digits * 10 + digit;
  ptrdiff_t count = p - first, places = 0;
  if (p < end && *p == '.') {
    const char *fraction = ++p;
    for (; p < end && (digit = (unsigned)(unsigned char)*p - '0') <= 9; p++) digits = digits * 10 + digit;
    places = p - fraction;
  }
  if (count == 0 || count + places > 18 || digits > (uint64_t)HF__WHOLE_MAX || (p < end && (*p | 0x20) == 'e'))
    return hf__number_parse(start, end, out) != NULL;
  double value = (double)(int64_t)digits / tens[places];
  *out = negative ? -value : value;
  return true;
}

/* How many bytes the escape at `p` takes; a pair of surrogates is one. */
static size_t escape_size(const char *p, const char *end) {
  size_t left = (size_t)(end - p);
  if (left < 2 || p[1] != 'u') return left < 2 ? left : 2;
  bool high = left >= 12 && (p[2] | 0x20) == 'd' &&
              (p[3] == '8' || p[3] == '9' || (p[3] | 0x20) == 'a' || (p[3] | 0x20) == 'b');
  size_t size = high ? 12 : 6;
  return size < left ? size : left;
}

bool hf__string_is(const hf__string *string, hf_slice text) {
  const char *p = string->first, *end = string->close;
  if (!string->escaped)
    return (size_t)(end - p) == text.size && (text.size == 0 || memcmp(p, text.data, text.size) == 0);
  const char *t = text.data, *last = t + text.size;
  while (p < end) {
    char plain[12];
    size_t size = *p == '\\' ? escape_size(p, end) : 1;
    char *after = hf__json_unescape(p, p + size, plain);
    if (!after || last - t < after - plain || memcmp(t, plain, (size_t)(after - plain)) != 0) return false;
    t += after - plain;
    p += size;
  }
  return t == last;
}

size_t hf__string_read(hf__string *string, char *out, size_t capacity) {
  const char *p = string->first, *end = string->close;
  size_t size = 0;
  if (!string->escaped) {
    size = (size_t)(end - p) < capacity ? (size_t)(end - p) : capacity;
    if (size) memcpy(out, p, size);
    string->first += size;
    return size;
  }
  while (p < end && capacity - size >= 4) {
    char plain[12];
    size_t piece = *p == '\\' ? escape_size(p, end) : 1;
    const char *after = hf__json_unescape(p, p + piece, plain);
    if (!after) break;
    memcpy(out + size, plain, (size_t)(after - plain));
    size += (size_t)(after - plain);
    p += piece;
  }
  string->first = p;
  return size;
}

/* The byte after the object or array that begins at `p`. */
static const char *skip_container(const char *p, const char *end) {
  size_t depth = 0;
  while (p < end) {
    switch (*p++) {
    case '{':
    case '[': depth++; break;
    case '}':
    case ']':
      if (--depth == 0) return p;
      break;
    case '"': {
      hf__string string = hf__string_at(p, end);
      if (!string.close) return NULL;
      p = string.close + 1;
      break;
    }
    default: break;
    }
  }
  return NULL;
}

const char *hf__skip_value(const char *p, const char *end) {
  if (p >= end) return NULL;
  if (*p == '{' || *p == '[') return skip_container(p, end);
  if (*p == '"') {
    hf__string string = hf__string_at(p + 1, end);
    return string.close ? string.close + 1 : NULL;
  }
  while (p < end && *p != ',' && *p != '}' && *p != ']' && (unsigned char)*p > ' ') p++;
  return p;
}
