/* SPDX-License-Identifier: MIT
 *
 * What the tests of the embedded runtime share: a runtime for each.
 */
#ifndef HF_TESTS_UNIT_LUA_RUNTIME_SUPPORT_H
#define HF_TESTS_UNIT_LUA_RUNTIME_SUPPORT_H

#include "unit/support.h"

/* A runtime for each test, and a folder. */
struct fixture {
  hf_runtime *runtime;
  char *directory;
};

static inline int setup(void **state) {
  hf_error err;
  struct fixture *f = calloc(1, sizeof *f);
  f->directory = new_directory();
  OK(hf_runtime_open(&f->runtime, &err));
  *state = f;
  return 0;
}

static inline int teardown(void **state) {
  struct fixture *f = *state;
  hf_runtime_close(f->runtime);
  remove_directory(f->directory);
  free(f);
  return 0;
}

/* Runs a piece of Lua. */
static inline hf_status run(struct fixture *f, const char *code, hf_error *err) {
  return hf_runtime_run_text(f->runtime, hf_text(code), "=test", err);
}

#define IN_RUNTIME(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
