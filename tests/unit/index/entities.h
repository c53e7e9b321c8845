/* SPDX-License-Identifier: MIT
 *
 * Entities for the tests of covers: everything that the fields a and b may be, each with each, with texts that are cut
 * in an index, and entities that are no objects.
 */
#ifndef HF_TESTS_UNIT_INDEX_ENTITIES_H
#define HF_TESTS_UNIT_INDEX_ENTITIES_H

#include "../support.h"
#include "holdfast/backend.h"

#define X10 "xxxxxxxxxx"
#define X45 X10 X10 X10 X10 "xxxxx"
#define X187 X45 X45 X45 X45 "xxxxxxx"

/* Texts about as long as what an index has of them: all of it, or but for the last bytes. */
#define TEXT_187 X187
#define TEXT_188A X187 "a"
#define TEXT_188B X187 "b"
#define TEXT_91 X45 X45 "x"
#define TEXT_92A X45 X45 "xa"
#define TEXT_92B X45 X45 "xb"
#define TEXT_43 X10 X10 X10 X10 "xxx"
#define TEXT_44A X10 X10 X10 X10 "xxxa"
#define TEXT_44B X10 X10 X10 X10 "xxxb"

/* What may be at a field; NULL: it is missing. */
static const char *const field_values[] = {
    NULL,
    "null",
    "false",
    "true",
    "-1e999",
    "-1",
    "-0.0",
    "0",
    "0.5",
    "1",
    "2",
    "1e999",
    "\"\"",
    "\"\\u0000\"",
    "\"a\"",
    "\"a\\u0000\"",
    "\"a\\u0001\"",
    "\"ab\"",
    "\"b\"",
    "\"\xC3\xA9\"",
    "\"\\u0061\\u0062\"",
    "\"number\"",
    "\"" TEXT_43 "\"",
    "\"" TEXT_44A "\"",
    "\"" TEXT_44B "\"",
    "\"" TEXT_91 "\"",
    "\"" TEXT_92A "\"",
    "\"" TEXT_92B "\"",
    "\"" TEXT_187 "\"",
    "\"" TEXT_188A "\"",
    "\"" TEXT_188B "\"",
    "\"" TEXT_188B "\\u0000\"",
    "[]",
    "[1]",
    "[\"a\",{\"x\":1}]",
    "{}",
    "{\"x\":null}",
    "{\"x\":false}",
    "{\"x\":1}",
    "{\"x\":2,\"y\":1}",
    "{\"x\":\"a\"}",
    "{\"x\":[]}",
    "{\"x\":{\"y\":0}}",
    "{\"x\":{\"y\":\"b\"}}",
};
enum { FIELD_VALUES = sizeof field_values / sizeof *field_values };

static const char *const other_entities[] = {
    "null", "true", "7", "\"a\"", "\"\"", "[]", "[1]", "[{\"x\":1},\"b\"]", "[[1]]", "{\"c\":1}",
};
enum { OTHERS = sizeof other_entities / sizeof *other_entities, ENTITIES = FIELD_VALUES * FIELD_VALUES + OTHERS };

static hf_slice entities[ENTITIES];

static void make_entities(void) {
  size_t count = 0;
  for (unsigned i = 0; i < FIELD_VALUES; i++) {
    for (unsigned j = 0; j < FIELD_VALUES; j++) {
      const char *a = field_values[i], *b = field_values[j];
      hf_buffer json = HF_BUFFER_INIT;
      assert_true(hf_buffer_printf(&json, "{%s%s%s%s%s}", a ? "\"a\":" : "", a ? a : "", a && b ? "," : "",
                                   b ? "\"b\":" : "", b ? b : ""));
      entities[count++] = (hf_slice){json.data, json.size};
    }
  }
  for (unsigned i = 0; i < OTHERS; i++) {
    char *copy = strdup(other_entities[i]);
    assert_non_null(copy);
    entities[count++] = hf_text(copy);
  }
}

static void free_entities(void) {
  for (size_t i = 0; i < ENTITIES; i++) free((void *)(uintptr_t)entities[i].data);
}

#endif
