/* SPDX-License-Identifier: MIT
 *
 * Literals of Lua: see literal.h.  Nothing depends on the locale, and no byte at or after the end of the text is read.
 */
#include "condition/literal.h"

#include <math.h>

#include "base/number.h"

enum { NUMERAL_MAX = 1024, EXPONENT_END = 1 << 20 /* LuaJIT takes none from here on */ };

static size_t refuse(hf__fault *fault, size_t at, size_t end, const char *why) {
  *fault = (hf__fault){at, end - at, why};
  return 0;
}

unsigned hf__literal_digit(char c) {
  if (c >= '0' && c <= '9') return (unsigned)(c - '0');
  if (c >= 'a' && c <= 'f') return (unsigned)(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return (unsigned)(c - 'A') + 10;
  return 16;
}

bool hf__literal_is_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (c & 0x80);
}

/* ---- strings */

/* What is being read, and where what it stands for goes. */
struct reader {
  hf_slice text;
  size_t at;
  char *out;
  size_t size;
  const char *why; /* NULL, or what is wrong at `at` */
};

static char peek(const struct reader *r) { return r->at < r->text.size ? r->text.data[r->at] : '\0'; }

static void put(struct reader *r, char c) {
  if (r->out) r->out[r->size] = c;
  r->size++;
}

static bool is_line_end(char c) { return c == '\n' || c == '\r'; }

/* Skips "\n", "\r", "\r\n" or "\n\r", which all stand for one line end. */
static void skip_line_end(struct reader *r) {
  char first = r->text.data[r->at++];
  if (r->at < r->text.size && is_line_end(peek(r)) && peek(r) != first) r->at++;
}

static void put_utf8(struct reader *r, uint32_t code) {
  if (code < 0x80) {
    put(r, (char)code);
    return;
  }
  if (code < 0x800) {
    put(r, (char)(0xC0 | code >> 6));
  } else {
    if (code < 0x10000) {
      put(r, (char)(0xE0 | code >> 12));
    } else {
      put(r, (char)(0xF0 | code >> 18));
      put(r, (char)(0x80 | (code >> 12 & 0x3F)));
    }
    put(r, (char)(0x80 | (code >> 6 & 0x3F)));
  }
  put(r, (char)(0x80 | (code & 0x3F)));
}

/* \x41 */
static void read_hex(struct reader *r) {
  unsigned value = 0;
  for (int i = 0; i < 2; i++) {
    unsigned digit = r->at < r->text.size ? hf__literal_digit(peek(r)) : 16;
    if (digit > 15) {
      r->why = "\\x takes two hexadecimal digits, as in \\x41";
      return;
    }
    value = value << 4 | digit;
    r->at++;
  }
  put(r, (char)value);
}

/* \u{20AC} */
static void read_unicode(struct reader *r) {
  static const char why[] = "\\u takes a character's number in braces, as in \\u{20AC}, up to 10FFFF";
  uint32_t code = 0;
  unsigned digits = 0;
  if (peek(r) == '{')
    for (r->at++; r->at < r->text.size && hf__literal_digit(peek(r)) < 16 && code < 0x110000; r->at++, digits++)
      code = code << 4 | hf__literal_digit(peek(r));
  if (!digits || peek(r) != '}' || code >= 0x110000 || (code >= 0xD800 && code < 0xE000)) {
    r->why = why;
    return;
  }
  r->at++;
  put_utf8(r, code);
}

/* \65 */
static void read_decimal(struct reader *r) {
  unsigned value = 0;
  for (int i = 0; i < 3 && r->at < r->text.size && hf__literal_digit(peek(r)) < 10; i++, r->at++)
    value = value * 10 + hf__literal_digit(peek(r));
  if (value > 255)
    r->why = "\\ and digits give one byte, up to \\255";
  else
    put(r, (char)value);
}

static void skip_space(struct reader *r) {
  while (r->at < r->text.size && (peek(r) == ' ' || (peek(r) >= '\t' && peek(r) <= '\r'))) r->at++;
}

/* What follows a backslash. */
static void read_escape(struct reader *r) {
  static const char letters[] = "abfnrtv\\\"'", meanings[] = "\a\b\f\n\r\t\v\\\"'";
  if (r->at >= r->text.size) return;
  char c = peek(r);
  if (is_line_end(c)) {
    skip_line_end(r);
    put(r, '\n');
    return;
  }
  if (hf__literal_digit(c) < 10) {
    read_decimal(r);
    return;
  }
  r->at++;
  for (size_t i = 0; i < sizeof letters - 1; i++)
    if (letters[i] == c) {
      put(r, meanings[i]);
      return;
    }
  if (c == 'x')
    read_hex(r);
  else if (c == 'u')
    read_unicode(r);
  else if (c == 'z')
    skip_space(r);
  else
    r->why = "Lua has no such escape; a backslash is \\\\";
}

size_t hf__literal_string(hf_slice text, size_t at, char *out, size_t *size, hf__fault *fault) {
  struct reader r = {.text = text, .at = at + 1, .out = out};
  char quote = text.data[at];
  while (r.at < text.size && peek(&r) != quote && !is_line_end(peek(&r))) {
    size_t begin = r.at;
    char c = text.data[r.at++];
    if (c == '\\')
      read_escape(&r);
    else
      put(&r, c);
    if (r.why) return refuse(fault, begin, r.at, r.why);
  }
  if (r.at >= text.size || peek(&r) != quote)
    return refuse(fault, at, r.at, "the string has no end: it lacks its closing quote, or a line ends in it");
  *size = r.size;
  return r.at + 1;
}

/* How many equals signs the bracket has that opens, or closes, at `at`; -1: none does. */
static int bracket_level(hf_slice text, size_t at, char bracket) {
  size_t i = at + 1;
  if (at >= text.size || text.data[at] != bracket) return -1;
  while (i < text.size && text.data[i] == '=') i++;
  return i < text.size && text.data[i] == bracket ? (int)(i - at - 1) : -1;
}

bool hf__literal_is_long(hf_slice text, size_t at) { return bracket_level(text, at, '[') >= 0; }

size_t hf__literal_long(hf_slice text, size_t at, char *out, size_t *size, hf__fault *fault) {
  int level = bracket_level(text, at, '[');
  size_t width = (size_t)level + 2;
  struct reader r = {.text = text, .at = at + width, .out = out};
  if (r.at < text.size && is_line_end(peek(&r))) skip_line_end(&r);
  while (r.at < text.size) {
    char c = peek(&r);
    if (c == ']' && bracket_level(text, r.at, ']') == level) {
      if (size) *size = r.size;
      return r.at + width;
    }
    if (is_line_end(c)) {
      skip_line_end(&r);
      put(&r, '\n');
    } else {
      put(&r, c);
      r.at++;
    }
  }
  return refuse(fault, at, at + width, "the long bracket that opens here is not closed");
}

/* ---- numbers */

/* m * 2^e, correctly rounded. */
static double scaled(uint64_t m, int e) {
  if (!m) return 0;
  int shift = __builtin_clzll(m);
  m <<= shift;
  e -= shift;
  if (e + 63 >= -1022) return ldexp((double)m, e);
  int drop = -1074 - e;
  if (drop > 64) return 0;
  uint64_t kept = drop == 64 ? 0 : m >> drop, rest = drop == 64 ? m : m << (64 - drop);
  uint64_t half = UINT64_C(1) << 63;
  if (rest > half || (rest == half && (kept & 1))) kept++;
  return ldexp((double)kept, -1074);
}

/* An exponent, as in p-4, at p; it may be missing.  Returns where it ends, or NULL. */
static const char *read_exponent(const char *p, const char *end, char letter, int *out) {
  if (p == end || (*p | 0x20) != letter) return p;
  bool negative = ++p < end && *p == '-';
  if (p < end && (*p == '-' || *p == '+')) p++;
  if (p == end) return NULL;
  int value = 0;
  for (; p < end && hf__literal_digit(*p) < 10; p++)
    if (value < EXPONENT_END) value = value * 10 + (int)hf__literal_digit(*p);
  if (value >= EXPONENT_END) return NULL;
  *out += negative ? -value : value;
  return p;
}

/* What follows 0x (4 bits a digit) or 0b (1). */
static bool read_binary(const char *p, const char *end, int bits, double *out) {
  uint64_t m = 0, lost = 0;
  int e = 0;
  bool any = false, point = false;
  for (; p < end; p++) {
    unsigned digit = hf__literal_digit(*p);
    if (*p == '.' && bits == 4 && !point) {
      point = true;
      continue;
    }
    if (digit >= 1U << bits) break;
    any = true;
    if (m >> (64 - bits)) {
      if (bits == 1) return false; /* LuaJIT has no larger ones */
      lost |= digit;
      if (!point) e += bits;
    } else {
      m = m << bits | digit;
      if (point) e -= bits;
    }
  }
  if (bits == 4 && any) p = read_exponent(p, end, 'p', &e);
  if (!any || p != end) return false;
  *out = scaled(m | (lost != 0), e);
  return true;
}

/* Writes the decimal numeral as JSON has it: no zeros before it, and digits around its point. */
static bool read_decimal_number(const char *p, const char *end, double *out) {
  char json[NUMERAL_MAX + 2];
  size_t n = 0;
  bool any = p < end && *p == '0';
  while (p < end && *p == '0') p++;
  if (p == end || hf__literal_digit(*p) > 9) json[n++] = '0';
  for (; p < end && hf__literal_digit(*p) < 10; any = true) json[n++] = *p++;
  if (p < end && *p == '.') {
    size_t point = n;
    for (json[n++] = *p++; p < end && hf__literal_digit(*p) < 10; any = true) json[n++] = *p++;
    if (n == point + 1) n = point;
  }
  int exponent = 0;
  if (!any || read_exponent(p, end, 'e', &exponent) != end) return false;
  while (p < end) json[n++] = *p++;
  return hf__number_parse(json, json + n, out) == json + n;
}

size_t hf__literal_number(hf_slice text, size_t at, double *out, hf__fault *fault) {
  const char *begin = text.data + at, *end = begin;
  const char *const limit = text.data + text.size;
  char second = limit - begin > 1 && *begin == '0' ? (char)(begin[1] | 0x20) : '\0';
  char exponent = second == 'x' ? 'p' : 'e';
  while (end < limit && (hf__literal_is_name_byte(*end) || *end == '.' ||
                         (end > begin && (*end == '-' || *end == '+') && (end[-1] | 0x20) == exponent)))
    end++;
  size_t after = at + (size_t)(end - begin);
  if (end - begin > NUMERAL_MAX) return refuse(fault, at, after, "the number is too long");
  bool right = second == 'x'   ? read_binary(begin + 2, end, 4, out)
               : second == 'b' ? read_binary(begin + 2, end, 1, out)
                               : read_decimal_number(begin, end, out);
  if (!right) return refuse(fault, at, after, "it is no number of Lua, such as 100, 0.5, 1e-3 or 0xff");
  return after;
}
