/* SPDX-License-Identifier: MIT
 *
 * Iterations with a condition: which entities they hand out and count, on stores that evaluate it where the data is and
 * on those for which the core does, and what becomes of those that it cannot tell.
 */
#include "condition/condition.h"
#include "core/persist.h"

#include "unit/support.h"

enum { EVERY = 100 };

/* More than a scan call looks at; on files, which are slow to write, some pages. */
static size_t many(void **state) { return strcmp(((struct store *)*state)->scheme, "file") == 0 ? 700 : 5000; }

/* ---- conditions */

static int field(hf_condition *c, const char *name) {
  hf_step step = {hf_text(name), 0};
  int node = hf__condition_path(c, HF_ROOT_ENTITY, &step, 1);
  assert_true(node >= 0);
  return node;
}

static hf_condition *compare(hf_operator how, hf_condition *c, int with) {
  int node = hf__condition_operator(c, how, (const int[]){field(c, "n"), with});
  assert_true(node >= 0 && hf__condition_finish(c, node));
  return c;
}

/* v.n OPERATOR number */
static hf_condition *number(hf_operator how, double value) {
  hf_condition *c = hf__condition_new();
  return compare(how, c, hf__condition_constant(c, &(hf_constant){.kind = HF_CONSTANT_NUMBER, .number = value}));
}

/* v.n >= ? */
static hf_condition *at_least(double value) {
  hf_condition *c = hf__condition_new();
  compare(HF_OPERATOR_GE, c, hf__condition_parameter(c, 0));
  assert_true(hf__condition_set(c, 0, &(hf_constant){.kind = HF_CONSTANT_NUMBER, .number = value}));
  return c;
}

/* v.hit == true */
static hf_condition *hit(void) {
  hf_condition *c = hf__condition_new();
  int yes = hf__condition_constant(c, &(hf_constant){.kind = HF_CONSTANT_TRUE});
  int node = hf__condition_operator(c, HF_OPERATOR_EQ, (const int[]){field(c, "hit"), yes});
  assert_true(hf__condition_finish(c, node));
  return c;
}

/* ---- entities */

static void write_many(hf_persist *p, size_t count) {
  hf_error err;
  hf_item *items = calloc(count, sizeof *items);
  char(*texts)[2][64] = calloc(count, sizeof *texts);
  for (size_t i = 0; i < count; i++) {
    snprintf(texts[i][0], sizeof texts[i][0], "%s-%zu", i % 2 ? "odd" : "even", i);
    snprintf(texts[i][1], sizeof texts[i][1], "{\"n\":%zu,\"hit\":%s}", i, i % EVERY == 0 ? "true" : "false");
    items[i] = (hf_item){.id = hf_text(texts[i][0]), .json = hf_text(texts[i][1])};
  }
  OK(hf_persist_write_many(p, items, count, &err));
  free(texts);
  free(items);
}

/* The numbers at the end of the ids that an iteration gives, in its order, as one text. */
static const char *numbers(hf_persist *p, const hf_range *range) {
  static char out[8192];
  hf_error err;
  hf_iter *it;
  const hf_entry *e;
  size_t size = 0;
  out[0] = '\0';
  OK(hf_iter_open(p, range, &it, &err));
  for (;;) {
    OK(hf_iter_next(it, &e, &err));
    if (!e) break;
    assert_int_equal(e->json.data == NULL, range->keys_only);
    const char *dash = memchr(e->id.data, '-', e->id.size);
    size += (size_t)snprintf(out + size, sizeof out - size, "%s%.*s", size ? " " : "",
                             (int)(e->id.size - (size_t)(dash + 1 - e->id.data)), dash + 1);
  }
  hf_iter_close(it);
  return out;
}

static uint64_t counted(hf_persist *p, const hf_range *range) {
  hf_error err;
  uint64_t n = UINT64_MAX;
  OK(hf_persist_count_where(p, range, &n, &err));
  return n;
}

static hf_range where(hf_condition *c) {
  hf_range range = HF_RANGE_INIT;
  range.where = c;
  return range;
}

/* ---- what is handed out */

static void only_those_that_it_holds_for_are_handed_out(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  write_many(p, 1000);
  hf_condition *c = hit();
  hf_range range = where(c);
  assert_string_equal(numbers(p, &range), "0 100 200 300 400 500 600 700 800 900");
  range.reverse = true;
  assert_string_equal(numbers(p, &range), "900 800 700 600 500 400 300 200 100 0");
  range.has_limit = true;
  range.limit = 3;
  assert_string_equal(numbers(p, &range), "900 800 700");
  range.reverse = false;
  range.keys_only = true;
  assert_string_equal(numbers(p, &range), "0 100 200");
  range.from = hf_text("even-250");
  range.to = hf_text("even-401");
  assert_string_equal(numbers(p, &range), "300 400");
  range.from = range.to = (hf_slice){NULL, 0};
  range.prefix = hf_text("odd");
  assert_string_equal(numbers(p, &range), "");
  hf__condition_free(c);
  hf_persist_close(p);
}

static void a_range_without_one_is_what_it_was(void **state) {
  hf_error err;
  hf_iter *it;
  const hf_entry *e;
  hf_persist *p = open_persist(*state, "signal");
  write_many(p, 3);
  struct {
    hf_range range;
  } old = {HF_RANGE_INIT};
  memset(&old.range.where, 0xAA, sizeof old.range.where); /* memory of whoever has a shorter struct */
  for (size_t i = 0; i < 2; i++) {
    old.range.struct_size = i ? offsetof(hf_range, where) : 0;
    assert_string_equal(numbers(p, &old.range), "0 2 1");
    assert_int_equal(counted(p, &old.range), 3);
  }
  OK(hf_iter_open(p, NULL, &it, &err));
  for (int i = 0; i < 3; i++) OK(hf_iter_next(it, &e, &err));
  hf_iter_close(it);
  hf_persist_close(p);
}

static void counting_is_what_iterating_would_count(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  size_t n = many(state);
  write_many(p, n);
  hf_condition *c = hit();
  hf_range range = where(c);
  assert_int_equal(counted(p, &range), n / EVERY);
  range.prefix = hf_text("odd");
  assert_int_equal(counted(p, &range), 0);
  range.prefix = hf_text("even-1");
  range.reverse = true;
  assert_int_equal(counted(p, &range), n > 1000 ? 1 + 10 : 1);
  range.has_limit = true;
  range.limit = 1;
  assert_int_equal(counted(p, &range), 1);
  range.limit = 4;
  range.where = NULL;
  assert_int_equal(counted(p, &range), 4);
  range.has_limit = false;
  assert_int_equal(counted(p, &range), 5 + 50 + (n > 1000 ? 500 : 0));
  assert_int_equal(counted(p, NULL), n);
  hf__condition_free(c);
  hf_persist_close(p);
}

static void what_changes_on_the_way_is_seen_when_its_turn_comes(void **state) {
  hf_error err;
  hf_iter *it;
  const hf_entry *e;
  hf_persist *p = open_persist(*state, "signal");
  size_t n = many(state), found = 0;
  write_many(p, n);
  hf_condition *c = hit();
  hf_range range = where(c);
  OK(hf_iter_open(p, &range, &it, &err));
  for (;;) {
    OK(hf_iter_next(it, &e, &err));
    if (!e) break;
    if (found++) continue;
    write_text(p, text_of("even-%zu", n - 2), "{\"hit\":true}");
    OK(hf_persist_remove(p, hf_text(text_of("even-%zu", n - EVERY)), &err));
  }
  assert_int_equal(found, n / EVERY);
  hf_iter_close(it);
  hf__condition_free(c);
  hf_persist_close(p);
}

static void a_transaction_sees_what_it_wrote(void **state) {
  hf_error err;
  hf_txn *txn;
  hf_persist *p = open_persist(*state, "signal");
  write_many(p, 1000);
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  write_text(p, "even-5", "{\"hit\":true}");
  OK(hf_persist_remove(p, hf_text("even-0"), &err));
  hf_condition *c = hit();
  hf_range range = where(c);
  assert_string_equal(numbers(p, &range), "5 100 200 300 400 500 600 700 800 900");
  assert_int_equal(counted(p, &range), 10);
  hf_txn_abort(txn);
  assert_string_equal(numbers(p, &range), "0 100 200 300 400 500 600 700 800 900");
  hf__condition_free(c);
  hf_persist_close(p);
}

/* ---- what it cannot tell */

static void the_entity_that_raises_ends_the_iteration(void **state) {
  hf_error err;
  hf_iter *it;
  const hf_entry *e;
  uint64_t n = 7;
  hf_persist *p = open_persist(*state, "signal");
  write_many(p, 600);
  write_text(p, "even-500", "{\"hit\":true}"); /* v.n < 2000: nil is compared with a number */
  hf_condition *c = number(HF_OPERATOR_LT, 2000);
  hf_range range = where(c);
  OK(hf_iter_open(p, &range, &it, &err));
  for (int i = 0; i < 250; i++) {
    OK(hf_iter_next(it, &e, &err));
    assert_non_null(e);
  }
  FAILS(HF_SCRIPT, hf_iter_next(it, &e, &err));
  assert_null(e);
  assert_string_equal(err.entity_name, "signal");
  assert_string_equal(err.entity_id, "even-500");
  CONTAINS(err.message, "signal:even-500");
  CONTAINS(err.message, "compare");
  OK(hf_iter_next(it, &e, &err));
  assert_null(e);
  hf_iter_close(it);
  FAILS(HF_SCRIPT, hf_persist_count_where(p, &range, &n, &err));
  assert_string_equal(err.entity_id, "even-500");
  assert_int_equal(n, 7);
  range.has_limit = true;
  range.limit = 250;
  assert_int_equal(counted(p, &range), 250);
  hf__condition_free(c);
  hf_persist_close(p);
}

static void what_is_in_quarantine_cannot_be_asked(void **state) {
  hf_error err;
  hf_iter *it;
  hf_persist *p = open_persist(*state, "signal");
  hf_condition *c = hit();
  hf_range range = where(c);
  FAILS(HF_INVALID_ARGUMENT, hf_persist_quarantined(p, &range, &it, &err));
  CONTAINS(err.message, "range.where");
  hf__condition_free(c);
  hf_persist_close(p);
}

/* ---- for a function that tells what it cannot */

/* Takes entities and expects these numbers at the end of their ids; -1: the end. */
#define NEXT(it, ...)                                                                                                  \
  do {                                                                                                                 \
    static const int expected[] = {__VA_ARGS__};                                                                       \
    for (size_t i_ = 0; i_ < sizeof expected / sizeof *expected; i_++)                                                 \
      assert_int_equal(number_of_next(it), expected[i_]);                                                              \
  } while (0)

static int number_of_next(hf_iter *it) {
  hf_error err;
  const hf_entry *e;
  OK(hf_iter_next(it, &e, &err));
  if (!e) return -1;
  const char *dash = memchr(e->id.data, '-', e->id.size);
  char digits[16] = "";
  memcpy(digits, dash + 1, e->id.size - (size_t)(dash + 1 - e->id.data));
  return atoi(digits);
}

static void a_parameter_that_changes_holds_from_the_next_entity_on(void **state) {
  hf_error err;
  hf_iter *it;
  hf_persist *p = open_persist(*state, "signal");
  write_many(p, 1000);
  hf_range range = HF_RANGE_INIT;
  range.prefix = hf_text("even");
  hf_condition *c = at_least(990);
  OK(hf_iter_open(p, &range, &it, &err));
  NEXT(it, 0, 2);
  assert_true(hf__iter_ask(it, c, false));
  NEXT(it, 990, 992);
  hf__condition_set(c, 0, &(hf_constant){.kind = HF_CONSTANT_NUMBER, .number = 996});
  assert_true(hf__iter_ask(it, c, false));
  NEXT(it, 996);
  assert_true(hf__iter_ask(it, NULL, false));
  NEXT(it, 998, -1);
  hf_iter_close(it);
  hf__condition_free(c);
  hf_persist_close(p);
}

static void what_was_left_out_ahead_is_found_again(void **state) {
  hf_error err;
  hf_iter *it;
  hf_persist *p = open_persist(*state, "signal");
  write_many(p, 1000);
  hf_range range = HF_RANGE_INIT;
  range.reverse = true;
  range.prefix = hf_text("even");
  hf_condition *c = at_least(998);
  OK(hf_iter_open(p, &range, &it, &err));
  assert_true(hf__iter_ask(it, c, false));
  NEXT(it, 998); /* and all others were looked at */
  hf__condition_set(c, 0, &(hf_constant){.kind = HF_CONSTANT_NUMBER, .number = 994});
  assert_true(hf__iter_ask(it, c, false));
  NEXT(it, 996, 994, -1);
  hf_iter_close(it);
  hf__condition_free(c);
  hf_persist_close(p);
}

static void what_is_sure_is_counted_and_the_rest_handed_out(void **state) {
  hf_error err;
  hf_iter *it;
  hf_persist *p = open_persist(*state, "signal");
  write_many(p, 1000);
  write_text(p, "even-10", "{}");
  write_text(p, "even-500", "{}");
  hf_range range = HF_RANGE_INIT;
  range.prefix = hf_text("even");
  hf_condition *c = at_least(0);
  OK(hf_iter_open(p, &range, &it, &err));
  assert_true(hf__iter_ask(it, c, true));
  NEXT(it, 10);
  assert_int_equal(hf__iter_counted(it), 5);
  hf__condition_set(c, 0, &(hf_constant){.kind = HF_CONSTANT_NUMBER, .number = 998}); /* 5 are not counted again */
  assert_true(hf__iter_ask(it, c, true));
  NEXT(it, 500);
  assert_int_equal(hf__iter_counted(it), 5);
  NEXT(it, -1);
  assert_int_equal(hf__iter_counted(it), 6);
  hf_iter_close(it);
  hf__condition_free(c);
  hf_persist_close(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_ALL(only_those_that_it_holds_for_are_handed_out),
      ON_ALL(a_range_without_one_is_what_it_was),
      ON_ALL(counting_is_what_iterating_would_count),
      ON_ALL(what_changes_on_the_way_is_seen_when_its_turn_comes),
      ON_BOTH(a_transaction_sees_what_it_wrote),
      ON_ALL(the_entity_that_raises_ends_the_iteration),
      ON_ALL(what_is_in_quarantine_cannot_be_asked),
      ON_ALL(a_parameter_that_changes_holds_from_the_next_entity_on),
      ON_ALL(what_was_left_out_ahead_is_found_again),
      ON_ALL(what_is_sure_is_counted_and_the_rest_handed_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
