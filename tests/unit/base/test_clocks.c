/* SPDX-License-Identifier: MIT
 *
 * When the wall clock is believed.
 */
#include "base/clocks.h"

#include "holdfast/backend.h"
#include "unit/support.h"

static const hf__clocks note = {"here", 1000000000, 50000};

/* Both clocks, so much after the note; the wall clock is ahead by the rest. */
static hf__clocks after(int64_t ms, int64_t ahead) {
  return (hf__clocks){"here", note.wall + ms + ahead, note.boottime + ms};
}

static void clocks_that_went_together_long_enough_agree(void **state) {
  (void)state;
  hf__clocks now = after(HF__CLOCKS_TOGETHER_MS, 0);
  assert_int_equal(hf__clocks_compare(&note, &now), HF__CLOCKS_AGREE);
  now = after(HF__CLOCKS_TOGETHER_MS, HF__CLOCKS_APART_MS);
  assert_int_equal(hf__clocks_compare(&note, &now), HF__CLOCKS_AGREE);
  now = after(HF__CLOCKS_TOGETHER_MS, -HF__CLOCKS_APART_MS);
  assert_int_equal(hf__clocks_compare(&note, &now), HF__CLOCKS_AGREE);
}

static void before_that_one_waits(void **state) {
  (void)state;
  hf__clocks now = after(HF__CLOCKS_TOGETHER_MS - 1, 0);
  assert_int_equal(hf__clocks_compare(&note, &now), HF__CLOCKS_WAIT);
  assert_int_equal(hf__clocks_compare(&note, &note), HF__CLOCKS_WAIT);
}

static void a_wall_clock_that_was_set_is_not_believed(void **state) {
  (void)state;
  const int64_t year = (int64_t)365 * 86400000;
  hf__clocks now = after(HF__CLOCKS_TOGETHER_MS, year);
  assert_int_equal(hf__clocks_compare(&note, &now), HF__CLOCKS_DIFFER);
  now = after(HF__CLOCKS_TOGETHER_MS, -year);
  assert_int_equal(hf__clocks_compare(&note, &now), HF__CLOCKS_DIFFER);
  now = after(1000, HF__CLOCKS_APART_MS + 1);
  assert_int_equal(hf__clocks_compare(&note, &now), HF__CLOCKS_DIFFER);
}

static void another_start_of_the_machine_is_another_clock(void **state) {
  (void)state;
  hf__clocks now = after(HF__CLOCKS_TOGETHER_MS, 0);
  strcpy(now.boot, "there");
  assert_int_equal(hf__clocks_compare(&note, &now), HF__CLOCKS_DIFFER);
  now = after(-1, 0);
  assert_int_equal(hf__clocks_compare(&note, &now), HF__CLOCKS_DIFFER);
  hf__clocks nowhere = note;
  nowhere.boot[0] = '\0';
  assert_int_equal(hf__clocks_compare(&nowhere, &nowhere), HF__CLOCKS_DIFFER);
}

static void this_machine_has_both(void **state) {
  (void)state;
  hf__clocks now;
  hf__clocks_now(&now);
  assert_true(*now.boot);
  assert_true(now.boottime > 0);
  int64_t wall = hf_now_ms();
  assert_true(wall - now.wall < 10000 && now.wall - wall < 10000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(clocks_that_went_together_long_enough_agree),
      cmocka_unit_test(before_that_one_waits),
      cmocka_unit_test(a_wall_clock_that_was_set_is_not_believed),
      cmocka_unit_test(another_start_of_the_machine_is_another_clock),
      cmocka_unit_test(this_machine_has_both),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
