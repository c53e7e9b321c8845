/* SPDX-License-Identifier: MIT
 *
 * What an entity has in an index, as bytes in the order of the index: for each path a class (set.h), then
 *
 *   a number  8 bytes: the double, so that its bytes are in order; -0 is 0
 *   a text    its bytes, 0x00 as 0x00 0xFF, and 0x00 0x01 at its end; or, where all of it takes more than its share of
 *             the value, as many as fit and 0x00 0x02
 *
 * Called for each change of an entity, twice: nothing is allocated, and the set is shared by threads.
 */
#include <string.h>

#include "condition/text.h"
#include "index/set.h"

enum {
  RAW_MAX = HF_INDEX_VALUE_MAX, /* more bytes than any part has of a text */
  RAW_ROOM = RAW_MAX + 4
};

/* ---- parts */

unsigned char *hf__index_put_number(unsigned char *out, double number) {
  uint64_t bits;
  number = number == 0 ? 0 : number; /* there is no -0 */
  memcpy(&bits, &number, sizeof bits);
  bits ^= (uint64_t)((int64_t)bits >> 63) | UINT64_C(1) << 63;
  *out++ = HF__INDEX_NUMBER;
  for (int shift = 56; shift >= 0; shift -= 8) *out++ = (unsigned char)(bits >> shift);
  return out;
}

/* Adds bytes of a text as long as they end before `last`, each 0 with what follows it.  Returns how many were. */
static size_t escape(unsigned char **out, const unsigned char *last, hf_slice text) {
  unsigned char *o = *out;
  size_t i = 0;
  for (; i < text.size; i++) {
    if (o + 1 + (text.data[i] == '\0') > last) break;
    *o++ = (unsigned char)text.data[i];
    if (text.data[i] == '\0') *o++ = 0xFF;
  }
  *out = o;
  return i;
}

unsigned char *hf__index_put_text(unsigned char *out, size_t most, hf_slice text, bool *is_cut) {
  const unsigned char *last = out + most - 2;
  *out++ = HF__INDEX_TEXT;
  size_t room = (size_t)(last - out), count = text.size < room ? text.size : room;
  bool cut;
  if (count && memchr(text.data, '\0', count)) {
    cut = escape(&out, last, text) < text.size;
  } else {
    if (count) memcpy(out, text.data, count);
    out += count;
    cut = count < text.size;
  }
  *out++ = '\0';
  *out++ = cut ? HF__INDEX_TEXT_CUT : HF__INDEX_TEXT_ENDS;
  *is_cut |= cut;
  return out;
}

static unsigned char *put_string(unsigned char *out, size_t most, const char *p, const char *end, bool *is_cut) {
  char raw[RAW_ROOM];
  size_t size = 0;
  hf__string string = hf__string_at(p + 1, end);
  if (!string.close) string.close = string.first; /* cannot be */
  if (!string.escaped)
    return hf__index_put_text(out, most, (hf_slice){string.first, (size_t)(string.close - string.first)}, is_cut);
  for (size_t n; size < RAW_MAX && (n = hf__string_read(&string, raw + size, RAW_ROOM - size)) > 0;) size += n;
  return hf__index_put_text(out, most, (hf_slice){raw, size}, is_cut);
}

static inline bool is_table(const char *p) { return *p == '{' || *p == '['; }

/* The class of a path that leads to nothing: by what is there of it last. */
static unsigned char nothing(const hf_index_set *set, uint32_t place, const char *const *found) {
  uint32_t parent = set->places.at[place].parent, last = parent;
  while (last && !found[last]) last = set->places.at[last].parent;
  if (last && *found[last] == 'n') return HF__INDEX_IN_NULL;
  if (!found[last] || !is_table(found[last])) return HF__INDEX_UNWALKABLE;
  return last == parent ? HF__INDEX_MISSING : HF__INDEX_NOWHERE;
}

/* Writes the part of one path. */
static inline unsigned char *put(unsigned char *out, const hf_index_set *set, uint32_t place, size_t most,
                                 const char *const *found, const char *end, bool *is_cut) {
  const char *p = found[place];
  if (!p) {
    *out++ = nothing(set, place, found);
    return out;
  }
  switch (*p) {
  case '"': return put_string(out, most, p, end, is_cut);
  case '{':
  case '[': *out++ = HF__INDEX_TABLE; return out;
  case 't': *out++ = HF__INDEX_TRUE; return out;
  case 'f': *out++ = HF__INDEX_FALSE; return out;
  case 'n': *out++ = HF__INDEX_NULL; return out;
  default: {
    double number = 0;
    hf__number_at(p, end, &number);
    return hf__index_put_number(out, number);
  }
  }
}

/* ---- values */

static inline bool counts_for_unique(unsigned char kind) { return kind > HF__INDEX_NULL && kind < HF__INDEX_TABLE; }

void hf_index_values(const hf_index_set *set, hf_slice json, hf_index_value *values) {
  const char *found[HF__INDEX_PLACES_MAX], *end = json.data + json.size;
  if (set->find(&set->places, json, found) == HF__FOUND_NO_JSON) /* cannot be */
    memset(found, 0, set->places.count * sizeof *found);
  for (size_t i = 0; i < set->count; i++) {
    const hf__indexed *x = &set->at[i];
    hf_index_value *value = &values[i];
    unsigned char *out = value->bytes;
    size_t most = hf__index_part_max(x->count);
    bool is_cut = false, is_unique = x->index.unique;
    for (unsigned n = 0; n < x->count; n++) {
      unsigned char *part = out;
      out = put(out, set, x->place[n], most, found, end, &is_cut);
      is_unique = is_unique && counts_for_unique(*part);
    }
    value->size = (uint8_t)(out - value->bytes);
    value->is_cut = is_cut;
    value->is_unique = is_unique;
  }
}

/* ---- comparing */

/* A text that is read piece by piece. */
struct reader {
  hf__string rest;
  size_t at, size;
  char bytes[64];
};

static int next_byte(struct reader *r) {
  if (r->at == r->size) {
    r->at = 0;
    r->size = hf__string_read(&r->rest, r->bytes, sizeof r->bytes);
    if (r->size == 0) return -1;
  }
  return (unsigned char)r->bytes[r->at++];
}

static bool same_text(const char *a, const char *a_end, const char *b, const char *b_end) {
  struct reader x = {.rest = hf__string_at(a + 1, a_end)}, y = {.rest = hf__string_at(b + 1, b_end)};
  if (!x.rest.close || !y.rest.close) return false;
  for (;;) {
    int c = next_byte(&x);
    if (c != next_byte(&y)) return false;
    if (c < 0) return true;
  }
}

/* Whether two values at a place are the same.  Those that are no texts are as their bytes in the index. */
static bool same_at(const hf_index_set *set, uint32_t place, hf_slice a, hf_slice b, const char *const *in_a,
                    const char *const *in_b) {
  const char *p = in_a[place], *q = in_b[place], *a_end = a.data + a.size, *b_end = b.data + b.size;
  if (p && q && *p == '"' && *q == '"') return same_text(p, a_end, q, b_end);
  unsigned char x[HF_INDEX_VALUE_MAX], y[HF_INDEX_VALUE_MAX];
  bool is_cut = false;
  size_t size = (size_t)(put(x, set, place, HF_INDEX_VALUE_MAX, in_a, a_end, &is_cut) - x);
  return (size_t)(put(y, set, place, HF_INDEX_VALUE_MAX, in_b, b_end, &is_cut) - y) == size && memcmp(x, y, size) == 0;
}

bool hf_index_same(const hf_index_set *set, size_t place, hf_slice a, hf_slice b) {
  const char *in_a[HF__INDEX_PLACES_MAX], *in_b[HF__INDEX_PLACES_MAX];
  const hf__indexed *x = &set->at[place];
  if (set->find(&set->places, a, in_a) == HF__FOUND_NO_JSON || set->find(&set->places, b, in_b) == HF__FOUND_NO_JSON)
    return false;
  for (unsigned n = 0; n < x->count; n++)
    if (!same_at(set, x->place[n], a, b, in_a, in_b)) return false;
  return true;
}
