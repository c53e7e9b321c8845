/* SPDX-License-Identifier: MIT
 *
 * JSON text to Lua values: one pass over the text that leaves the values on the Lua
 * stack.
 *
 * Shapes.  Entities of one type have the same keys in the same order, so the
 * decoder learns them.  A shape is a node of a tree: the sequence of keys from the
 * root to it.  While an object is read its values pile up on the Lua stack and
 * the decoder walks down the tree, comparing the text with the key that
 * followed here the last time.  At the closing brace a Lua function generated for
 * this shape, `function(a, b) return {x = a, y = b} end`, makes the table
 * from the pile: LuaJIT copies a table that has all keys in place, where setting
 * field by field over the C API would search, insert and rehash for each.
 *
 * What does not fit (too many keys, keys too long or with escapes, more variety than the
 * tree has room for) is set field by field.  Both ways give equal tables.
 *
 * Shapes are userdata, anchored in a table that stays on the stack during the call, so a
 * finalizer that resets the codec in between takes nothing away.
 */
#include "lua/codec/decode.h"

#include <lauxlib.h>
#include <luajit.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/json.h"
#include "base/number.h"
#include "lua/codec/mark.h"
#include "lua/codec/pause.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define rare __attribute__((noinline, cold))
#define inlined inline __attribute__((always_inline))

/* ------------------------------------------------------------------ shapes */

/* A shape's anchors: the slots 3n+1.. of the anchor table. */
enum { SLOT_KEY = 1, SLOT_SELF, SLOT_MAKE, SLOTS };

#define SHAPE_KEYS 48      /* keys in an object with a shape */
#define SHAPE_DEPTH 16     /* levels of nesting with shapes; bounds the use of the Lua stack */
#define SHAPES_MAX 2048    /* in one tree */
#define ROOT_CHILDREN 48   /* different first keys */
#define CHILDREN 8         /* different keys after the same keys */
#define MAKE_AFTER 6       /* objects of a shape before its constructor is generated */
#define FORGET_AFTER 50000 /* objects without room for their shape before learning begins again */

#define KEY_TEXT 48 /* HFL_KEY_MAX and quotes, padded to blocks of 16 */

typedef struct hfL_shape shape;

struct hfL_shape {
  char text[KEY_TEXT]; /* the last key, quoted; 0 after it */
  unsigned char size;  /* bytes of text that count */
  unsigned char keys;  /* how many keys from the root to here */
  unsigned char children;
  signed char make; /* 1: has its constructor, -1: cannot have one */
  unsigned seen;    /* objects that ended here without a constructor */
  int number;       /* its place in the anchor table: SLOTS - 1 slots from number * (SLOTS - 1) + 1 */
  shape *parent;
  shape *child; /* what followed here most recently; the others are its siblings */
  shape *sibling;
  shape *inner; /* the first shape of the last object that was the value of this key */
};

static inline int slot(const shape *s, int which) { return s->number * (SLOTS - 1) + which; }

/* Makes the userdata and the key on top of the stack (key below) a shape after `parent`, and pops both. */
static shape *shape_place(lua_State *L, hfL_codec *codec, int anchor, shape *parent, const char *text, size_t size) {
  shape *s = lua_touserdata(L, -1);
  memset(s, 0, sizeof *s);
  if (size) memcpy(s->text, text, size);
  s->size = (unsigned char)size;
  s->number = codec->shape_count;
  lua_rawseti(L, anchor, slot(s, SLOT_SELF));
  lua_rawseti(L, anchor, slot(s, SLOT_KEY));
  codec->shape_count++;
  if (parent) {
    s->keys = (unsigned char)(parent->keys + 1);
    s->parent = parent;
    s->sibling = parent->child;
    parent->child = s;
    parent->children++;
  }
  return s;
}

void hfL_shapes_reset(lua_State *L, hfL_codec *codec) {
  luaL_checkstack(L, 8, "JSON");
  lua_createtable(L, 64, 0);
  hfL_json_push_array_mark(L); /* in the slot of the root's key: the root has none */
  lua_newuserdata(L, sizeof(shape));
  codec->shape_count = 0;
  codec->unlearned = 0;
  codec->root = shape_place(L, codec, lua_gettop(L) - 2, NULL, NULL, 0);
  if (codec->shapes_ref == LUA_NOREF) {
    codec->shapes_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  } else {
    lua_rawseti(L, LUA_REGISTRYINDEX, codec->shapes_ref);
  }
}

/* Generates the constructor of a shape.  Keys are written as \ddd escapes, whatever they hold. */
static rare void shape_compile(lua_State *L, int anchor, shape *s) {
  luaL_Buffer code;
  const shape *key[SHAPE_KEYS];
  char piece[16];
  int n = s->keys, i;
  const shape *k = s;
  for (i = n; i-- > 0; k = k->parent) key[i] = k;
  s->make = -1;
  luaL_buffinit(L, &code);
  luaL_addstring(&code, "return function(");
  for (i = 0; i < n; i++) {
    lua_pushfstring(L, i ? ",a%d" : "a%d", i);
    luaL_addvalue(&code);
  }
  luaL_addstring(&code, ") return {");
  for (i = 0; i < n; i++) {
    size_t size;
    luaL_addstring(&code, "[\"");
    lua_rawgeti(L, anchor, slot(key[i], SLOT_KEY));
    const unsigned char *bytes = (const unsigned char *)lua_tolstring(L, -1, &size);
    lua_pop(L, 1); /* stays anchored */
    for (size_t j = 0; j < size; j++) {
      piece[0] = '\\';
      piece[1] = (char)('0' + bytes[j] / 100);
      piece[2] = (char)('0' + bytes[j] / 10 % 10);
      piece[3] = (char)('0' + bytes[j] % 10);
      luaL_addlstring(&code, piece, 4);
    }
    lua_pushfstring(L, "\"]=a%d,", i);
    luaL_addvalue(&code);
  }
  luaL_addstring(&code, "} end");
  luaL_pushresult(&code);
  size_t size;
  const char *text = lua_tolstring(L, -1, &size);
  if (luaL_loadbuffer(L, text, size, "=[holdfast json]") == 0) {
    lua_call(L, 0, 1);
    /* Compiled traces would specialise on the types of the values, and those vary. */
    luaJIT_setmode(L, -1, LUAJIT_MODE_FUNC | LUAJIT_MODE_OFF);
    lua_rawseti(L, anchor, slot(s, SLOT_MAKE));
    s->make = 1;
  } else {
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* ----------------------------------------------------------------- decoder */

/* One call.  Positions in the Lua stack are passed along as `top`: how many values lie below the one
 * that is being made. */
typedef struct decoder {
  lua_State *L;
  hfL_codec *codec;
  const char *text;
  const char *end;
  int anchor;   /* stack index of the shapes' anchor table */
  int limit;    /* stack slots that are ensured */
  int depth;    /* arrays and objects around the current value */
  bool trusted; /* UTF-8 was verified earlier */
  shape *root;  /* of this call's tree */
} decoder;

#define STACK_CHUNK 128

/* Ensures room on the Lua stack for `n` values above `top`. */
static inlined void need_stack(decoder *d, int top, int n) {
  if (unlikely(top + n > d->limit)) {
    luaL_checkstack(d->L, n + STACK_CHUNK, "JSON");
    d->limit = top + n + STACK_CHUNK;
  }
}

static rare const char *skip_space_slow(const char *p, const char *end) {
  while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) p++;
  return p;
}

static inlined const char *skip_space(const char *p, const char *end) {
  return likely(p < end && (unsigned char)*p > ' ') ? p : skip_space_slow(p, end);
}

/* ----------------------------------------------------------------- strings */

/* Pushes a string with escapes.  The result is never longer than its source.  It is not built in the codec: making
 * the Lua string may run finalizers before the bytes are copied. */
static rare bool push_escaped(decoder *d, const char *p, const char *end) {
  char small[512];
  char *out = small, *last;
  size_t size = (size_t)(end - p);
  if (size > sizeof small) out = lua_newuserdata(d->L, size);
  last = hf__json_unescape(p, end, out);
  if (!last) return false;
  lua_pushlstring(d->L, out, (size_t)(last - out));
  if (out != small) lua_replace(d->L, -2);
  return true;
}

/* What lies between two quotes. */
typedef struct span {
  const char *close; /* the closing quote; NULL: failed */
  bool escaped;
  bool ascii;
} span;

/* Goes on from `p` byte by byte. */
static span scan_string_slow(decoder *d, const char *p, bool ascii, bool escaped) {
  const char *end = d->end;
  for (; p < end; p++) {
    unsigned char c = (unsigned char)*p;
    if (c == '"') return (span){p, escaped, ascii};
    if (c < 0x20) break;
    if (c >= 0x80) ascii = false;
    if (c == '\\') {
      escaped = true;
      p++; /* judged by hf__json_unescape() */
    }
  }
  return (span){NULL, false, false};
}

/* Finds the end of the string whose content begins at `p`. */
static inlined span scan_string(decoder *d, const char *p) {
#ifdef __SSE2__
  const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1F);
  unsigned high = 0;
  while (likely(d->end - p >= 16)) {
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i stop = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)),
                                _mm_cmpeq_epi8(_mm_min_epu8(v, control), v));
    unsigned mask = (unsigned)_mm_movemask_epi8(stop);
    unsigned top = (unsigned)_mm_movemask_epi8(v);
    if (mask) {
      unsigned n = (unsigned)__builtin_ctz(mask);
      high |= top & ((1u << n) - 1);
      if (likely(p[n] == '"')) return (span){p + n, false, high == 0};
      return scan_string_slow(d, p + n, high == 0, false);
    }
    high |= top;
    p += 16;
  }
  return scan_string_slow(d, p, high == 0, false);
#else
  return scan_string_slow(d, p, true, false);
#endif
}

static rare bool is_utf8(const char *p, const char *end) {
  hf_slice text = {p, (size_t)(end - p)};
  return hf__utf8_valid_prefix(text) == text.size;
}

static rare bool check_utf8(const decoder *d, const char *p, const char *end) { return d->trusted || is_utf8(p, end); }

/* Pushes the string whose content begins at `p`; returns the byte after its closing quote. */
static inlined const char *push_string(decoder *d, const char *p) {
  span s = scan_string(d, p);
  if (unlikely(!s.close)) return NULL;
  if (unlikely(!s.ascii) && !check_utf8(d, p, s.close)) return NULL;
  if (unlikely(s.escaped)) {
    if (!push_escaped(d, p, s.close)) return NULL;
  } else {
    lua_pushlstring(d->L, p, (size_t)(s.close - p));
  }
  return s.close + 1;
}

/* ----------------------------------------------------------------- numbers */

static const double power_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                      1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static rare const char *push_number_slow(decoder *d, const char *p) {
  double value;
  const char *next = hf__number_parse(p, d->end, &value);
  if (!next) return NULL;
  lua_pushnumber(d->L, value);
  return next;
}

/* Reads the digits at `p` on after those of *digits, eight at a time: how many a number has is not to be guessed, as it
 * is with a loop.  Returns the byte after them. */
static inlined const char *take_digits(const char *p, const char *end, uint64_t *digits) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  static const uint64_t power[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
  const uint64_t ones = 0x0101010101010101;
  while (likely(end - p >= 8)) {
    uint64_t eight;
    memcpy(&eight, p, 8);
    eight ^= '0' * ones;
    uint64_t others = (((eight & 0x7F * ones) + 0x76 * ones) | eight) & 0x80 * ones; /* bytes above 9 */
    unsigned n = others ? (unsigned)__builtin_ctzll(others) / 8 : 8;
    if (n == 0) return p;
    eight <<= 8 * (8 - n); /* zeros in front */
    eight = eight * 10 + (eight >> 8);
    eight = ((eight & 0xFF000000FF) * 0xF424000000064 + (eight >> 16 & 0xFF000000FF) * 0x271000000001) >> 32;
    *digits = *digits * power[n] + eight;
    p += n;
    if (n < 8) return p;
  }
#endif
  for (unsigned c; p < end && (c = (unsigned)(unsigned char)*p - '0') <= 9; p++) *digits = *digits * 10 + c;
  return p;
}

/* Integers of up to 18 digits, and decimals whose digits fit 53 bits: an exact integer divided by an exact power of
 * ten is rounded once, so it is correct.  The rest goes to hf__number_parse(). */
static inlined const char *push_number(decoder *d, const char *start) {
  const char *p = start, *end = d->end;
  bool negative = *p == '-';
  uint64_t digits = 0;
  p += negative;
  const char *first = p;
  p = take_digits(p, end, &digits);
  ptrdiff_t count = p - first;
  if (unlikely(count == 0 || count > 18 || (*first == '0' && count > 1))) return push_number_slow(d, start);
  double value;
  if (p < end && *p == '.') {
    const char *fraction = ++p;
    p = take_digits(p, end, &digits);
    ptrdiff_t places = p - fraction;
    if (unlikely(places == 0 || count + places > 18 || digits > (uint64_t)HF__WHOLE_MAX))
      return push_number_slow(d, start);
    value = (double)(int64_t)digits / power_of_ten[places];
  } else {
    value = (double)(int64_t)digits;
  }
  if (unlikely(p < end && (*p | 0x20) == 'e')) return push_number_slow(d, start);
  lua_pushnumber(d->L, negative ? -value : value);
  return p;
}

/* ------------------------------------------------------------------ values */

static const char *push_object(decoder *d, const char *p, int top, shape *key);
static const char *push_array(decoder *d, const char *p, int top, shape *key);

static inlined bool literal(const char *p, const char *end, const char *word, size_t size) {
  return (size_t)(end - p) >= size && memcmp(p, word, size) == 0;
}

/* Pushes the value at `p`; `key` is the shape that ends in the key it stands under, or the one around it. */
static inlined const char *push_value(decoder *d, const char *p, int top, shape *key) {
  p = skip_space(p, d->end);
  if (unlikely(p >= d->end)) return NULL;
  switch (*p) {
  case '"': return push_string(d, p + 1);
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
  case '-': return push_number(d, p);
  case '{': return push_object(d, p + 1, top, key);
  case '[': return push_array(d, p + 1, top, key);
  case 't':
    if (unlikely(!literal(p, d->end, "true", 4))) break;
    lua_pushboolean(d->L, 1);
    return p + 4;
  case 'f':
    if (unlikely(!literal(p, d->end, "false", 5))) break;
    lua_pushboolean(d->L, 0);
    return p + 5;
  case 'n':
    if (unlikely(!literal(p, d->end, "null", 4))) break;
    hfL_json_push_null(d->L);
    return p + 4;
  default: break;
  }
  return NULL;
}

/* Items wait on the stack until their number is known, so that the table has the right size at once; more than
 * this many go into the table as they come. */
#define PILE 32

static const char *push_array(decoder *d, const char *p, int top, shape *key) {
  lua_State *L = d->L;
  int n = 0;     /* items so far */
  int piled = 0; /* of them on the stack */
  bool table = false;
  if (unlikely(++d->depth > HF_DEPTH_MAX)) return NULL;
  /* Deep down pile less, so that the stack needed stays bounded. */
  int pile = d->depth <= SHAPE_DEPTH ? PILE : 4;
  need_stack(d, top, pile + 6);
  p = skip_space(p, d->end);
  if (p < d->end && *p == ']') {
    p++;
    lua_createtable(L, 0, 0);
  } else {
    lua_pushnil(L); /* the table's place, at top + 1 */
    for (;;) {
      p = push_value(d, p, top + 1 + piled, key);
      if (unlikely(!p)) return NULL;
      n++;
      if (table) {
        lua_rawseti(L, top + 1, n);
      } else if (unlikely(++piled == pile)) {
        lua_createtable(L, pile * 2, 0);
        lua_replace(L, top + 1);
        table = true;
        for (; piled > 0; piled--) lua_rawseti(L, top + 1, piled);
      }
      p = skip_space(p, d->end);
      if (unlikely(p >= d->end)) return NULL;
      if (*p == ',') {
        p++;
      } else if (likely(*p == ']')) {
        p++;
        break;
      } else {
        return NULL;
      }
    }
    if (!table) {
      lua_createtable(L, n, 0);
      lua_replace(L, top + 1);
      for (; piled > 0; piled--) lua_rawseti(L, top + 1, piled);
    }
  }
  lua_rawgeti(L, d->anchor, SLOT_KEY); /* the root has no key: its slot holds the array mark */
  lua_setmetatable(L, -2);
  d->depth--;
  return p;
}

static inlined bool is_key_near_end(const char *p, const char *end, const shape *s) {
  return (size_t)(end - p) > s->size && memcmp(p, s->text, s->size) == 0;
}

/* Whether the text at `p` begins with the key of `s`, and goes on after it. */
static inlined bool is_key(const char *p, const char *end, const shape *s) {
#ifdef __SSE2__
  if (unlikely(end - p <= KEY_TEXT)) return is_key_near_end(p, end, s);
  const __m128i *a = (const __m128i *)(const void *)p, *b = (const __m128i *)(const void *)s->text;
  unsigned size = s->size;
  unsigned differ = 0xFFFFu ^ (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(a), _mm_loadu_si128(b)));
  if (likely(size <= 16)) return (differ & ((1u << size) - 1)) == 0;
  if (differ) return false;
  differ = 0xFFFFu ^ (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(a + 1), _mm_loadu_si128(b + 1)));
  if (likely(size <= 32)) return (differ & ((1u << (size - 16)) - 1)) == 0;
  return differ == 0 && memcmp(p + 32, s->text + 32, size - 32) == 0;
#else
  return is_key_near_end(p, end, s);
#endif
}

/* Looks for the key at `p` after `parent`, and brings it to the front for the next time. */
static __attribute__((noinline)) shape *shape_find(const decoder *d, shape *parent, const char *p) {
  shape *before = NULL;
  for (shape *s = parent->child; s; before = s, s = s->sibling) {
    if (!is_key_near_end(p, d->end, s)) continue;
    if (before) {
      before->sibling = s->sibling;
      s->sibling = parent->child;
      parent->child = s;
    }
    return s;
  }
  return NULL;
}

/* Learns the key at `p`, a string that ends before `close`, after `parent`; NULL if there is no room. */
static rare shape *shape_learn(decoder *d, shape *parent, const char *p, const char *close) {
  hfL_codec *codec = d->codec;
  size_t size = (size_t)(close + 1 - p);
  if (size > HFL_KEY_MAX + 2 || parent->keys >= SHAPE_KEYS) return NULL;
  if (parent->children >= (parent->parent ? CHILDREN : ROOT_CHILDREN) || codec->shape_count >= SHAPES_MAX ||
      codec->root != d->root) {
    codec->unlearned++;
    return NULL;
  }
  lua_pushlstring(d->L, p + 1, size - 2);
  lua_newuserdata(d->L, sizeof(shape));
  if (codec->root != d->root || parent->children >= ROOT_CHILDREN) { /* a finalizer came in between */
    lua_pop(d->L, 2);
    return NULL;
  }
  return shape_place(d->L, codec, d->anchor, parent, p, size);
}

/* Reads the key at `p` (its quote) and the colon.  Returns the byte after the colon and in *found the shape
 * that the key leads to from `at`; NULL there when the object has no shape, and then the key is pushed. */
static __attribute__((noinline)) const char *push_key(decoder *d, const char *p, shape *at, shape **found) {
  shape *s = NULL;
  const char *next;
  if (p >= d->end || *p != '"') {
    return NULL;
  }
  span key = scan_string(d, p + 1);
  if (!key.close) return NULL;
  next = key.close + 1;
  if (!key.ascii && !check_utf8(d, p + 1, key.close)) return NULL;
  if (at && !key.escaped) {
    s = shape_find(d, at, p);
    /* A key once learned is not looked at again, and not all texts can be trusted. */
    if (!s && (key.ascii || is_utf8(p + 1, key.close))) s = shape_learn(d, at, p, key.close);
  }
  if (!s) {
    if (key.escaped) {
      if (!push_escaped(d, p + 1, key.close)) return NULL;
    } else {
      lua_pushlstring(d->L, p + 1, (size_t)(key.close - p - 1));
    }
  }
  *found = s;
  next = skip_space(next, d->end);
  if (next >= d->end || *next != ':') {
    return NULL;
  }
  return next + 1;
}

/* Turns the pile of an object's values (from top + 2, one per key of `s`) into a table at top + 1, with room for
 * `extra` more.  Leaves the stack's height as it was. */
static __attribute__((noinline)) void set_fields(decoder *d, int top, const shape *s, int extra) {
  lua_State *L = d->L;
  const shape *key[SHAPE_KEYS];
  int n = s->keys;
  for (int i = n; i-- > 0; s = s->parent) key[i] = s;
  lua_createtable(L, 0, n + extra);
  lua_replace(L, top + 1);
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, d->anchor, slot(key[i], SLOT_KEY));
    lua_pushvalue(L, top + 2 + i);
    lua_rawset(L, top + 1);
  }
}

/* The rest of an object without a shape, field by field: its table is at top + 1, the next key at top + 2. */
static __attribute__((noinline)) const char *push_fields(decoder *d, const char *p, int top, shape *key) {
  lua_State *L = d->L;
  shape *none;
  for (;;) {
    p = push_value(d, p, top + 2, key);
    if (unlikely(!p)) return NULL;
    lua_rawset(L, top + 1);
    p = skip_space(p, d->end);
    if (unlikely(p >= d->end)) return NULL;
    if (*p == '}') break;
    if (unlikely(*p != ',')) return NULL;
    p = push_key(d, skip_space(p + 1, d->end), NULL, &none);
    if (unlikely(!p)) return NULL;
  }
  return p + 1;
}

static const char *push_object(decoder *d, const char *p, int top, shape *key) {
  lua_State *L = d->L;
  shape *s = d->root;       /* the keys so far */
  shape *next = key->inner; /* with the one that is expected now */
  const char *q;
  if (unlikely(++d->depth > HF_DEPTH_MAX)) return NULL;
  p = skip_space(p, d->end);
  if (unlikely(p < d->end && *p == '}')) {
    lua_createtable(L, 0, 0);
    d->depth--;
    return p + 1;
  }
  lua_pushnil(L); /* the place of the table, and before it of its constructor: top + 1 */
  if (unlikely(d->depth > SHAPE_DEPTH)) {
    need_stack(d, top, 8);
    p = push_key(d, p, NULL, &next);
    if (!p) return NULL;
    lua_createtable(L, 0, 4);
    lua_replace(L, top + 1);
    p = push_fields(d, p, top, key);
    d->depth--;
    return p;
  }
  need_stack(d, top, SHAPE_KEYS + 24);
  for (;;) {
    if (likely(next && is_key(p, d->end, next)) && p[next->size] == ':') {
      p += next->size + 1;
    } else {
      p = push_key(d, p, s, &next);
      if (unlikely(!p)) return NULL;
      if (!next) {
        set_fields(d, top, s, 4);
        if (s->keys) { /* the key goes down to where the pile was */
          lua_replace(L, top + 2);
          lua_settop(L, top + 2);
        }
        p = push_fields(d, p, top, key);
        d->depth--;
        return p;
      }
      if (!s->parent) key->inner = next;
    }
    s = next;
    q = push_value(d, p, top + s->keys, s);
    if (unlikely(!q)) return NULL;
    p = skip_space(q, d->end);
    if (unlikely(p >= d->end)) return NULL;
    if (*p == ',') {
      p = skip_space(p + 1, d->end);
      next = s->child;
    } else if (likely(*p == '}')) {
      break;
    } else {
      return NULL;
    }
  }
  if (unlikely(s->make <= 0)) {
    if (s->make == 0 && ++s->seen >= MAKE_AFTER) shape_compile(L, d->anchor, s);
    if (s->make <= 0) {
      set_fields(d, top, s, 0);
      lua_settop(L, top + 1);
      d->depth--;
      return p + 1;
    }
  }
  lua_rawgeti(L, d->anchor, slot(s, SLOT_MAKE));
  lua_replace(L, top + 1);
  lua_call(L, s->keys, 1);
  d->depth--;
  return p + 1;
}

/* ------------------------------------------------------------------- entry */

/* The decoder only finds that a text is wrong.  What is wrong, and where, is for hf_json_validate() to say: so there is
 * one wording, and nothing to keep track of in the good case. */
static rare hf_status report(decoder *d, int top, hf_error *err) {
  hf_slice text = {d->text, (size_t)(d->end - d->text)};
  lua_settop(d->L, top);
  hf_status status = hf_json_validate(text, err);
  if (status == HF_OK) status = hf_error_set(err, HF_INVALID_VALUE, "not JSON");
  if (!d->trusted) return status;
  if (err) err->status = HF_CORRUPT;
  return HF_CORRUPT;
}

static inlined hf_status decode(lua_State *L, const char *text, size_t size, hfL_codec *codec, bool trusted,
                                hf_error *err) {
  int top = lua_gettop(L);
  decoder d = {.L = L, .codec = codec, .text = text, .end = text + size, .anchor = top + 1, .trusted = trusted};
  if (unlikely(codec->closed)) return hf_error_set(err, HF_CLOSED, "the Lua state is being closed");
  luaL_checkstack(L, STACK_CHUNK, "JSON");
  d.limit = top + STACK_CHUNK;
  if (unlikely(codec->unlearned > FORGET_AFTER)) hfL_shapes_reset(L, codec);
  lua_rawgeti(L, LUA_REGISTRYINDEX, codec->shapes_ref);
  shape *root = codec->root;
  d.root = root;
  const char *p = push_value(&d, text, top + 1, root);
  if (unlikely(!p)) return report(&d, top, err);
  p = skip_space(p, d.end);
  if (unlikely(p != d.end)) return report(&d, top, err);
  lua_replace(L, top + 1);
  return HF_OK;
}

hf_status hfL_json_decode(lua_State *L, const char *text, size_t size, hfL_codec *codec, hf_error *err) {
  return decode(L, text, size, codec, false, err);
}

hf_status hfL_json_decode_trusted(lua_State *L, const char *text, size_t size, hfL_codec *codec, hf_error *err) {
  hfL_pause_lengthen(L, codec);
  hf_status status = decode(L, text, size, codec, true, err);
  hfL_pause_restore(L, codec);
  return status;
}
