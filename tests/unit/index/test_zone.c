/* SPDX-License-Identifier: MIT
 *
 * Zones over two paths, beside a model: a square of stretches of the first path and of the second, each of which is in
 * the zone or not.  What is in one of two zones, in both, and in the ranges that a zone is written as.
 */
#include "../support.h"
#include "index/zone.h"

/* ---- stretches */

#define ONE "\x40\xBF\xF0\0\0\0\0\0\0"

/* Where stretches begin, and the last one ends: null; false and true; numbers before, with and after 1; texts before,
 * with and after "a"; tables, and what is missing or cannot be walked. */
static const hf_slice bounds[] = {
    {"\x10", 1},
    {"\x20", 1},
    {"\x40", 1},
    {ONE, 9},
    {"\x40\xBF\xF0\0\0\0\0\0\1", 9},
    {"\x50", 1},
    {"\x50"
     "a\0\1",
     4},
    {"\x50"
     "a\0\2",
     4},
    {"\x60", 1},
    {"\xB0", 1},
};
enum { STRETCHES = sizeof bounds / sizeof *bounds - 1 };

/* Whether all that is in a stretch, and of one class, is one value. */
static bool is_one[STRETCHES] = {true, true, false, true, false, false, true, false, true};

/* Values, and in which stretch they are. */
static const struct {
  hf_slice bytes;
  unsigned stretch;
} parts[] = {
    {{"\x10", 1}, 0},
    {{"\x20", 1}, 1},
    {{"\x30", 1}, 1},
    {{"\x40\x3F\0\0\0\0\0\0\0", 9}, 2},
    {{ONE, 9}, 3},
    {{"\x40\xC0\0\0\0\0\0\0\0", 9}, 4},
    {{"\x50\0\1", 3}, 5},
    {{"\x50"
      "A\0\1",
      4},
     5},
    {{"\x50"
      "a\0\1",
      4},
     6},
    {{"\x50"
      "a\0\2",
      4},
     7},
    {{"\x50"
      "a\0\xFF\0\1",
      6},
     7},
    {{"\x50"
      "b\0\1",
      4},
     7},
    {{"\x60", 1}, 8},
    {{"\x70", 1}, 8},
    {{"\x80", 1}, 8},
    {{"\x90", 1}, 8},
    {{"\xA0", 1}, 8},
};
enum { PARTS = sizeof parts / sizeof *parts };

typedef struct model {
  bool has[STRETCHES][STRETCHES];
} model;

static unsigned draw(unsigned below) {
  static uint64_t state = 1;
  state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (unsigned)(state >> 33) % below;
}

static bool row_has(const bool *row, bool what) {
  for (unsigned i = 0; i < STRETCHES; i++)
    if (row[i] != what) return false;
  return true;
}

/* Rows that are empty, full, or like the one before are frequent. */
static model draw_model(void) {
  model m;
  for (unsigned i = 0; i < STRETCHES; i++) {
    unsigned how = draw(5);
    for (unsigned j = 0; j < STRETCHES; j++)
      m.has[i][j] = how == 0 ? false : how == 1 ? true : how == 2 && i > 0 ? m.has[i - 1][j] : draw(2) == 0;
  }
  return m;
}

/* ---- zones */

static hf__zones zones;

static const hf__zone *zone_of_row(const bool *row) {
  hf__zone_piece pieces[STRETCHES];
  size_t count = 0;
  for (unsigned i = 0; i < STRETCHES; i++)
    if (row[i]) pieces[count++] = (hf__zone_piece){bounds[i], bounds[i + 1], &hf__zone_all};
  return hf__zone_of(&zones, pieces, count);
}

static const hf__zone *zone_of(const model *m) {
  hf__zone_piece pieces[STRETCHES];
  size_t count = 0;
  for (unsigned i = 0; i < STRETCHES; i++) {
    const hf__zone *rest = zone_of_row(m->has[i]);
    if (rest != &hf__zone_none) pieces[count++] = (hf__zone_piece){bounds[i], bounds[i + 1], rest};
  }
  return hf__zone_of(&zones, pieces, count);
}

/* ---- comparing */

/* The range that has the value of two parts; NULL: none has. */
static const hf_index_range *range_with(const hf__zone_ranges *ranges, unsigned a, unsigned b) {
  char bytes[32];
  memcpy(bytes, parts[a].bytes.data, parts[a].bytes.size);
  memcpy(bytes + parts[a].bytes.size, parts[b].bytes.data, parts[b].bytes.size);
  hf_slice value = {bytes, parts[a].bytes.size + parts[b].bytes.size};
  const hf_index_range *found = NULL;
  for (size_t i = 0; i < ranges->count; i++) {
    const hf_index_range *range = &ranges->ranges[i];
    assert_true(hf__zone_order(range->lower, range->upper) < 0);
    if (i > 0) assert_true(hf__zone_order(ranges->ranges[i - 1].upper, range->lower) <= 0);
    if (hf__zone_order(range->lower, value) <= 0 && hf__zone_order(value, range->upper) < 0) found = range;
  }
  return found;
}

/* The ranges have what the model has, but that stretches of more than one value are in them as a whole; and those are
 * sure of which all is, and nothing is in doubt. */
static void check(const hf__zone *zone, const model *m, const hf__zone *doubt, const model *doubts) {
  hf__zone_ranges ranges = {.count = 0};
  assert_true(hf__zone_write(&zones, zone, doubt, &ranges));
  for (unsigned a = 0; a < PARTS; a++) {
    for (unsigned b = 0; b < PARTS; b++) {
      unsigned i = parts[a].stretch, j = parts[b].stretch;
      bool exactly = is_one[i] || (row_has(m->has[i], true) && row_has(doubts->has[i], false));
      bool is_there = is_one[i] ? m->has[i][j] : !row_has(m->has[i], false);
      bool is_sure = exactly && m->has[i][j] && !doubts->has[i][j];
      const hf_index_range *range = range_with(&ranges, a, b);
      if ((range != NULL) != is_there)
        FAIL_AT(__FILE__, __LINE__, "part %u, part %u: %s", a, b, range ? "is" : "is not");
      if (range && ranges.is_sure[range - ranges.ranges] != is_sure)
        FAIL_AT(__FILE__, __LINE__, "part %u, part %u is %ssure", a, b, is_sure ? "not " : "");
    }
  }
}

static void test_zones_are_as_their_model(void **state) {
  (void)state;
  static const model nothing;
  for (unsigned round = 0; round < 2000; round++) {
    model a = draw_model(), b = draw_model(), either, both;
    for (unsigned i = 0; i < STRETCHES; i++) {
      for (unsigned j = 0; j < STRETCHES; j++) {
        either.has[i][j] = a.has[i][j] || b.has[i][j];
        both.has[i][j] = a.has[i][j] && b.has[i][j];
      }
    }
    zones = (hf__zones){.room = NULL};
    const hf__zone *x = zone_of(&a), *y = zone_of(&b);
    check(x, &a, &hf__zone_none, &nothing);
    check(hf__zone_join(&zones, x, y), &either, &hf__zone_none, &nothing);
    check(hf__zone_meet(&zones, x, y), &both, &hf__zone_none, &nothing);
    check(x, &a, y, &b);
    assert_false(zones.failed);
    hf__room_free(zones.room);
  }
}

static void test_nothing_and_everything_are_themselves(void **state) {
  (void)state;
  zones = (hf__zones){.room = NULL};
  model some = draw_model(), rest;
  some.has[0][0] = true;
  some.has[1][0] = false;
  for (unsigned i = 0; i < STRETCHES; i++)
    for (unsigned j = 0; j < STRETCHES; j++) rest.has[i][j] = !some.has[i][j];
  const hf__zone *x = zone_of(&some), *y = zone_of(&rest);
  assert_true(hf__zone_join(&zones, x, y) == &hf__zone_all);
  assert_true(hf__zone_meet(&zones, x, y) == &hf__zone_none);
  assert_true(hf__zone_join(&zones, x, &hf__zone_none) == x && hf__zone_join(&zones, &hf__zone_none, x) == x);
  assert_true(hf__zone_meet(&zones, x, &hf__zone_all) == x && hf__zone_meet(&zones, &hf__zone_all, x) == x);
  assert_true(hf__zone_join(&zones, x, &hf__zone_all) == &hf__zone_all);
  assert_true(hf__zone_meet(&zones, x, &hf__zone_none) == &hf__zone_none);
  assert_true(hf__zone_from(&zones, &hf__zone_all, 2) == &hf__zone_all);
  assert_true(hf__zone_from(&zones, &hf__zone_none, 2) == &hf__zone_none);
  hf__room_free(zones.room);
}

static void test_from_a_path_on(void **state) {
  (void)state;
  static const model nothing;
  is_one[3] = is_one[6] = false; /* the first path has one stretch only */
  for (unsigned round = 0; round < 100; round++) {
    model m = draw_model();
    for (unsigned i = 1; i < STRETCHES; i++) memcpy(m.has[i], m.has[0], sizeof m.has[0]);
    zones = (hf__zones){.room = NULL};
    check(hf__zone_from(&zones, zone_of_row(m.has[0]), 1), &m, &hf__zone_none, &nothing);
    hf__room_free(zones.room);
  }
  is_one[3] = is_one[6] = true;
}

/* A zone that would take too much memory is everything: who asks for one can do with a larger one. */
static void test_too_large_a_zone_is_everything(void **state) {
  (void)state;
  zones = (hf__zones){.used = (size_t)1 << 40};
  model a = draw_model(), b = draw_model();
  assert_true(zone_of(&a) == &hf__zone_all);
  zones.used = 0;
  const hf__zone *x = zone_of(&a), *y = zone_of(&b);
  zones.used = (size_t)1 << 40;
  assert_true(hf__zone_join(&zones, x, y) == &hf__zone_all);
  assert_true(hf__zone_meet(&zones, x, y) == &hf__zone_all);
  assert_false(zones.failed);
  hf__room_free(zones.room);
}

/* What has more ranges than are written goes into one, which is not sure. */
static void test_many_ranges(void **state) {
  (void)state;
  enum { COUNT = 6000 };
  hf__zone_piece *pieces = calloc(COUNT, sizeof *pieces);
  char(*bytes)[2][5] = calloc(COUNT, sizeof *bytes);
  assert_true(pieces && bytes);
  for (unsigned i = 0; i < COUNT; i++) {
    for (unsigned end = 0; end < 2; end++) {
      const char made[] = {0x50, (char)(i >> 8), (char)i, (char)end, 0};
      memcpy(bytes[i][end], made, 5);
    }
    pieces[i] = (hf__zone_piece){{bytes[i][0], 4}, {bytes[i][1], 4}, &hf__zone_all};
  }
  zones = (hf__zones){.room = NULL};
  hf__zone_ranges ranges = {.count = 0};
  assert_true(hf__zone_write(&zones, hf__zone_of(&zones, pieces, COUNT), &hf__zone_none, &ranges));
  assert_true(ranges.count > 100 && ranges.count < COUNT);
  assert_true(ranges.is_sure[0] && !ranges.is_sure[ranges.count - 1]);
  assert_int_equal(hf__zone_order(ranges.ranges[ranges.count - 1].upper, pieces[COUNT - 1].upper), 0);
  hf__room_free(zones.room);
  free(pieces);
  free(bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_zones_are_as_their_model),
      cmocka_unit_test(test_nothing_and_everything_are_themselves),
      cmocka_unit_test(test_from_a_path_on),
      cmocka_unit_test(test_too_large_a_zone_is_everything),
      cmocka_unit_test(test_many_ranges),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
