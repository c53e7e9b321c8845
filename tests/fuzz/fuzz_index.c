/* SPDX-License-Identifier: MIT
 *
 * libFuzzer target for indexes: three lines, which are a path or a definition, an entity, and a condition.
 *   - What is no path, or no definition, is refused with a message in UTF-8.
 *   - What is one has a spelling that is the same when it is read again.
 *   - An entity has a value in the index, of a class that there is, and the same value as itself.
 *   - A condition to which the entity is not a sure no leads to that value, if it leads anywhere; and what is sure is
 *     a yes.
 * Texts are copied to memory of exactly their size, so that AddressSanitizer sees a read beyond it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "condition/value.h"
#include "index/cover.h"
#include "index/set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                               \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                                          \
      abort();                                                                                                         \
    }                                                                                                                  \
  } while (0)

/* A copy of the next line of the input. */
static hf_slice take_line(const uint8_t **data, size_t *size) {
  const uint8_t *end = *size ? memchr(*data, '\n', *size) : NULL;
  size_t count = end ? (size_t)(end - *data) : *size;
  char *copy = malloc(count ? count : 1);
  CHECK(copy);
  memcpy(copy, *data, count);
  *data += count + (end != NULL);
  *size -= count + (end != NULL);
  return (hf_slice){copy, count};
}

static void check_message(const hf_error *err) {
  hf_slice message = hf_text(err->message);
  CHECK(message.size && hf__utf8_valid_prefix(message) == message.size);
}

/* ---- definitions */

/* The definition of an index over the path that the line is; data NULL: it is none. */
static hf_slice define(hf_slice line) {
  hf_error err;
  hf_buffer definition = HF_BUFFER_INIT, name = HF_BUFFER_INIT, again = HF_BUFFER_INIT;
  char *path = strndup(line.data, line.size);
  CHECK(path);
  hf_status status = hf__index_define((const char *const *)&path, 1, true, &definition, &name, &err);
  if (status) {
    check_message(&err);
    hf_buffer_free(&definition);
  } else {
    char *first = strdup(definition.data), *spelt = strdup(name.data);
    CHECK(first && spelt);
    CHECK(hf__index_define((const char *const *)&spelt, 1, true, &again, &name, &err) == HF_OK);
    CHECK(strcmp(again.data, first) == 0 && strcmp(name.data, spelt) == 0);
    free(first);
    free(spelt);
  }
  hf_buffer_free(&name);
  hf_buffer_free(&again);
  free(path);
  return (hf_slice){definition.data, definition.size};
}

static hf_index_set *set_of(hf_slice definition, hf_error *err) {
  hf_index_set *set = hf_index_set_new();
  CHECK(set);
  if (hf_index_set_add(set, definition, 0, true, err) == HF_OK) return set;
  hf_index_set_free(set);
  return NULL;
}

/* The set of the index that the line means; NULL: none. */
static hf_index_set *make_set(hf_slice line) {
  hf_error err;
  hf_slice defined = define(line);
  hf_index_set *set = set_of(defined.data ? defined : line, &err);
  CHECK(set || !defined.data);
  free((void *)(uintptr_t)defined.data);
  if (!set) {
    check_message(&err);
    return NULL;
  }
  const hf_index *index = hf_index_set_at(set, 0);
  hf_index_set *again = set_of(index->definition, &err);
  CHECK(again && strcmp(hf_index_set_at(again, 0)->definition.data, index->definition.data) == 0);
  hf_index_set_free(again);
  return set;
}

/* ---- values */

static void check_value(const hf_index_set *set, hf_slice json, const hf_index_value *value) {
  CHECK(value->size > 0 && value->size <= HF_INDEX_VALUE_MAX);
  CHECK(value->bytes[0] % HF__INDEX_CLASS_STEP == 0 && value->bytes[0] >= HF__INDEX_NULL &&
        value->bytes[0] <= HF__INDEX_UNWALKABLE);
  CHECK(hf_index_same(set, 0, json, json));
}

/* ---- covers */

static uint64_t count_one(const hf__cover_part *part, uint64_t most, void *arg) {
  (void)part;
  (void)arg;
  return most ? 1 : 0;
}

static bool is_in(const hf_index_range *range, const hf_index_value *value) {
  hf_slice bytes = {(const char *)value->bytes, value->size};
  return hf__text_order(range->lower, bytes) <= 0 && hf__text_order(bytes, range->upper) < 0;
}

static void check_cover(hf_condition *c, const hf_index_set *set, hf_slice json, const hf_index_value *value) {
  const hf__cover_wish wish = {c, set, 100, true, count_one, NULL};
  const char *why = NULL;
  bool found = false, sure = false;
  hf__cover *cover = hf__cover_make(&wish, &why);
  if (!cover) {
    CHECK(why && *why);
    return;
  }
  for (size_t i = 0; i < cover->count; i++) {
    const hf__cover_part *part = &cover->parts[i];
    for (size_t n = 0; n < part->count; n++) {
      if (!is_in(&part->ranges[n], value)) continue;
      found = true;
      sure = sure || part->is_sure[n];
    }
  }
  hf_answer answer = hf__condition_test(c, hf_text("id"), json);
  CHECK(found || answer == HF_ANSWER_NO);
  CHECK(!sure || answer == HF_ANSWER_YES);
  hf__cover_free(cover);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  hf_error err;
  hf_condition *c = NULL;
  hf_index_value values[HF_INDEXES_MAX];
  hf_slice index = take_line(&data, &size), json = take_line(&data, &size), condition = take_line(&data, &size);
  hf_index_set *set = make_set(index);
  if (set && hf_json_validate(json, &err) == HF_OK) {
    hf_index_values(set, json, values);
    check_value(set, json, &values[0]);
    if (hf_condition_parse(condition, &c, &err) == HF_OK) check_cover(c, set, json, &values[0]);
  }
  hf_condition_free(c);
  hf_index_set_free(set);
  free((void *)(uintptr_t)index.data);
  free((void *)(uintptr_t)json.data);
  free((void *)(uintptr_t)condition.data);
  return 0;
}
