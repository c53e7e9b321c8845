/* SPDX-License-Identifier: MIT
 *
 * What the C tests of stores share: a store that is new in each test and gone after it, and checks that say
 * what the error was.  `err` in a check is a variable hf_error of the test.
 */
#ifndef HF_TESTS_UNIT_SUPPORT_H
#define HF_TESTS_UNIT_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "holdfast/holdfast.h"

/* Ends the test: FAIL, the place and the text are what tests/support/unit.sh makes of it. */
#define FAIL_AT(file, line, ...)                                                                                       \
  do {                                                                                                                 \
    print_error("ERROR: " __VA_ARGS__);                                                                                \
    print_error("\n");                                                                                                 \
    _fail(file, line);                                                                                                 \
  } while (0)

/* cmocka's own say neither what was compared nor which of the two was expected. */
#undef assert_int_equal
#define assert_int_equal(got, expected)                                                                                \
  check_int(cast_to_largest_integral_type(got), cast_to_largest_integral_type(expected), #got, __FILE__, __LINE__)
#undef assert_string_equal
#define assert_string_equal(got, expected) check_text(got, expected, #got, __FILE__, __LINE__)
#undef assert_true
#define assert_true(condition)                                                                                         \
  do {                                                                                                                 \
    if (!(condition)) FAIL_AT(__FILE__, __LINE__, "%s is false", #condition);                                          \
  } while (0)
#undef assert_false
#define assert_false(condition)                                                                                        \
  do {                                                                                                                 \
    if (condition) FAIL_AT(__FILE__, __LINE__, "%s is true", #condition);                                              \
  } while (0)
#undef assert_null
#define assert_null(pointer)                                                                                           \
  do {                                                                                                                 \
    if (pointer) FAIL_AT(__FILE__, __LINE__, "%s is not NULL", #pointer);                                              \
  } while (0)
#undef assert_non_null
#define assert_non_null(pointer)                                                                                       \
  do {                                                                                                                 \
    if (!(pointer)) FAIL_AT(__FILE__, __LINE__, "%s is NULL", #pointer);                                               \
  } while (0)

static inline void check_int(LargestIntegralType got, LargestIntegralType expected, const char *what, const char *file,
                             int line) {
  if (got != expected) FAIL_AT(file, line, "%s: expected %jd, got %jd", what, (intmax_t)expected, (intmax_t)got);
}

static inline void check_text(const char *got, const char *expected, const char *what, const char *file, int line) {
  if (!got || !expected || strcmp(got, expected) != 0)
    FAIL_AT(file, line, "%s: expected \"%s\", got \"%s\"", what, expected ? expected : "(NULL)", got ? got : "(NULL)");
}

/* The call succeeds. */
#define OK(call)                                                                                                       \
  do {                                                                                                                 \
    hf_status ok_status = (call);                                                                                      \
    if (ok_status)                                                                                                     \
      FAIL_AT(__FILE__, __LINE__, "expected ok, got %s of %s: %s (%s)", hf_status_name(ok_status), #call, err.message, \
              err.cause);                                                                                              \
  } while (0)

/* The call fails with the status, and the error says the same. */
#define FAILS(expected, call)                                                                                          \
  do {                                                                                                                 \
    hf_status fails_status = (call);                                                                                   \
    if (fails_status != (expected))                                                                                    \
      FAIL_AT(__FILE__, __LINE__, "expected %s, got %s of %s: %s", hf_status_name(expected),                           \
              hf_status_name(fails_status), #call, fails_status ? err.message : "");                                   \
    assert_int_equal(err.status, expected);                                                                            \
    assert_true(*err.message);                                                                                         \
  } while (0)

/* The text contains the piece. */
#define CONTAINS(text, piece)                                                                                          \
  do {                                                                                                                 \
    if (!strstr((text), (piece)))                                                                                      \
      FAIL_AT(__FILE__, __LINE__, "expected \"%s\" in the text, got \"%s\"", (piece), (text));                         \
  } while (0)

/* A new directory, to be removed with remove_directory(), which also frees the text. */
static inline char *new_directory(void) {
  const char *root = getenv("TMPDIR");
  char path[4096];
  snprintf(path, sizeof path, "%s/holdfast-test-XXXXXX", root && *root ? root : P_tmpdir);
  assert_non_null(mkdtemp(path));
  return strdup(path);
}

static inline void remove_directory(char *path) {
  char command[4200];
  snprintf(command, sizeof command, "rm -rf -- '%s'", path);
  if (system(command)) perror(command);
  free(path);
}

/* printf into memory that stays until the next eight calls. */
static inline const char *text_of(const char *fmt, ...) HF_PRINTF(1, 2);
static inline const char *text_of(const char *fmt, ...) {
  static char texts[8][4200];
  static int next;
  char *out = texts[next++ % 8];
  va_list args;
  va_start(args, fmt);
  vsnprintf(out, sizeof texts[0], fmt, args);
  va_end(args);
  return out;
}

/* Stores for a group of tests that runs once on each: *state is a struct store. */
struct store {
  const char *scheme; /* "lmdb", "file" or "memory" */
  char *directory;
  char base[4200];
};

static inline struct store *new_store(const char *scheme) {
  static int number;
  struct store *s = calloc(1, sizeof *s);
  assert_non_null(s);
  s->scheme = scheme;
  s->directory = new_directory();
  if (strcmp(scheme, "memory") != 0)
    snprintf(s->base, sizeof s->base, "%s:%s/store?durability=nosync", scheme, s->directory);
  else
    snprintf(s->base, sizeof s->base, "%s:test-%d", scheme, ++number);
  return s;
}

static inline int setup_lmdb(void **state) {
  *state = new_store("lmdb");
  return 0;
}

/* One whose commits are flushed: only such are shared by threads. */
static inline int setup_synced(void **state) {
  struct store *s = new_store("lmdb");
  snprintf(s->base, sizeof s->base, "lmdb:%s/store", s->directory);
  *state = s;
  return 0;
}

static inline int setup_file(void **state) {
  *state = new_store("file");
  return 0;
}

static inline int setup_memory(void **state) {
  *state = new_store("memory");
  return 0;
}

static inline int teardown_store(void **state) {
  struct store *s = *state;
  remove_directory(s->directory);
  free(s);
  return 0;
}

/* A handle on the test's store; the test closes it. */
static inline hf_persist *open_persist(const struct store *s, const char *name) {
  hf_error err;
  hf_persist *p;
  OK(hf_persist_open(hf_text(name), s->base, NULL, &p, &err));
  return p;
}

static inline void write_text(hf_persist *p, const char *id, const char *json) {
  hf_error err;
  OK(hf_persist_write(p, hf_text(id), hf_text(json), NULL, NULL, &err));
}

/* The entity has exactly this text; NULL: there is none. */
#define assert_entity(p, id, json) check_entity(p, id, json, __FILE__, __LINE__)
static inline void check_entity(hf_persist *p, const char *id, const char *json, const char *file, int line) {
  hf_error err;
  hf_buffer text = HF_BUFFER_INIT;
  hf_status status = hf_persist_read(p, hf_text(id), &text, NULL, &err);
  if (status != (json ? HF_OK : HF_NOT_FOUND))
    FAIL_AT(file, line, "entity %s: expected %s, got %s: %s", id, json ? json : "none", hf_status_name(status),
            status ? err.message : text.data);
  if (json) {
    check_text(text.data, json, id, file, line);
    check_int(text.size, strlen(json), id, file, line);
  }
  hf_buffer_free(&text);
}

static inline uint64_t count_of(hf_persist *p) {
  hf_error err;
  uint64_t n = 0;
  OK(hf_persist_count(p, &n, &err));
  return n;
}

/* One test on both kinds of store. */
#define ON_BOTH(test)                                                                                                  \
  {#test " on lmdb", test, setup_lmdb, teardown_store, NULL}, {                                                        \
#test " on memory", test, setup_memory, teardown_store, NULL                                                       \
  }
/* One test on these and on files, which have neither transactions nor revisions. */
#define ON_ALL(test)                                                                                                   \
  ON_BOTH(test), { #test " on files", test, setup_file, teardown_store, NULL }
#define ON_LMDB(test)                                                                                                  \
  { #test, test, setup_lmdb, teardown_store, NULL }
#define ON_SYNCED(test)                                                                                                \
  { #test " on synced lmdb", test, setup_synced, teardown_store, NULL }

#endif
