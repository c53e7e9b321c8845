/* SPDX-License-Identifier: MIT
 *
 * JSON text: one pass that accepts or refuses it, and quoting.  The check keeps no tree and does not recurse:
 * which brackets are open is one bit each.  Nothing is read at or after the end of the text, which need not be
 * terminated.
 */
#include "base/json.h"

#include <string.h>

#include "base/error.h"
#include "holdfast/backend.h"

#if defined(__SSE2__) && defined(__GNUC__)
#include <emmintrin.h>
#define WITH_SSE2 1
#else
#define WITH_SSE2 0
#endif

/* ------------------------------------------------------------------ bytes */

enum {
  SPACE = 1, /* JSON's white space */
  DIGIT = 2,
  STOP = 4 /* what a string cannot contain as it is, or what needs a look: '"', '\', control, 0x80 and above */
};

static const unsigned char kinds[256] = {
    [' '] = SPACE, ['\t'] = SPACE | STOP, ['\n'] = SPACE | STOP, ['\r'] = SPACE | STOP, ['0'] = DIGIT, ['1'] = DIGIT,
    ['2'] = DIGIT, ['3'] = DIGIT,         ['4'] = DIGIT,         ['5'] = DIGIT,         ['6'] = DIGIT, ['7'] = DIGIT,
    ['8'] = DIGIT, ['9'] = DIGIT,         ['"'] = STOP,          ['\\'] = STOP,
#define STOP4(n) [n] = STOP, [n + 1] = STOP, [n + 2] = STOP, [n + 3] = STOP
#define STOP16(n) STOP4(n), STOP4(n + 4), STOP4(n + 8), STOP4(n + 12)
    STOP4(0x00),   STOP4(0x04),           [0x08] = STOP,         [0x0B] = STOP,         [0x0C] = STOP, [0x0E] = STOP,
    [0x0F] = STOP, STOP16(0x10),          STOP16(0x80),          STOP16(0x90),          STOP16(0xA0),  STOP16(0xB0),
    STOP16(0xC0),  STOP16(0xD0),          STOP16(0xE0),          STOP16(0xF0),
#undef STOP16
#undef STOP4
};

/* The first byte at or after p that is not plain string content, or `end`. */
static const unsigned char *skip_plain(const unsigned char *p, const unsigned char *end) {
#if WITH_SSE2
  while (end - p >= 16) {
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
    /* Compared as signed, 0x80 and above are less than 0x20 too. */
    __m128i stop =
        _mm_or_si128(_mm_cmplt_epi8(x, _mm_set1_epi8(0x20)),
                     _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('"')), _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'))));
    unsigned mask = (unsigned)_mm_movemask_epi8(stop);
    if (mask) return p + __builtin_ctz(mask);
    p += 16;
  }
#endif
  while (p < end && !(kinds[*p] & STOP)) p++;
  return p;
}

static const unsigned char *skip_digits(const unsigned char *p, const unsigned char *end) {
#if WITH_SSE2
  while (end - p >= 16) {
    __m128i value = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)(const void *)p), _mm_set1_epi8('0'));
    __m128i digit = _mm_cmpeq_epi8(_mm_min_epu8(value, _mm_set1_epi8(9)), value);
    unsigned others = (unsigned)_mm_movemask_epi8(digit) ^ 0xFFFF;
    if (others) return p + __builtin_ctz(others);
    p += 16;
  }
#endif
  while (p < end && (kinds[*p] & DIGIT)) p++;
  return p;
}

/* Length of the UTF-8 character of two bytes or more at p, 0 if it is none (RFC 3629, table of section 4). */
static size_t wide_character(const unsigned char *p, const unsigned char *end) {
  size_t room = (size_t)(end - p);
  unsigned a = p[0];
  if (a < 0xC2 || a > 0xF4 || room < 2) return 0;
  unsigned b = p[1];
  if ((b & 0xC0) != 0x80) return 0;
  if (a < 0xE0) return 2;
  if (room < 3 || (p[2] & 0xC0) != 0x80) return 0;
  if (a < 0xF0) return (a == 0xE0 && b < 0xA0) || (a == 0xED && b >= 0xA0) ? 0 : 3;
  if (room < 4 || (p[3] & 0xC0) != 0x80) return 0;
  return (a == 0xF0 && b < 0x90) || (a == 0xF4 && b >= 0x90) ? 0 : 4;
}

size_t hf__utf8_valid_prefix(hf_slice text) {
  const unsigned char *const start = (const unsigned char *)text.data, *p = start;
  const unsigned char *const end = p + text.size;
  while (p < end) {
    uint64_t eight;
    if (end - p >= 8 && (memcpy(&eight, p, 8), (eight & UINT64_C(0x8080808080808080)) == 0)) {
      p += 8;
    } else if (*p < 0x80) {
      p++;
    } else {
      size_t n = wide_character(p, end);
      if (n == 0) break;
      p += n;
    }
  }
  return (size_t)(p - start);
}

enum { DAMAGED_MAX = 1024 };

bool hf__quote_damaged(hf_buffer *json, hf_slice text) {
  char copy[DAMAGED_MAX];
  size_t size = text.size < sizeof copy ? text.size : sizeof copy, good;
  memcpy(copy, text.data, size);
  for (size_t at = 0; (good = hf__utf8_valid_prefix((hf_slice){copy + at, size - at})) < size - at; at += good)
    copy[at + good] = '?';
  return hf_buffer_quote(json, (hf_slice){copy, size});
}

/* --------------------------------------------------------------- checking */

/* Why a text is no JSON. */
struct fault {
  const unsigned char *at;
  const char *what;
};

static const unsigned char *refuse(struct fault *fault, const unsigned char *at, const char *what) {
  fault->at = at;
  fault->what = what;
  return NULL;
}

/* The value of four hexadecimal digits, or -1. */
static int hex4(const unsigned char *p, const unsigned char *end) {
  if (end - p < 4) return -1;
  int value = 0;
  for (int i = 0; i < 4; i++) {
    unsigned c = p[i], letter = (c | 0x20) - 'a';
    if (c - '0' < 10)
      value = value * 16 + (int)(c - '0');
    else if (letter < 6)
      value = value * 16 + (int)letter + 10;
    else
      return -1;
  }
  return value;
}

/* p is after the backslash.  Returns the byte after the escape. */
static const unsigned char *check_escape(const unsigned char *p, const unsigned char *end, struct fault *fault) {
  const unsigned char *const backslash = p - 1;
  if (p == end) return refuse(fault, p, "the text ends inside a string");
  switch (*p) {
  case '"':
  case '\\':
  case '/':
  case 'b':
  case 'f':
  case 'n':
  case 'r':
  case 't': return p + 1;
  case 'u': break;
  default: return refuse(fault, backslash, "a string has an unknown escape");
  }
  int unit = hex4(p + 1, end);
  if (unit < 0) return refuse(fault, backslash, "\\u needs four hexadecimal digits");
  p += 5;
  if (unit < 0xD800 || unit > 0xDFFF) return p;
  if (unit < 0xDC00 && end - p >= 2 && p[0] == '\\' && p[1] == 'u') {
    int low = hex4(p + 2, end);
    if (low >= 0xDC00 && low <= 0xDFFF) return p + 6;
  }
  return refuse(fault, backslash, "a string has a lone surrogate");
}

/* p is after the opening quote.  Returns the byte after the closing one. */
static inline const unsigned char *check_string(const unsigned char *p, const unsigned char *end, struct fault *fault) {
  for (;;) {
    p = skip_plain(p, end);
    if (p == end) return refuse(fault, p, "the text ends inside a string");
    if (*p == '"') return p + 1;
    if (*p == '\\') {
      p = check_escape(p + 1, end, fault);
      if (!p) return NULL;
    } else if (*p < 0x80) {
      return refuse(fault, p, "a string has a control character that is not escaped");
    } else {
      do { /* such characters come in rows */
        size_t n = wide_character(p, end);
        if (n == 0) return refuse(fault, p, "invalid UTF-8");
        p += n;
      } while (p < end && *p >= 0x80);
    }
  }
}

/* p is at the minus or the first digit.  Returns the byte after the number. */
static inline const unsigned char *check_number(const unsigned char *p, const unsigned char *end, struct fault *fault) {
  if (*p == '-') p++;
  if (p < end && *p == '0') {
    p++;
    if (p < end && (kinds[*p] & DIGIT)) return refuse(fault, p - 1, "a number has a leading zero");
  } else {
    const unsigned char *first = p;
    p = skip_digits(p, end);
    if (p == first) {
      if (end - p >= 3 && (memcmp(p, "Inf", 3) == 0 || memcmp(p, "inf", 3) == 0))
        return refuse(fault, first, "JSON has no Infinity; -1e999 reads as it");
      return refuse(fault, p, "expected a digit after '-'");
    }
  }
  if (p < end && *p == '.') {
    const unsigned char *first = ++p;
    p = skip_digits(p, end);
    if (p == first) return refuse(fault, p, "expected a digit after '.'");
  }
  if (p < end && (*p | 0x20) == 'e') {
    p++;
    if (p < end && (*p == '+' || *p == '-')) p++;
    const unsigned char *first = p;
    p = skip_digits(p, end);
    if (p == first) return refuse(fault, p, "expected a digit in the exponent");
  }
  return p;
}

static const unsigned char *skip_space(const unsigned char *p, const unsigned char *end) {
  while (p < end && (kinds[*p] & SPACE)) p++;
  return p;
}

static bool begins(const unsigned char *p, const unsigned char *end, const char *word) {
  size_t n = strlen(word);
  return (size_t)(end - p) >= n && memcmp(p, word, n) == 0;
}

/* Why no value begins at p. */
static const char *no_value(const unsigned char *p, const unsigned char *end) {
  if (p == end) return "the text ends where a value is expected";
  if (begins(p, end, "NaN") || begins(p, end, "nan")) return "JSON has no NaN; null is the usual stand-in";
  if (begins(p, end, "Inf") || begins(p, end, "inf")) return "JSON has no Infinity; 1e999 reads as it";
  if (begins(p, end, "\xEF\xBB\xBF")) return "a byte order mark does not belong to JSON";
  if (*p == '\'') return "strings are quoted by '\"'";
  if (*p == '+') return "a number has no '+' in front";
  if (*p == '.') return "a number needs a digit before '.'";
  if (begins(p, end, "undefined")) return "JSON has no undefined";
  if (*p == ']' || *p == '}' || *p == ',') return "expected a value";
  return "expected a value: '{', '[', '\"', a number, true, false or null";
}

/* The byte after the value and the white space around it, or NULL. */
static const unsigned char *check(const unsigned char *p, const unsigned char *end, struct fault *fault) {
  uint64_t objects[HF_DEPTH_MAX / 64] = {0}; /* bit n: the n-th open bracket is an object's */
  unsigned depth = 0;
  bool object = false; /* the innermost open bracket is one */

value:
  p = skip_space(p, end);
  if (p == end) return refuse(fault, p, no_value(p, end));
  switch (*p) {
  case '"':
    p = check_string(p + 1, end, fault);
    if (!p) return NULL;
    goto after_value;
  case '-':
  case '0':
  case '1':
  case '2':
  case '3':
  case '4':
  case '5':
  case '6':
  case '7':
  case '8':
  case '9':
    p = check_number(p, end, fault);
    if (!p) return NULL;
    goto after_value;
  case 't':
    if (!begins(p, end, "true")) return refuse(fault, p, no_value(p, end));
    p += 4;
    goto after_value;
  case 'f':
    if (!begins(p, end, "false")) return refuse(fault, p, no_value(p, end));
    p += 5;
    goto after_value;
  case 'n':
    if (!begins(p, end, "null")) return refuse(fault, p, no_value(p, end));
    p += 4;
    goto after_value;
  case '[':
  case '{': {
    if (depth == HF_DEPTH_MAX) return refuse(fault, p, "nested too deep");
    uint64_t bit = UINT64_C(1) << (depth % 64), *word = objects + depth / 64;
    object = *p == '{';
    *word = object ? *word | bit : *word & ~bit;
    depth++;
    p = skip_space(p + 1, end);
    if (p < end && *p == (object ? '}' : ']')) goto close;
    if (object) goto key;
    goto value;
  }
  default: return refuse(fault, p, no_value(p, end));
  }

key:
  if (p == end) return refuse(fault, p, "the text ends inside an object");
  if (*p != '"') return refuse(fault, p, "expected a key in '\"'");
  p = check_string(p + 1, end, fault);
  if (!p) return NULL;
  p = skip_space(p, end);
  if (p == end) return refuse(fault, p, "the text ends inside an object");
  if (*p != ':') return refuse(fault, p, "expected ':'");
  p++;
  goto value;

after_value:
  p = skip_space(p, end);
  if (depth == 0) return p;
  if (p == end) return refuse(fault, p, object ? "the text ends inside an object" : "the text ends inside an array");
  if (*p == ',') {
    p++;
    if (!object) goto value;
    p = skip_space(p, end);
    goto key;
  }
  if (*p != (object ? '}' : ']')) return refuse(fault, p, object ? "expected ',' or '}'" : "expected ',' or ']'");

close:
  p++;
  depth--;
  object = depth > 0 && (objects[(depth - 1) / 64] >> ((depth - 1) % 64) & 1);
  goto after_value;
}

hf_status hf_json_validate(hf_slice text, hf_error *err) {
  const unsigned char *start = (const unsigned char *)text.data;
  if (text.size == 0) return hf__fail(err, HF_INVALID_VALUE, "not JSON: the text is empty");
  struct fault fault = {start, ""};
  const unsigned char *end = start + text.size, *p = check(start, end, &fault);
  if (p == end) return HF_OK;
  if (p) refuse(&fault, p, *p == 0 ? "a NUL after the value" : "text after the value");
  return hf__fail(err, HF_INVALID_VALUE, "not JSON at byte %zu: %s", (size_t)(fault.at - start), fault.what);
}

/* ---------------------------------------------------------------- quoting */

char *hf__json_quote(char *out, hf_slice text) {
  static const char hex[] = "0123456789abcdef";
  /* The letters after the backslash; 'u' for a code. */
  static const char letters[] = "uuuuuuuubtnufruuuuuuuuuuuuuuuuuu";
  const unsigned char *p = (const unsigned char *)text.data, *const end = p + text.size;
  *out++ = '"';
  while (p < end) {
#if WITH_SSE2
    if (end - p >= 16) { /* there is room for 16 in `out`, whatever of them are plain */
      __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
      __m128i small = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x1F)), x);
      __m128i stop = _mm_or_si128(
          small, _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('"')), _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'))));
      unsigned mask = (unsigned)_mm_movemask_epi8(stop);
      _mm_storeu_si128((__m128i *)(void *)out, x);
      int plain = mask ? __builtin_ctz(mask) : 16;
      p += plain;
      out += plain;
      if (plain == 16) continue;
    }
#endif
    unsigned char c = *p++;
    if (c >= 0x20) {
      if (c == '"' || c == '\\') *out++ = '\\';
      *out++ = (char)c;
      continue;
    }
    *out++ = '\\';
    *out++ = letters[c];
    if (letters[c] == 'u') {
      memcpy(out, "00", 2);
      out[2] = hex[c >> 4];
      out[3] = hex[c & 15];
      out += 4;
    }
  }
  *out++ = '"';
  return out;
}

bool hf_buffer_quote(hf_buffer *buffer, hf_slice text) {
  if (!hf_buffer_reserve(buffer, buffer->size + HF__JSON_QUOTED_MAX(text.size))) return false;
  char *end = hf__json_quote(buffer->data + buffer->size, text);
  buffer->size = (size_t)(end - buffer->data);
  buffer->data[buffer->size] = '\0';
  return true;
}

/* -------------------------------------------------------------- unescaping */

/* Writes the UTF-8 of a code point; returns the byte after it. */
static char *put_utf8(char *out, int c) {
  if (c < 0x80) {
    *out++ = (char)c;
    return out;
  }
  if (c < 0x800) {
    *out++ = (char)(0xC0 | c >> 6);
  } else {
    if (c < 0x10000) {
      *out++ = (char)(0xE0 | c >> 12);
    } else {
      *out++ = (char)(0xF0 | c >> 18);
      *out++ = (char)(0x80 | (c >> 12 & 0x3F));
    }
    *out++ = (char)(0x80 | (c >> 6 & 0x3F));
  }
  *out++ = (char)(0x80 | (c & 0x3F));
  return out;
}

/* The code point of the \u escape at `p` (its backslash), which may be a surrogate pair; -1: none.  Moves *p after it.
 */
static int take_code_point(const char **p, const char *end) {
  const unsigned char *q = (const unsigned char *)*p, *last = (const unsigned char *)end;
  int c = hex4(q + 2, last);
  *p += 6;
  if (c < 0xD800 || c >= 0xE000) return c;
  int low = c < 0xDC00 && end - *p >= 6 && q[6] == '\\' && q[7] == 'u' ? hex4(q + 8, last) : -1;
  if (low < 0xDC00 || low > 0xDFFF) return -1;
  *p += 6;
  return 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
}

char *hf__json_unescape(const char *p, const char *end, char *out) {
  while (p < end) {
    const char *run = memchr(p, '\\', (size_t)(end - p));
    size_t plain = (size_t)((run ? run : end) - p);
    memcpy(out, p, plain);
    out += plain;
    p += plain;
    if (end - p < 2) return run ? NULL : out;
    char c = p[1];
    if (c == 'u') {
      int point = take_code_point(&p, end);
      if (point < 0) return NULL;
      out = put_utf8(out, point);
      continue;
    }
    switch (c) {
    case '"':
    case '\\':
    case '/': break;
    case 'b': c = '\b'; break;
    case 'f': c = '\f'; break;
    case 'n': c = '\n'; break;
    case 'r': c = '\r'; break;
    case 't': c = '\t'; break;
    default: return NULL;
    }
    *out++ = c;
    p += 2;
  }
  return out;
}
