/* SPDX-License-Identifier: MIT
 *
 * The field finder for any machine and any text: value by value.
 */
#include "condition/find.h"
#include "condition/text.h"

/* One search. */
struct search {
  const hf__places *places;
  const char *end;
  const char **found;
};

static const char *find_in(const struct search *s, uint32_t place, const char *p);

void hf__find_forget(const hf__places *places, uint32_t place, const char **found) {
  for (uint32_t child = places->at[place].child; child; child = places->at[child].sibling) {
    if (found[child]) hf__find_forget(places, child, found);
    found[child] = NULL;
  }
}

/* Goes over the value at `p`, which is at `place`; 0: at none that is looked for. */
static const char *take_value(const struct search *s, uint32_t place, const char *p) {
  if (!place) return hf__skip_value(p, s->end);
  if (s->found[place]) hf__find_forget(s->places, place, s->found);
  s->found[place] = p;
  return s->places->at[place].child ? find_in(s, place, p) : hf__skip_value(p, s->end);
}

static uint32_t child_of_key(const struct search *s, uint32_t place, const hf__string *key) {
  const hf__place *at = s->places->at;
  for (uint32_t child = at[place].child; child; child = at[child].sibling)
    if (at[child].key && hf__string_is(key, (hf_slice){at[child].key + 1, at[child].size - 2})) return child;
  return 0;
}

static uint32_t child_of_item(const struct search *s, uint32_t place, uint32_t item) {
  const hf__place *at = s->places->at;
  for (uint32_t child = at[place].child; child; child = at[child].sibling)
    if (!at[child].key && at[child].item == item) return child;
  return 0;
}

/* Goes over the object whose first key is at `p`, and that is at `place`. */
static const char *find_in_object(const struct search *s, uint32_t place, const char *p) {
  for (;;) {
    if (p >= s->end || *p != '"') return NULL;
    hf__string key = hf__string_at(p + 1, s->end);
    if (!key.close) return NULL;
    p = hf__skip_space(key.close + 1, s->end);
    if (p >= s->end || *p != ':') return NULL;
    p = take_value(s, child_of_key(s, place, &key), hf__skip_space(p + 1, s->end));
    if (!p) return NULL;
    p = hf__skip_space(p, s->end);
    if (p >= s->end) return NULL;
    if (*p == '}') return p + 1;
    if (*p != ',') return NULL;
    p = hf__skip_space(p + 1, s->end);
  }
}

static const char *find_in_array(const struct search *s, uint32_t place, const char *p) {
  for (uint32_t item = 1;; item++) {
    p = take_value(s, child_of_item(s, place, item), p);
    if (!p) return NULL;
    p = hf__skip_space(p, s->end);
    if (p >= s->end) return NULL;
    if (*p == ']') return p + 1;
    if (*p != ',') return NULL;
    p = hf__skip_space(p + 1, s->end);
  }
}

static const char *find_in(const struct search *s, uint32_t place, const char *p) {
  if (p >= s->end) return NULL;
  if (*p != '{' && *p != '[') return hf__skip_value(p, s->end);
  const char close = *p == '{' ? '}' : ']';
  const char *inside = hf__skip_space(p + 1, s->end);
  if (inside < s->end && *inside == close) return inside + 1;
  return close == '}' ? find_in_object(s, place, inside) : find_in_array(s, place, inside);
}

hf__found hf__find_plain(const hf__places *places, hf_slice json, const char **found) {
  struct search s = {places, json.data + json.size, found};
  memset(found, 0, places->count * sizeof *found);
  const char *p = hf__skip_space(json.data, s.end);
  if (p == s.end) return HF__FOUND_NO_JSON;
  found[0] = p;
  return !places->at[0].child || find_in(&s, 0, p) ? HF__FOUND_ESCAPES : HF__FOUND_NO_JSON;
}
