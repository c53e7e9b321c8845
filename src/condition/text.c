/* SPDX-License-Identifier: MIT
 *
 * Pieces of JSON text: see text.h.
 */
#include "condition/text.h"

#include "base/json.h"

hf__string hf__string_at(const char *p, const char *end) {
  hf__string string = {.first = p};
  const char *quote = p < end ? memchr(p, '"', (size_t)(end - p)) : NULL;
  if (!quote) return string;
  const char *backslash = memchr(p, '\\', (size_t)(quote - p));
  if (!backslash) {
    string.close = quote;
    return string;
  }
  string.escaped = true;
  for (p = backslash; p < end; p++) {
    if (*p == '"') {
      string.close = p;
      return string;
    }
    if (*p == '\\') p++;
  }
  return string;
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
