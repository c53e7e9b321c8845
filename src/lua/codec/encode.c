/* SPDX-License-Identifier: MIT
 *
 * Lua values to JSON text.
 *
 * While a table at depth k is written, the stack holds it at base + 2k and the current key at
 * base + 2k + 1; the value above is the next table.  So the path for an error message, and the
 * search for cycles, cost nothing until they are needed: they read the stack.
 *
 * Nothing here allocates in the Lua state except for keys seen for the first time, and
 * that by functions that run no finalizers.
 */
#include "lua/codec/encode.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/json.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define rare __attribute__((noinline, cold))
#define inlined inline __attribute__((always_inline))

#define LUA_TCDATA 10 /* LuaJIT's own; lua.h does not name it */

/* One call. */
typedef struct encoder {
  lua_State *L;
  hfL_codec *codec;
  hf_error *err;
  hf_status status;
  char *out;         /* where the next byte goes */
  const char *limit; /* end of the buffer's memory */
  int base;          /* stack index of the value */
  int keys;          /* stack index of the table that anchors the codec's keys */
} encoder;

/* Room that every step may use without asking: a number, a literal, punctuation, a block of a copied key. */
#define SLACK 128

/* -------------------------------------------------------------------- room */

static rare bool grow(encoder *e, size_t size) {
  hf_buffer *b = &e->codec->buffer;
  size_t used = (size_t)(e->out - b->data);
  b->size = used;
  if (size > PTRDIFF_MAX / 2 || !hf_buffer_reserve(b, used + size)) {
    e->status = hf_error_set(e->err, HF_NO_MEMORY, "out of memory for JSON text of more than %zu bytes", used);
    return false;
  }
  e->out = b->data + used;
  e->limit = b->data + b->capacity;
  return true;
}

static inlined bool room(encoder *e, size_t size) {
  return likely((size_t)(e->limit - e->out) > size) || grow(e, size);
}

/* ------------------------------------------------------------------- paths */

/* Text for an error message that ends in "..." when it does not fit. */
typedef struct label {
  char text[700];
  size_t size;
  bool full;
} label;

static void label_add(label *l, const char *text, size_t size) {
  if (l->full) return;
  if (l->size + size + 4 > sizeof l->text) {
    text = "...";
    size = 3;
    l->full = true;
  }
  memcpy(l->text + l->size, text, size);
  l->size += size;
  l->text[l->size] = '\0';
}

static bool is_name(const char *s, size_t size) {
  for (size_t i = 0; i < size; i++) {
    char c = s[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && (i == 0 || c < '0' || c > '9')) return false;
  }
  return size > 0;
}

/* A string in double quotes; what a terminal or a reader could stumble over as \xHH. */
static void label_quote(label *l, const char *s, size_t size) {
  hf_slice text = {s, size};
  size_t good = hf__utf8_valid_prefix(text);
  label_add(l, "\"", 1);
  for (size_t i = 0; i < size;) {
    unsigned char c = (unsigned char)s[i];
    char piece[8];
    if (c == '"' || c == '\\') {
      piece[0] = '\\';
      piece[1] = (char)c;
      label_add(l, piece, 2);
      i++;
    } else if (c < 0x20 || c == 0x7F || i >= good) {
      label_add(l, piece, (size_t)snprintf(piece, sizeof piece, "\\x%02X", c));
      i++;
    } else {
      size_t n = 1;
      while (i + n < good && ((unsigned char)s[i + n] & 0xC0) == 0x80) n++;
      label_add(l, s + i, n);
      i += n;
    }
  }
  label_add(l, "\"", 1);
}

/* The path to the value in the table at depth `depth` - 1; empty for depth 0, the root. */
static void label_path(encoder *e, label *l, int depth) {
  for (int i = 0; i < depth; i++) {
    int index = e->base + 2 * i + 1;
    if (lua_type(e->L, index) == LUA_TSTRING) {
      size_t size;
      const char *s = lua_tolstring(e->L, index, &size);
      if (is_name(s, size)) {
        if (i) label_add(l, ".", 1);
        label_add(l, s, size);
      } else {
        label_add(l, "[", 1);
        label_quote(l, s, size);
        label_add(l, "]", 1);
      }
    } else {
      char piece[HF_NUMBER_MAX + 2];
      piece[0] = '[';
      size_t n = hf_number_format(lua_tonumber(e->L, index), piece + 1);
      piece[n + 1] = ']';
      label_add(l, piece, n + 2);
    }
  }
}

/* Fails: "cannot store <what> at <path><more>". */
static rare bool refuse(encoder *e, int depth, const char *what, const char *more) {
  label path;
  path.size = 0;
  path.full = false;
  path.text[0] = '\0';
  label_path(e, &path, depth);
  e->status =
      hf_error_set(e->err, HF_INVALID_VALUE, "cannot store %s%s%s%s", what, path.size ? " at " : "", path.text, more);
  return false;
}

/* Deeper than allowed: if a table of the path contains itself, that is why. */
static rare bool refuse_depth(encoder *e, int depth) {
  lua_State *L = e->L;
  /* Tables: base, base + 2, ..., base + 2 * depth, which is the one too deep. */
  for (int j = 1; j <= depth; j++) {
    const void *table = lua_topointer(L, e->base + 2 * j);
    for (int i = 0; i < j; i++) {
      if (lua_topointer(L, e->base + 2 * i) != table) continue;
      label first, more;
      first.size = more.size = 0;
      first.full = more.full = false;
      first.text[0] = '\0';
      label_path(e, &first, i);
      label_add(&more, ": it is the same table as ", 26);
      if (i == 0) label_add(&more, "the whole value", 15);
      label_add(&more, first.text, first.size);
      return refuse(e, j, "a cycle", more.text);
    }
  }
  return refuse(e, depth, "more than 128 nested tables", "");
}

static const char *kind_name(int type) {
  switch (type) {
  case LUA_TNIL: return "nil";
  case LUA_TFUNCTION: return "a function";
  case LUA_TTHREAD: return "a coroutine";
  case LUA_TBOOLEAN: return "a boolean";
  case LUA_TTABLE: return "a table";
  case LUA_TNUMBER: return "a number";
  case LUA_TCDATA: return "cdata";
  default: return "a userdata";
  }
}

static rare bool refuse_kind(encoder *e, int depth, int type) {
  return refuse(e, depth, kind_name(type),
                type == LUA_TCDATA ? " (tonumber() makes a number of a 64-bit integer)" : "");
}

/* ----------------------------------------------------------------- numbers */

/* The eight decimal digits of a number below 10^8, one per byte, the first one in the lowest byte.  Divides all pairs
 * of digits at once: 10486 / 2^20 is 1 / 100 and 103 / 2^10 is 1 / 10, near enough for the numbers that occur. */
static inlined uint64_t digits8(uint32_t v) {
  uint64_t fours = v / 10000 | (uint64_t)(v % 10000) << 32;
  uint64_t hundreds = (fours * 10486 >> 20) & 0x0000007F0000007Fu;
  uint64_t twos = hundreds | (fours - hundreds * 100) << 16;
  uint64_t tens = (twos * 103 >> 10) & 0x000F000F000F000Fu;
  return tens | (twos - tens * 10) << 8;
}

/* Writes the characters of eight digits; the caller says how many of them count. */
static inlined void put_digits(char *out, uint64_t digits) {
  digits |= 0x3030303030303030u;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  digits = __builtin_bswap64(digits);
#endif
  memcpy(out, &digits, 8);
}

static inlined char *put_integer(char *out, uint64_t v) { /* below 10^16 */
  uint32_t low = (uint32_t)v;
  bool large = v >= 100000000;
  if (large) {
    low = (uint32_t)(v % 100000000);
    v /= 100000000;
  }
  uint64_t digits = digits8((uint32_t)v);
  unsigned zeros = (unsigned)__builtin_ctzll(digits | (uint64_t)1 << 56) / 8;
  put_digits(out, digits >> (zeros * 8));
  out += 8 - zeros;
  if (large) {
    put_digits(out, digits8(low));
    out += 8;
  }
  return out;
}

/* A number that is not an integer, if `scale` (a power of ten; scale * rest = 10^8) times it is a whole number of at
 * most 15 digits; NULL if not.  Different decimals of at most 15 digits are different doubles, so one that reads back
 * as v is the shortest that does. */
static inlined char *put_decimal(char *out, double v, uint32_t scale, uint32_t rest) {
  uint64_t digits = (uint64_t)(v * scale + 0.5);
  if (digits >= 1000000000000000 || (double)digits / scale != v) return NULL;
  out = put_integer(out, digits / scale);
  *out = '.';
  uint64_t fraction = digits8((uint32_t)(digits % scale) * rest);
  put_digits(out + 1, fraction);
  return out + 9 - __builtin_clzll(fraction) / 8;
}

static inlined char *put_number(char *out, double v) {
  if (likely(fabs(v) < 1e15)) {
    int64_t whole = (int64_t)v;
    double positive = v;
    if ((double)whole == v) {
      if (unlikely(whole == 0 && signbit(v))) *out++ = '-';
      if (whole < 0) {
        *out++ = '-';
        whole = -whole;
      }
      return put_integer(out, (uint64_t)whole);
    }
    char *start = out, *end;
    if (v < 0) {
      *out++ = '-';
      positive = -v;
    }
    if (positive >= 1e-6) {
      if ((end = put_decimal(out, positive, 100, 1000000))) return end;
      if (positive < 1e11 && (end = put_decimal(out, positive, 10000, 10000))) return end;
      if (positive < 1e7 && (end = put_decimal(out, positive, 100000000, 1))) return end;
    }
    out = start;
  }
  return out + hf_number_format(v, out);
}

/* ----------------------------------------------------------------- strings */

/* A string that needs escapes or has bytes beyond ASCII. */
static rare bool put_string_slow(encoder *e, const char *s, size_t size, int depth, const char *what) {
  hf_slice text = {s, size};
  if (hf__utf8_valid_prefix(text) != size) return refuse(e, depth, what, "");
  if (size > PTRDIFF_MAX / 8) return refuse(e, depth, "a string of that length", "");
  if (!room(e, HF__JSON_QUOTED_MAX(size) + SLACK)) return false;
  e->out = hf__json_quote(e->out, text);
  return true;
}

#define BAD_STRING "a string that is not valid UTF-8"
#define BAD_KEY "a key that is not valid UTF-8"

/* Copies a string while looking for what cannot be copied.  Lua strings end in a 0 after their length, but nothing
 * is known of the memory after that: the last block is read so that it ends with the string. */
static inlined bool put_string(encoder *e, const char *s, size_t size, int depth) {
  if (!room(e, size + SLACK)) return false;
  char *out = e->out;
  *out++ = '"';
#ifdef __SSE2__
  const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), space = _mm_set1_epi8(0x20);
  __m128i bad = _mm_setzero_si128();
/* Signed: bytes above 0x7F are below 0x20 as well. */
#define CHECK(v)                                                                                                       \
  bad = _mm_or_si128(bad, _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)),           \
                                       _mm_cmplt_epi8(v, space)))
  if (size >= 16) {
    size_t i = 0;
    __m128i v;
    for (; i + 16 <= size; i += 16) {
      v = _mm_loadu_si128((const __m128i *)(const void *)(s + i));
      _mm_storeu_si128((__m128i *)(void *)(out + i), v);
      CHECK(v);
    }
    if (i < size) {
      v = _mm_loadu_si128((const __m128i *)(const void *)(s + size - 16));
      _mm_storeu_si128((__m128i *)(void *)(out + size - 16), v);
      CHECK(v);
    }
  } else if (size >= 8) {
    __m128i a = _mm_loadl_epi64((const __m128i *)(const void *)s);
    __m128i b = _mm_loadl_epi64((const __m128i *)(const void *)(s + size - 8));
    _mm_storel_epi64((__m128i *)(void *)out, a);
    _mm_storel_epi64((__m128i *)(void *)(out + size - 8), b);
    __m128i v = _mm_unpacklo_epi64(a, b);
    CHECK(v);
  } else if (size) {
    uint32_t low, high; /* their blocks may overlap */
    if (size >= 4) {
      memcpy(&low, s, 4);
      memcpy(&high, s + size - 4, 4);
      memcpy(out, &low, 4);
      memcpy(out + size - 4, &high, 4);
    } else {
      unsigned char c0 = (unsigned char)s[0], c1 = (unsigned char)s[size / 2], c2 = (unsigned char)s[size - 1];
      low = (uint32_t)(c0 | c1 << 8 | c2 << 16) | 0x61000000u;
      high = 0x61616161u;
      out[0] = (char)c0;
      out[size / 2] = (char)c1;
      out[size - 1] = (char)c2;
    }
    __m128i v = _mm_set_epi32(0x61616161, 0x61616161, (int)high, (int)low);
    CHECK(v);
  }
#undef CHECK
  if (unlikely(_mm_movemask_epi8(bad))) return put_string_slow(e, s, size, depth, BAD_STRING);
#else
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)s[i];
    if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\') return put_string_slow(e, s, size, depth, BAD_STRING);
    out[i] = (char)c;
  }
#endif
  out[size] = '"';
  e->out = out + size + 1;
  return true;
}

/* -------------------------------------------------------------------- keys */

static bool refuse_object_key(encoder *e, int depth);

/* Writes the key at base + 2 * depth + 1, with its colon, and remembers it if it is short. */
static rare bool put_key_slow(encoder *e, int depth, unsigned set, const void *string) {
  lua_State *L = e->L;
  hfL_codec *codec = e->codec;
  size_t size;
  if (lua_type(L, e->base + 2 * depth + 1) != LUA_TSTRING) return refuse_object_key(e, depth);
  const char *s = lua_tolstring(L, e->base + 2 * depth + 1, &size);
  size_t start = (size_t)(e->out - codec->buffer.data);
  if (!put_string_slow(e, s, size, depth, BAD_KEY)) return false;
  *e->out++ = ':';
  size_t quoted = (size_t)(e->out - codec->buffer.data) - start;
  if (string && quoted <= sizeof codec->keys[0][0].text) {
    unsigned way = codec->key_victim++ & 1;
    hfL_key *key = &codec->keys[set][way];
    key->string = codec; /* no string's address, until it is anchored */
    lua_pushvalue(L, e->base + 2 * depth + 1);
    lua_rawseti(L, e->keys, (int)(set * 2 + way + 1));
    memcpy(key->text, codec->buffer.data + start, quoted);
    key->size = (unsigned)quoted;
    key->string = string;
  }
  return room(e, SLACK);
}

/* Writes the key on the stack at base + 2 * depth + 1, with its colon; `string` is its lua_topointer().  That one
 * address tells which remembered string it is, without asking for its type: only a light userdata that C code made
 * of a string object's address could be mistaken for it.  There is SLACK, and still 64 bytes of it afterwards. */
static inlined bool put_key(encoder *e, int depth, const void *string) {
  uintptr_t address = (uintptr_t)string;
  unsigned set = (unsigned)(address >> 4 ^ address >> 13) % HFL_KEY_SETS;
  const hfL_key *key = e->codec->keys[set];
  if (unlikely(key->string != string) && unlikely((++key)->string != string)) {
    return put_key_slow(e, depth, set, string);
  }
  memcpy(e->out, key->text, 16);
  if (key->size > 16) memcpy(e->out + 16, key->text + 16, sizeof key->text - 16);
  e->out += key->size;
  return true;
}

/* ------------------------------------------------------------------ tables */

static bool put_table(encoder *e, int depth);

/* Writes the value on top of the stack, which lies in the table at depth - 1.  Leaves SLACK. */
static inlined bool put_value(encoder *e, int depth) {
  lua_State *L = e->L;
  int type = lua_type(L, -1);
  size_t size;
  const char *s;
  switch (type) {
  case LUA_TSTRING: s = lua_tolstring(L, -1, &size); return put_string(e, s, size, depth) && room(e, SLACK);
  case LUA_TNUMBER: {
    double v = lua_tonumber(L, -1);
    if (unlikely(isnan(v))) return refuse(e, depth, "NaN", "");
    e->out = put_number(e->out, v);
    return room(e, SLACK);
  }
  case LUA_TBOOLEAN:
    if (lua_toboolean(L, -1)) {
      memcpy(e->out, "true", 4);
      e->out += 4;
    } else {
      memcpy(e->out, "false", 5);
      e->out += 5;
    }
    return room(e, SLACK);
  case LUA_TTABLE: return put_table(e, depth);
  case LUA_TLIGHTUSERDATA:
    if (!lua_touserdata(L, -1)) {
      memcpy(e->out, "null", 4);
      e->out += 4;
      return room(e, SLACK);
    }
    break;
  default: break;
  }
  return refuse_kind(e, depth, type);
}

/* What is wrong with the keys of a table that has to be an array; true with *n, the number of items, if
 * nothing is. */
static rare bool check_array(encoder *e, int depth, bool marked, size_t *n) {
  lua_State *L = e->L;
  int table = e->base + 2 * depth;
  size_t count = 0;
  double largest = 0, odd = 0;
  bool strings = false, has_odd = false;
  char what[80];
  lua_settop(L, table);
  lua_pushnil(L);
  while (lua_next(L, table)) {
    int type = lua_type(L, table + 1);
    if (type == LUA_TNUMBER) {
      double k = lua_tonumber(L, table + 1);
      if (k >= 1 && k <= 4503599627370496.0 && floor(k) == k) {
        if (k > largest) largest = k;
      } else {
        has_odd = true;
        odd = k;
      }
      count++;
    } else if (type == LUA_TSTRING) {
      strings = true;
    } else {
      lua_settop(L, table);
      snprintf(what, sizeof what, "%s as a key", kind_name(type));
      return refuse(e, depth, what, "");
    }
    lua_settop(L, table + 1);
  }
  lua_settop(L, table);
  if (strings && marked) return refuse(e, depth, "an array with string keys", "");
  if (strings) return refuse(e, depth, "a table with both string and number keys", "");
  if (has_odd) {
    char number[HF_NUMBER_MAX];
    size_t size = hf_number_format(odd, number);
    snprintf(what, sizeof what, "the number %.*s as a key", (int)size, number);
    return refuse(e, depth, what, "");
  }
  if ((double)count != largest) {
    size_t i = 1;
    for (;; i++) {
      lua_rawgeti(L, table, (int)i);
      bool missing = lua_isnil(L, -1);
      lua_settop(L, table);
      if (missing) break;
    }
    snprintf(what, sizeof what, ": index %zu is missing", i);
    return refuse(e, depth, "a sparse array", what);
  }
  *n = count;
  return true;
}

/* Writes an array whose keys do not come in order, from the start. */
static rare bool put_scattered(encoder *e, int depth, bool marked) {
  lua_State *L = e->L;
  int table = e->base + 2 * depth;
  size_t n;
  if (!check_array(e, depth, marked, &n)) return false;
  for (size_t i = 1; i <= n; i++) {
    *e->out++ = i == 1 ? '[' : ',';
    lua_pushinteger(L, (lua_Integer)i);
    lua_rawgeti(L, table, (int)i);
    if (!put_value(e, depth + 1)) return false;
    lua_settop(L, table);
  }
  *e->out++ = ']';
  return room(e, SLACK);
}

/* Writes a table whose first key, a number, and value are on the stack.  lua_next() hands out the keys 1..n in
 * order when they lie in the table's array part, and then nothing can hide after them. */
static bool put_array(encoder *e, int depth, bool marked) {
  lua_State *L = e->L;
  int table = e->base + 2 * depth;
  size_t start = (size_t)(e->out - e->codec->buffer.data);
  double expected = 1;
  *e->out++ = '[';
  do {
    if (unlikely(lua_type(L, -2) != LUA_TNUMBER || lua_tonumber(L, -2) != expected)) {
      e->out = e->codec->buffer.data + start;
      return put_scattered(e, depth, marked);
    }
    if (!put_value(e, depth + 1)) return false;
    *e->out++ = ',';
    expected += 1;
    lua_settop(L, -2);
  } while (lua_next(L, table));
  e->out[-1] = ']';
  return room(e, SLACK);
}

static rare bool refuse_object_key(encoder *e, int depth) {
  size_t n;
  /* It has a string key and this other one, so it fails. */
  return check_array(e, depth, false, &n) && refuse(e, depth, "a table with both string and number keys", "");
}

/* Writes the table on top of the stack: at base + 2 * depth. */
static bool put_table(encoder *e, int depth) {
  lua_State *L = e->L;
  int table = e->base + 2 * depth;
  bool marked = false;
  if (unlikely(depth >= HF_DEPTH_MAX)) return refuse_depth(e, depth);
  if (!room(e, SLACK)) return false;
  if (unlikely(depth == 4)) luaL_checkstack(L, 2 * HF_DEPTH_MAX, "JSON");
  if (lua_getmetatable(L, -1)) {
    marked = lua_topointer(L, -1) == e->codec->array_mark;
    lua_settop(L, -2);
  }
  lua_pushnil(L);
  if (unlikely(!lua_next(L, table))) {
    memcpy(e->out, marked ? "[]" : "{}", 2);
    e->out += 2;
    return room(e, SLACK);
  }
  if (marked || lua_type(L, -2) == LUA_TNUMBER) {
    return put_array(e, depth, marked);
  }
  *e->out++ = '{';
  do {
    const void *string = lua_topointer(L, -2);
    if (!put_key(e, depth, string) || !put_value(e, depth + 1)) return false;
    *e->out++ = ',';
    lua_settop(L, -2);
  } while (lua_next(L, table));
  e->out[-1] = '}';
  return room(e, SLACK);
}

/* ------------------------------------------------------------------- entry */

/* A buffer that once held something huge does not keep the memory for small texts. */
#define KEEP_CAPACITY ((size_t)1 << 20)

hf_status hfL_json_encode(lua_State *L, int index, hfL_codec *codec, hf_slice *out, hf_error *err) {
  encoder e = {.L = L, .codec = codec, .err = err, .status = HF_OK};
  hf_buffer *buffer = &codec->buffer;
  int top = lua_gettop(L);
  if (unlikely(codec->closed)) return hf_error_set(err, HF_CLOSED, "the Lua state is being closed");
  codec->encodes++;
  luaL_checkstack(L, 20, "JSON");
  lua_pushvalue(L, index);
  lua_rawgeti(L, LUA_REGISTRYINDEX, codec->keys_ref);
  lua_insert(L, -2);
  e.keys = top + 1;
  e.base = top + 2;
  if (unlikely(buffer->capacity > KEEP_CAPACITY && buffer->size < buffer->capacity / 8)) hf_buffer_free(buffer);
  buffer->size = 0;
  e.out = buffer->data;
  e.limit = buffer->data ? buffer->data + buffer->capacity : NULL;
  if (room(&e, SLACK) && put_value(&e, 0)) {
    buffer->size = (size_t)(e.out - buffer->data);
    out->data = buffer->data;
    out->size = buffer->size;
  }
  lua_settop(L, top);
  return e.status;
}
