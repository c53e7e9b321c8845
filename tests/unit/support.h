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

/* The call succeeds. */
#define OK(call)                                                                                                       \
  do {                                                                                                                 \
    hf_status ok_status = (call);                                                                                      \
    if (ok_status) fail_msg("%s\n    %s: %s (%s)", #call, hf_status_name(ok_status), err.message, err.cause);          \
  } while (0)

/* The call fails with the status, and the error says the same. */
#define FAILS(expected, call)                                                                                          \
  do {                                                                                                                 \
    hf_status fails_status = (call);                                                                                   \
    if (fails_status != (expected))                                                                                    \
      fail_msg("%s\n    %s instead of %s: %s", #call, hf_status_name(fails_status), hf_status_name(expected),          \
               fails_status ? err.message : "");                                                                       \
    assert_int_equal(err.status, expected);                                                                            \
    assert_true(*err.message);                                                                                         \
  } while (0)

/* The text contains the piece. */
#define CONTAINS(text, piece)                                                                                          \
  do {                                                                                                                 \
    if (!strstr((text), (piece))) fail_msg("\"%s\" is not in \"%s\"", (piece), (text));                                \
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
static inline void assert_entity(hf_persist *p, const char *id, const char *json) {
  hf_error err;
  hf_buffer text = HF_BUFFER_INIT;
  if (json) {
    OK(hf_persist_read(p, hf_text(id), &text, NULL, &err));
    assert_string_equal(text.data, json);
    assert_int_equal(text.size, strlen(json));
  } else {
    FAILS(HF_NOT_FOUND, hf_persist_read(p, hf_text(id), &text, NULL, &err));
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

#endif
