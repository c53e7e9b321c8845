/* SPDX-License-Identifier: MIT
 *
 * The indexes of a collection, parsed.  A definition comes from a store, which another version, an adapter or a
 * person may have written: what it is not sure of it refuses.
 */
#include "index/set.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "condition/text.h"

/* What a definition says. */
struct definition {
  hf_buffer paths[HF_INDEX_PATHS_MAX];
  size_t count;
  bool unique;
};

static void definition_free(struct definition *d) {
  for (size_t i = 0; i < HF_INDEX_PATHS_MAX; i++) hf_buffer_free(&d->paths[i]);
}

static hf_status refuse(hf_slice text, hf_error *err) {
  char copy[100];
  hf__index_say(copy, sizeof copy, text);
  return hf__fail(err, HF_INVALID_ARGUMENT,
                  "an index is defined as {\"paths\":[\"metadata.symbol\"],\"unique\":false}, and not as %s", copy);
}

/* Takes the content of the string at *p, and goes after it.  False: there is none. */
static bool take_string(const char **p, const char *end, hf_buffer *out, bool *memory) {
  if (*p >= end || **p != '"') return false;
  hf__string string = hf__string_at(*p + 1, end);
  if (!string.close) return false;
  *p = string.close + 1;
  *memory = hf_buffer_reserve(out, (size_t)(string.close - string.first) + 4);
  if (!*memory) return false;
  out->size = 0;
  for (size_t n; (n = hf__string_read(&string, out->data + out->size, out->capacity - out->size - 1)) > 0;)
    out->size += n;
  out->data[out->size] = '\0';
  return strlen(out->data) == out->size;
}

/* Takes the array of paths at *p. */
static bool take_paths(const char **p, const char *end, struct definition *d, bool *memory) {
  if (*p >= end || **p != '[' || d->count) return false;
  do {
    if (d->count == HF_INDEX_PATHS_MAX) return false;
    *p = hf__skip_space(*p + 1, end);
    if (!take_string(p, end, &d->paths[d->count++], memory)) return false;
    *p = hf__skip_space(*p, end);
  } while (*p < end && **p == ',');
  return *p < end && *(*p)++ == ']';
}

static bool take_word(const char **p, const char *end, const char *word) {
  size_t size = strlen(word);
  if ((size_t)(end - *p) < size || memcmp(*p, word, size) != 0) return false;
  *p += size;
  return true;
}

/* Takes a member of the object whose name is at *p. */
static bool take_member(const char **p, const char *end, struct definition *d, bool *memory) {
  bool are_paths = take_word(p, end, "\"paths\"");
  if (!are_paths && !take_word(p, end, "\"unique\"")) return false;
  *p = hf__skip_space(*p, end);
  if (*p >= end || **p != ':') return false;
  *p = hf__skip_space(*p + 1, end);
  if (are_paths) return take_paths(p, end, d, memory);
  d->unique = take_word(p, end, "true");
  return d->unique || take_word(p, end, "false");
}

static hf_status parse(hf_slice text, struct definition *d, hf_error *err) {
  bool memory = true;
  hf_error syntax;
  if (!text.data || hf_json_validate(text, &syntax)) return refuse(text, err);
  const char *p = text.data, *end = p + text.size;
  p = hf__skip_space(p, end);
  bool ok = *p == '{';
  do {
    p = hf__skip_space(p + ok, end);
    ok = ok && take_member(&p, end, d, &memory);
    p = hf__skip_space(p, end);
  } while (ok && p < end && *p == ',');
  if (!memory) return hf__no_memory(err);
  return ok && p < end && *p == '}' && d->count ? HF_OK : refuse(text, err);
}

/* ---- adding */

static void indexed_free(hf__indexed *x) {
  free((void *)(uintptr_t)x->index.name.data);
  free((void *)(uintptr_t)x->index.definition.data);
}

/* Places for the paths of an index that is being added. */
static hf_status add_places(hf_index_set *set, const struct definition *d, hf__indexed *x, hf_error *err) {
  hf_status status = HF_OK;
  for (size_t i = 0; status == HF_OK && i < d->count; i++) {
    hf__index_path path;
    status = hf__index_path_read((hf_slice){d->paths[i].data, d->paths[i].size}, &path, err);
    if (status == HF_OK) {
      int64_t place = hf__places_add(&set->places, path.steps, path.count);
      x->place[x->count++] = (uint32_t)place;
      if (place < 0) status = hf__no_memory(err);
    }
    hf__index_path_free(&path);
  }
  return status;
}

/* The index's name and definition, in the spelling that all have. */
static hf_status add_texts(const struct definition *d, hf__indexed *x, hf_error *err) {
  const char *paths[HF_INDEX_PATHS_MAX];
  hf_buffer definition = HF_BUFFER_INIT, name = HF_BUFFER_INIT;
  for (size_t i = 0; i < d->count; i++) paths[i] = d->paths[i].data;
  hf_status status = hf__index_define(paths, d->count, d->unique, &definition, &name, err);
  x->index.definition = (hf_slice){definition.data, definition.size};
  x->index.name = (hf_slice){name.data, name.size};
  return status;
}

hf_status hf_index_set_add(hf_index_set *set, hf_slice text, uint32_t number, bool ready, hf_error *err) {
  hf_error own;
  struct definition d = {.count = 0};
  if (!err) err = &own;
  if (set->count == HF_INDEXES_MAX)
    return hf__fail(err, HF_INVALID_ARGUMENT, "a collection has at most %d indexes: drop one first", HF_INDEXES_MAX);
  hf__indexed *x = &set->at[set->count];
  *x = (hf__indexed){.index = {.number = number, .ready = ready}};
  hf_status status = parse(text, &d, err);
  x->index.unique = d.unique;
  if (status == HF_OK) status = add_texts(&d, x, err);
  if (status == HF_OK) status = add_places(set, &d, x, err);
  definition_free(&d);
  if (status) {
    indexed_free(x);
    return status;
  }
  set->find = hf__find_best(&set->places);
  set->count++;
  return HF_OK;
}

/* ---- sets */

hf_index_set *hf_index_set_new(void) {
  hf_index_set *set = calloc(1, sizeof *set);
  if (!set) return NULL;
  if (hf__places_add(&set->places, NULL, 0) < 0) {
    free(set);
    return NULL;
  }
  set->find = hf__find_best(&set->places);
  return set;
}

hf_index_set *hf_index_set_share(hf_index_set *set) {
  if (set) set->owners++;
  return set;
}

void hf_index_set_free(hf_index_set *set) {
  if (!set || set->owners-- > 0) return;
  for (size_t i = 0; i < set->count; i++) indexed_free(&set->at[i]);
  hf__places_free(&set->places);
  free(set);
}

size_t hf_index_set_size(const hf_index_set *set) { return set->count; }

const hf_index *hf_index_set_at(const hf_index_set *set, size_t place) { return &set->at[place].index; }

uint64_t hf_index_set_note(const hf_index_set *set, size_t place) {
  return atomic_load_explicit(&set->at[place].note, memory_order_relaxed);
}

void hf_index_set_keep_note(hf_index_set *set, size_t place, uint64_t note) {
  atomic_store_explicit(&set->at[place].note, note, memory_order_relaxed);
}

const hf_index *hf_index_set_find(const hf_index_set *set, hf_slice name) {
  for (size_t i = 0; i < set->count; i++) {
    hf_slice other = set->at[i].index.name;
    if (other.size == name.size && memcmp(other.data, name.data, name.size) == 0) return &set->at[i].index;
  }
  return NULL;
}

hf_status hf_index_fail_unique(hf_error *err, const hf_index *index, hf_slice holder) {
  char name[200], id[300];
  hf__copy_text(name, sizeof name, index->name.data, index->name.size);
  hf__copy_text(id, sizeof id, holder.data ? holder.data : "", holder.size);
  return hf__fail(err, HF_DUPLICATE, "the index %s is unique, and %s has the same there already", name, id);
}
