/* SPDX-License-Identifier: MIT
 *
 * What the tests of conditions share: short names for building one, and texts that end where
 * their memory ends.
 */
#ifndef HF_TESTS_UNIT_CONDITION_SUPPORT_H
#define HF_TESTS_UNIT_CONDITION_SUPPORT_H

#include <sys/mman.h>

#include "../support.h"
#include "condition/node.h"

/* The condition that is being built or tested. */
static hf_condition *c;

static inline void begin(void) {
  hf__condition_free(c);
  c = hf__condition_new();
  assert_non_null(c);
}

static inline int constant(hf_constant_kind kind) { return hf__condition_constant(c, &(hf_constant){.kind = kind}); }

static inline int number(double value) {
  return hf__condition_constant(c, &(hf_constant){.kind = HF_CONSTANT_NUMBER, .number = value});
}

static inline int text(const char *value) {
  return hf__condition_constant(c, &(hf_constant){.kind = HF_CONSTANT_TEXT, .text = hf_text(value)});
}

/* A path such as "metadata.tags.1" or ""; digits are a place in an array. */
static inline int path(const char *steps) {
  hf_step step[HF_CONDITION_STEPS_MAX + 1];
  size_t count = 0;
  while (*steps) {
    size_t size = strcspn(steps, ".");
    bool digits = strspn(steps, "0123456789") == size;
    step[count++] = digits ? (hf_step){.place = (uint32_t)atoi(steps)} : (hf_step){.field = {steps, size}};
    steps += size + (steps[size] == '.');
  }
  int node = hf__condition_path(c, HF_ROOT_ENTITY, step, count);
  assert_true(node >= 0);
  return node;
}

static inline int op(hf_operator code, int a, int b, int d) {
  int operands[] = {a, b, d};
  int node = hf__condition_operator(c, code, operands);
  assert_true(node >= 0);
  return node;
}

static inline void finish(int node) { assert_true(hf__condition_finish(c, node)); }

/* A copy of a text, after as many spaces, that ends where readable memory ends. */
static inline hf_slice at_the_edge(size_t spaces, const char *data, size_t size) {
  enum { PAGE = 4096, PAGES = 64 };
  static char *memory;
  if (!memory) {
    memory = mmap(NULL, (PAGES + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    assert_int_equal(mprotect(memory + PAGES * PAGE, PAGE, PROT_NONE), 0);
  }
  assert_true(spaces + size <= PAGES * PAGE);
  char *copy = memory + PAGES * PAGE - spaces - size;
  memset(copy, ' ', spaces);
  for (size_t i = 0; i < size; i++) copy[spaces + i] = data[i];
  return (hf_slice){copy, spaces + size};
}

static const char *const answer_names[] = {"no", "yes", "ask", "raises"};

#define expect(json, answer) expect_sized((json), strlen(json), (answer), __FILE__, __LINE__)

/* One test with one finder, of the text after as many spaces. */
static inline void expect_with(hf__finder *find, size_t spaces, const char *json, size_t size, int answer,
                               const char *file, int line) {
  hf__finder *best = c->find;
  c->find = find;
  int got = (int)hf__condition_test(c, hf_text("the-id"), at_the_edge(spaces, json, size));
  c->find = best;
  if (got != answer)
    FAIL_AT(file, line, "%s after %zu spaces, %s: expected %s, got %s (%s)", json, spaces,
            find == hf__find_plain ? "plain" : "best", answer_names[answer], answer_names[got],
            hf__condition_reason(c));
}

/* By all finders, with the ends of blocks at each of its bytes. */
static inline void expect_sized(const char *json, size_t size, int answer, const char *file, int line) {
  for (size_t spaces = 0; spaces <= 130; spaces++) {
    expect_with(c->find, spaces, json, size, answer, file, line);
    expect_with(hf__find_plain, spaces, json, size, answer, file, line);
  }
  expect_with(c->find, 0, json, size, answer, file, line);
}

#endif
