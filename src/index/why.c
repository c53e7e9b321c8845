/* SPDX-License-Identifier: MIT
 *
 * Sentences on why no index is used: see why.h.
 */
#include "index/why.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "index/says.h"

enum { NAMED_MAX = 3, NAME_MAX_BYTES = 60 };

static _Thread_local char sentence[600];

static const char *say(const char *text) {
  snprintf(sentence, sizeof sentence, "%s", text);
  return sentence;
}

static void add(const char *fmt, ...) HF_PRINTF(1, 2);
static void add(const char *fmt, ...) {
  size_t size = strlen(sentence);
  va_list args;
  va_start(args, fmt);
  vsnprintf(sentence + size, sizeof sentence - size, fmt, args);
  va_end(args);
}

/* Adds a count as people write it: 50,000. */
static void add_count(uint64_t count) {
  if (count >= 1000) {
    add_count(count / 1000);
    add(",%03u", (unsigned)(count % 1000));
  } else {
    add("%u", (unsigned)count);
  }
}

static void add_name(const char *data, size_t size) {
  char name[NAME_MAX_BYTES + sizeof "..."];
  hf__copy_text(name, sizeof name, data, size);
  add("%s", name);
}

static void add_path(const hf__places *places, uint32_t place) {
  const hf__place *at = &places->at[place];
  if (at->parent) add_path(places, at->parent);
  if (at->key) {
    if (at->parent) add(".");
    add_name(at->key + 1, at->size - 2); /* which has quotes */
  } else {
    add("%s[%u]", at->parent ? "" : "v", (unsigned)at->item);
  }
}

/* ---- indexes over what is asked for */

static bool has_path(const hf__why *why, uint32_t place) {
  const hf_condition *c = why->condition;
  for (unsigned i = 0; i <= c->root; i++)
    if (c->nodes[i].code == HF__NODE_PATH && why->twin[c->nodes[i].number] == place) return true;
  return false;
}

hf__why hf__why_of(const hf_condition *c, const hf_index_set *set, const uint32_t *twin) {
  hf__why why = {.condition = c, .set = set, .twin = twin};
  for (size_t i = 0; i < set->count; i++) {
    if (!set->at[i].index.ready) continue;
    why.ready |= 1U << i;
    if (has_path(&why, set->at[i].place[0])) why.over |= 1U << i;
  }
  return why;
}

/* Whether one of the indexes is over a path, after others that the condition has, too. */
static bool is_over(const hf__why *why, uint32_t place) {
  for (size_t i = 0; i < why->set->count; i++) {
    const hf__indexed *x = &why->set->at[i];
    for (unsigned n = 0; (why->over >> i & 1) && n < x->count && has_path(why, x->place[n]); n++)
      if (x->place[n] == why->twin[place]) return true;
  }
  return false;
}

/* ---- sentences */

const char *hf__why_too_many(const hf__why *why, unsigned indexes, bool together, uint64_t most) {
  bool one = (indexes & (indexes - 1)) == 0;
  unsigned count = 0;
  say(one ? "the index " : together ? "the indexes " : "each of the indexes ");
  for (size_t i = 0; i < why->set->count && count <= NAMED_MAX; i++) {
    hf_slice name = why->set->at[i].index.name;
    if (!(indexes >> i & 1)) continue;
    if (count) add(", ");
    if (count++ < NAMED_MAX)
      add_name(name.data, name.size);
    else
      add("...");
  }
  add(together && !one ? " together lead to more than " : " leads to more than ");
  add_count(most);
  add(" entities");
  return sentence;
}

/* Adds the paths of the condition that an index is over, or none is; returns how many there are. */
static unsigned add_paths(const hf__why *why, bool over, const char *begin) {
  const hf_condition *c = why->condition;
  unsigned count = 0;
  for (unsigned i = 0; i <= c->root; i++) {
    const hf__node *node = &c->nodes[i];
    if (node->code != HF__NODE_PATH || node->number == 0 || is_over(why, node->number) != over) continue;
    if (count <= NAMED_MAX) add("%s", count == 0 ? begin : ", ");
    if (count < NAMED_MAX) add_path(&c->places, node->number);
    if (count == NAMED_MAX) add("...");
    count++;
  }
  return count;
}

const char *hf__why_nothing(const hf__why *why) {
  if (!why->ready) return say(why->set->count ? "no index is built yet" : "there is no index");
  say("");
  unsigned without = add_paths(why, false, "no index is over ");
  unsigned with = add_paths(why, true, without ? ", and none decides by " : "no index decides by ");
  if (with)
    add(": %s not compared with a value, or another part may raise, or be true without %s",
        with > 1 ? "they are" : "it is", with > 1 ? "them" : "it");
  return without + with ? sentence : say("the condition compares no field");
}
