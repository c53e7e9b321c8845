/* SPDX-License-Identifier: MIT
 *
 * The field finder by blocks of 64 bytes, for those machines that can compare as many at
 * once.  Included by the file for a kind of machine, which says before how:
 *
 *   block64, block_load(p)         64 bytes, and reading them
 *   needle, needle_of(c)           a byte to compare them with
 *   block_is(b, c)                 bit i: byte i is c
 *   block_is_any(b, c, n)          bit i: byte i is one of the n in c
 *   block_is_with(b, bits, c)      bit i: byte i is c when these bits are set in it
 *   block_has(b, c)                whether a byte is c
 *   prefix_xor(bits)               bit i: an odd number of bits is set up to and with bit i
 *
 * What is in strings comes out of the quotes, so that no byte waits for the one before.  Only two kinds of bytes are
 * looked at one by one: quotes after the last byte of a wanted name, and brackets.
 *
 * Names that are written with escapes are left to the plain finder.
 */
#include "condition/find.h"
#include "condition/text.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define inlined inline __attribute__((always_inline))
#define rare __attribute__((noinline, cold))

/* An object or array in which places are looked for. */
struct scope {
  int64_t depth; /* of what is in it */
  uint32_t name; /* of an object: the first place in it, 0 if there is none; of an array: 0 */
  uint32_t item; /* of an array: the present one, from 1 on; of an object: 0 */
  uint32_t place;
};

/* What the bytes are compared with. */
struct needles {
  needle quote, backslash, bracket_bits, bracket, comma;
  needle last[HF__PLACES_LASTS];
};

/* One search. */
struct scan {
  const hf__places *places;
  const char *data, *end;
  const char **found;
  int64_t depth;       /* before the next mark */
  uint64_t is_escaped; /* 1: the first byte of the next block is after a backslash that counts */
  bool has_escapes;    /* there was a backslash */
  bool in_escaped;     /* the next block begins in a string that has one */
  bool goes_on;        /* one of the two before: it must be looked at */
  bool is_hard;        /* a name has one */
  struct scope *scope;
  struct scope scopes[HF_CONDITION_STEPS_MAX + 2];
};

/* ----------------------------------------------------------------- escapes */

static bool is_at_colon(const struct scan *s, const char *after_quote) {
  const char *p = hf__skip_space(after_quote, s->end);
  return p < s->end && *p == ':';
}

/* The bytes of a block that are escaped, as quotes may be.  Of each run of backslashes every second one counts: where
 * a run begins at an odd place, adding carries through it (simdjson's way). */
static uint64_t escaped_bytes(struct scan *s, uint64_t backslashes) {
  const uint64_t even = UINT64_C(0x5555555555555555);
  unsigned long long runs;
  backslashes &= ~s->is_escaped;
  uint64_t follows = backslashes << 1 | s->is_escaped;
  uint64_t odd_starts = backslashes & ~even & ~follows;
  s->is_escaped = __builtin_add_overflow((unsigned long long)odd_starts, (unsigned long long)backslashes, &runs);
  return (even ^ (uint64_t)runs << 1) & follows;
}

/* Looks whether strings with backslashes are names. */
static void judge_names(struct scan *s, size_t offset, uint64_t backslashes, uint64_t quotes) {
  for (;;) {
    if (!s->in_escaped) {
      if (!backslashes) return;
      quotes &= ~UINT64_C(0) << __builtin_ctzll(backslashes);
      s->in_escaped = true;
    }
    if (!quotes) return;
    unsigned close = (unsigned)__builtin_ctzll(quotes);
    if (is_at_colon(s, s->data + (offset + close + 1))) s->is_hard = true;
    s->in_escaped = false;
    backslashes &= ~UINT64_C(1) << close;
  }
}

/* The quotes of a block but those that are escaped. */
static rare uint64_t judge_escapes(struct scan *s, size_t offset, const char *from, unsigned skip, uint64_t quotes) {
  uint64_t backslashes = block_is(block_load(from), needle_of('\\')) << skip;
  quotes &= ~escaped_bytes(s, backslashes);
  judge_names(s, offset, backslashes, quotes);
  s->has_escapes = true;
  s->goes_on = s->is_escaped || s->in_escaped;
  return quotes;
}

/* ------------------------------------------------------------------ places */

static void enter(struct scan *s, uint32_t place, const char *p);

/* The value at `p` is at `place`. */
static inlined void take(struct scan *s, uint32_t place, const char *p) {
  if (unlikely(s->found[place] != NULL)) hf__find_forget(s->places, place, s->found);
  s->found[place] = p;
  if (s->places->at[place].child && (*p == '{' || *p == '[')) enter(s, place, p);
}

/* The item of the scope's array that begins at or after `p`. */
static rare void take_item(struct scan *s, const char *p) {
  const hf__place *at = s->places->at;
  uint32_t child = at[s->scope->place].child;
  while (child && (at[child].key || at[child].item != s->scope->item)) child = at[child].sibling;
  if (!child) return;
  p = hf__skip_space(p, s->end);
  if (p < s->end && *p != ']') take(s, child, p);
}

/* Goes into the object or array at `p`, which is in the present scope. */
static void enter(struct scan *s, uint32_t place, const char *p) {
  bool is_array = *p == '[';
  int64_t depth = s->scope->depth + 1;
  uint32_t name = is_array ? 0 : s->places->at[place].child;
  s->scope++;
  *s->scope = (struct scope){.depth = depth, .name = name, .item = is_array, .place = place};
  if (is_array) take_item(s, p + 1);
}

static inlined uint64_t load8(const char *p) {
  uint64_t x;
  memcpy(&x, p, sizeof x);
  return x;
}

/* Whether the text that ends with the quote at `q` is this name.  (It could also be the end of a longer one, after a
 * quote that is escaped; but then that name is a hard one.) */
static inlined bool is_name(const struct scan *s, const hf__place *place, const char *q) {
  size_t size = place->size, before = (size_t)(q - s->data);
  if (unlikely(before < 7)) return before >= size && memcmp(q + 1 - size, place->key, size) == 0;
  if ((load8(q - 7) ^ place->tail) >> place->ignore) return false;
  if (size <= 8) return true;
  const char *first = q + 1 - size;
  return before >= size && load8(first) == place->head && (size <= 16 || memcmp(first, place->key, size) == 0);
}

/* A string that may be a name in the scope's object ends with the quote at `q`. */
static inlined void take_name(struct scan *s, const char *q) {
  const hf__place *at = s->places->at;
  uint32_t child = s->scope->name;
  while (child && !(at[child].key && is_name(s, &at[child], q))) child = at[child].sibling;
  if (!child) return;
  const char *p = q + 1;
  if (unlikely(p >= s->end || *p != ':')) p = hf__skip_space(p, s->end);
  if (p >= s->end || *p != ':') return;
  p++;
  if (unlikely(p >= s->end || (unsigned char)*p <= ' ')) p = hf__skip_space(p, s->end);
  if (likely(p < s->end)) take(s, child, p);
}

/* ------------------------------------------------------------------- marks */

/* Goes over the marks of a block. */
static inlined void take_marks(struct scan *s, size_t offset, uint64_t marks) {
  int64_t depth = s->depth;
  for (; marks; marks &= marks - 1) {
    const char *p = s->data + (offset + (unsigned)__builtin_ctzll(marks));
    if (*p == '"') {
      if (depth == s->scope->depth) take_name(s, p);
    } else if (*p & 2) {
      depth++;
    } else if (*p == ',') {
      if (depth != s->scope->depth || s->scope->item == 0) continue;
      s->scope->item++;
      take_item(s, p + 1);
    } else {
      if (depth-- == s->scope->depth && s->scope != s->scopes) s->scope--;
    }
  }
  s->depth = depth;
}

/* What goes from block to block. */
struct carry {
  uint64_t in_string; /* all bits: the block begins in a string */
  uint64_t was_last;  /* 1: the byte before the block is the last of a name */
};

/* Goes over a block that begins at `offset` and was read from `from`; its first `skip` bytes are none. */
static inlined struct carry take_block(struct scan *s, const struct needles *n, struct carry carry, size_t offset,
                                       const char *from, unsigned skip, unsigned lasts, bool items) {
  block64 b = block_load(from);
  uint64_t quotes = block_is(b, n->quote) << skip;
  if (unlikely(block_has(b, n->backslash) || s->goes_on)) quotes = judge_escapes(s, offset, from, skip, quotes);
  uint64_t strings = prefix_xor(quotes) ^ carry.in_string, names = quotes;
  carry.in_string = (uint64_t)((int64_t)strings >> 63);
  if (lasts <= HF__PLACES_LASTS) {
    uint64_t last = block_is_any(b, n->last, lasts) << skip;
    names &= last << 1 | carry.was_last;
    carry.was_last = last >> 63;
  }
  uint64_t marks = block_is_with(b, n->bracket_bits, n->bracket) << skip | names;
  if (items) marks |= block_is(b, n->comma) << skip;
  marks &= ~strings;
  if (marks) take_marks(s, offset, marks);
  return carry;
}

/* The first block is as short as it must be for the others to be whole, and ends as they do. */
static inlined void scan_blocks(struct scan *s, size_t size, unsigned lasts, bool items) {
  struct needles n = {needle_of('"'), needle_of('\\'), needle_of(0x26), needle_of(0x7F), needle_of(','), {{0}}};
  for (unsigned i = 0; i < HF__PLACES_LASTS; i++) n.last[i] = needle_of(s->places->last[i]);
  struct carry carry = {0, 0};
  char small[64];
  const char *from = s->data;
  if (unlikely(size < 64)) {
    memset(small, 0, sizeof small);
    from = memcpy(small, s->data, size);
  }
  unsigned skip = (unsigned)-size % 64;
  size_t offset = -(size_t)skip;
  carry = take_block(s, &n, carry, offset, from, skip, lasts, items);
  for (offset += 64; offset < size; offset += 64)
    carry = take_block(s, &n, carry, offset, s->data + offset, 0, lasts, items);
}

static inlined hf__found find_blocks(const hf__places *places, hf_slice json, const char **found, unsigned lasts,
                                     bool items) {
  struct scan s; /* not all of it: clearing the scopes would take as long as a block */
  const char *p = json.data;
  s.places = places;
  s.data = json.data;
  s.end = json.data + json.size;
  s.found = found;
  s.depth = 0;
  s.is_escaped = 0;
  s.has_escapes = s.in_escaped = s.goes_on = s.is_hard = false;
  for (uint32_t i = 0; i < places->count; i++) {
    found[i] = NULL;
    __asm__("" : : : "memory"); /* no call of memset() */
  }
  if (unlikely(p == s.end || (unsigned char)*p <= ' ')) p = hf__skip_space(p, s.end);
  if (p == s.end) return HF__FOUND_NO_JSON;
  found[0] = p;
  if (!places->at[0].child || !(*p == '{' || *p == '[')) return HF__FOUND_ESCAPES;
  s.scope = s.scopes;
  s.scopes[0] = (struct scope){.depth = 1, .name = places->at[0].child};
  if (unlikely(*p == '[')) {
    s.scopes[0] = (struct scope){.depth = 1, .item = 1};
    take_item(&s, p + 1);
  }
  scan_blocks(&s, json.size, lasts, items);
  if (unlikely(s.is_hard)) return hf__find_plain(places, json, found);
  return s.has_escapes ? HF__FOUND_ESCAPES : HF__FOUND_PLAIN;
}
