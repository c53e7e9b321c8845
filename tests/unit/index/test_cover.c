/* SPDX-License-Identifier: MIT
 *
 * Which entries a condition leads to, against evaluating it: for conditions at random (expressions.h), each entity of a
 * collection that has everything in it (entities.h) to which the condition is not a sure no is in the cover, and those
 * in ranges that are sure are a yes.  The same of each node of the condition.
 *
 * HOLDFAST_SEED tries other conditions than the first, HOLDFAST_ROUNDS more.
 */
#include "expressions.h"
#include "index/cover.h"
#include "index/nodes.h"

enum { SETS_MAX = 6 };

/* ---- indexes */

static const char *const sets[][SETS_MAX] = {
    {"[\"a\"]", "[\"b\"]"},
    {"[\"a\"]"},
    {"[\"a.x\"]", "[\"b\"]"},
    {"[\"a.x.y\"]", "[\"v[1]\"]", "[\"a[1]\"]"},
    {"[\"a\",\"b\"]"},
    {"[\"a.x\",\"a\",\"b\",\"v[1].x\"]", "[\"b\"]"},
    {"[\"b.x\",\"a\"]", "[\"a.y\"]", "[\"c\"]"},
    {"[\"a\"]", "[\"b\"]", "[\"a.x\"]", "[\"a\",\"b\"]", "[\"b\",\"a.x.y\"]", "[\"c.x\"]"},
};
enum { SETS = sizeof sets / sizeof *sets };

static hf_index_set *set;

/* What the entities have in the indexes of the set. */
static hf_index_value values[ENTITIES][HF_INDEXES_MAX];

/* The values that there are in an index: how many entities have them, and for each entity, the number of its own. */
static struct {
  unsigned count;
  const hf_index_value *value[ENTITIES];
  unsigned entities[ENTITIES];
  unsigned of[ENTITIES];
} distinct[SETS_MAX];

static void find_distinct(unsigned place) {
  distinct[place].count = 0;
  for (unsigned i = 0; i < ENTITIES; i++) {
    const hf_index_value *value = &values[i][place], **known = distinct[place].value;
    unsigned n = 0, count = distinct[place].count;
    while (n < count && (known[n]->size != value->size || memcmp(known[n]->bytes, value->bytes, value->size) != 0)) n++;
    if (n == count) {
      known[n] = value;
      distinct[place].entities[n] = 0;
      distinct[place].count++;
    }
    distinct[place].entities[n]++;
    distinct[place].of[i] = n;
  }
}

static void make_set(unsigned number) {
  hf_error err;
  set = hf_index_set_new();
  assert_non_null(set);
  for (unsigned i = 0; i < SETS_MAX && sets[number][i]; i++)
    OK(hf_index_set_add(set, hf_text(text_of("{\"paths\":%s}", sets[number][i])), i, true, &err));
  for (unsigned i = 0; i < ENTITIES; i++) hf_index_values(set, entities[i], values[i]);
  for (unsigned place = 0; place < hf_index_set_size(set); place++) find_distinct(place);
}

static int compare(hf_slice a, hf_slice b) {
  int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
  return order ? order : (a.size > b.size) - (a.size < b.size);
}

static bool is_in_range(const hf_index_range *range, const hf_index_value *value) {
  hf_slice bytes = {(const char *)value->bytes, value->size};
  return compare(range->lower, bytes) <= 0 && (!range->upper.data || compare(bytes, range->upper) < 0);
}

/* The number of the range that has the value; -1: none has. */
static int range_of(const hf_index_range *ranges, size_t count, const hf_index_value *value) {
  for (size_t i = 0; i < count; i++)
    if (is_in_range(&ranges[i], value)) return (int)i;
  return -1;
}

static uint64_t count_entries(const hf__cover_part *part, uint64_t most, void *arg) {
  unsigned *calls = arg;
  uint64_t count = 0;
  ++*calls;
  for (unsigned i = 0; i < distinct[part->place].count; i++)
    if (range_of(part->ranges, part->count, distinct[part->place].value[i]) >= 0)
      count += distinct[part->place].entities[i];
  return count < most ? count : most;
}

/* ---- the condition */

static uint64_t seed; /* of the condition */
static unsigned set_number;
static uint8_t answers[ENTITIES];

static void answer_all(void) {
  for (unsigned i = 0; i < ENTITIES; i++)
    answers[i] = (uint8_t)hf__condition_test(expression, hf_text("a"), entities[i]);
}

static void complain(unsigned node, unsigned entity, const char *what) {
  static const char *const names[] = {"no", "yes", "ask", "raises"};
  char *said = expression_text(node);
  print_error("seed %ju, set %u, %s\nentity %u, %.*s: %s\n", (uintmax_t)seed, set_number, said, entity,
              (int)entities[entity].size, entities[entity].data, names[answers[entity]]);
  free(said);
  FAIL_AT(__FILE__, __LINE__, "%s", what);
}

/* ---- covers */

static void check_order(const hf__cover_part *part) {
  for (size_t i = 0; i < part->count; i++) {
    assert_true(compare(part->ranges[i].lower, part->ranges[i].upper) < 0);
    if (i) assert_true(compare(part->ranges[i - 1].upper, part->ranges[i].lower) <= 0);
  }
}

static void check_cover(const hf__cover *cover, uint64_t most) {
  uint64_t count = 0;
  for (size_t n = 0; n < cover->count; n++) check_order(&cover->parts[n]);
  for (unsigned i = 0; i < ENTITIES; i++) {
    bool is_there = false, is_sure = false;
    for (size_t n = 0; n < cover->count; n++) {
      const hf__cover_part *part = &cover->parts[n];
      int range = range_of(part->ranges, part->count, &values[i][part->place]);
      is_there |= range >= 0;
      is_sure |= range >= 0 && part->is_sure[range];
      count += range >= 0;
    }
    if (!is_there && answers[i] != HF_ANSWER_NO) complain(expression->root, i, "no entry of the cover leads to it");
    if (is_sure && answers[i] != HF_ANSWER_YES) complain(expression->root, i, "an entry says that it surely is a yes");
  }
  if (count > most) complain(expression->root, 0, "the cover has more entries than were wanted");
}

static struct { unsigned conditions, covers, of_several, sure, nothing, calls; } seen;

static void check_one(uint64_t most, bool sure) {
  const char *why = NULL;
  unsigned calls = 0;
  const hf__cover_wish wish = {expression, set, most, sure, count_entries, &calls};
  hf__cover *cover = hf__cover_make(&wish, &why);
  seen.calls += calls;
  if (cover) {
    check_cover(cover, most);
    seen.covers++;
    seen.of_several += cover->count > 1;
    for (size_t i = 0; i < cover->count; i++)
      for (size_t n = 0; n < cover->parts[i].count; n++) seen.sure += cover->parts[i].is_sure[n];
  } else {
    assert_true(why && *why);
    seen.nothing++;
  }
  hf__cover_free(cover);
}

/* ---- nodes */

static void check_zone(hf__view *view, unsigned place, unsigned node, enum hf__unless unless, hf__zones *z) {
  static const bool wanted[][4] = {{false, true, true, true}, {true, false, true, true}, {false, false, true, true}};
  hf__zone_ranges ranges = {.count = 0};
  const hf__zone *zone = hf__view_zone(view, node, unless);
  bool is_in[ENTITIES];
  if (zone == &hf__zone_all) return;
  assert_true(hf__zone_write(z, zone, &hf__zone_all, &ranges));
  for (unsigned i = 0; i < distinct[place].count; i++)
    is_in[i] = range_of(ranges.ranges, ranges.count, distinct[place].value[i]) >= 0;
  for (unsigned i = 0; i < ENTITIES; i++)
    if (wanted[unless][answers[i]] && !is_in[distinct[place].of[i]]) {
      print_error("index %u, zone %d\n", place, unless);
      complain(node, i, "the zone of the node does not have it");
    }
}

static void check_nodes(void) {
  uint16_t root = expression->root;
  hf__view *views[HF_INDEXES_MAX];
  hf__zones z = {.room = NULL};
  assert_true(hf__views_make(&z, expression, set, views));
  for (unsigned node = 0; node <= root; node++) {
    expression->root = (uint16_t)node;
    answer_all();
    expression->root = root;
    for (unsigned i = 0; i < hf_index_set_size(set); i++)
      for (int unless = 0; unless < HF__UNLESS_COUNT; unless++)
        check_zone(views[i], i, node, (enum hf__unless)unless, &z);
  }
  hf__room_free(z.room);
}

/* ---- tests */

static uint64_t number_from(const char *name, uint64_t otherwise) {
  const char *text = getenv(name);
  return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static void test_covers_have_what_is_no_sure_no(void **state) {
  (void)state;
  enum { CONDITIONS = 1500 };
  static const uint64_t mosts[] = {ENTITIES, ENTITIES / 3, 100, 5};
  uint64_t first = (number_from("HOLDFAST_SEED", 1) - 1) * 1000000, rounds = number_from("HOLDFAST_ROUNDS", 1);
  for (set_number = 0; set_number < SETS; set_number++) {
    make_set(set_number);
    for (uint64_t i = 0; i < CONDITIONS / SETS * rounds; i++) {
      seed = first + i * SETS + set_number;
      make_expression(seed);
      if (i % 4 == 0) check_nodes();
      answer_all();
      seen.conditions++;
      for (unsigned n = 0; n < 4; n++) check_one(mosts[n], (i + n) % 3 > 0);
      hf_condition_free(expression);
    }
    hf_index_set_free(set);
  }
  if (seen.covers < seen.conditions / 2 || seen.of_several < 20 || seen.sure < 1000 || seen.nothing < 1000)
    FAIL_AT(__FILE__, __LINE__, "%u conditions made %u covers, %u of several indexes, %u sure ranges; %u times none",
            seen.conditions, seen.covers, seen.of_several, seen.sure, seen.nothing);
}

#define BIT(class) (1U << (class) / HF__INDEX_CLASS_STEP)

/* The classes of what the entities have to which the condition leads. */
static unsigned classes_of(const char *condition) {
  hf_error err;
  unsigned calls = 0, classes = 0;
  OK(hf_condition_parse(hf_text(condition), &expression, &err));
  const hf__cover_wish wish = {expression, set, ENTITIES, false, count_entries, &calls};
  hf__cover *cover = hf__cover_make(&wish, NULL);
  assert_true(cover && cover->count == 1);
  answer_all();
  check_cover(cover, ENTITIES);
  for (unsigned i = 0; i < ENTITIES; i++)
    if (range_of(cover->parts->ranges, cover->parts->count, &values[i][0]) >= 0) classes |= BIT(values[i][0].bytes[0]);
  hf__cover_free(cover);
  hf_condition_free(expression);
  return classes;
}

/* What is asked first of what a path is in leaves out those where that is nil, or null. */
static void test_guards_leave_out_what_they_mean(void **state) {
  (void)state;
  enum {
    TEXT = BIT(HF__INDEX_TEXT),
    MISSING = BIT(HF__INDEX_MISSING),
    NOWHERE = BIT(HF__INDEX_NOWHERE),
    IN_NULL = BIT(HF__INDEX_IN_NULL),
    ALL = 0xFFE,
    OTHER = BIT(HF__INDEX_UNWALKABLE) /* of an entity that is no table a path raises, whatever is asked first */
  };
  static const struct {
    const char *path, *condition;
    unsigned classes;
  } rows[] = {
      {"a.x", "a.x == 'a'", TEXT | NOWHERE | IN_NULL | OTHER},
      {"a.x", "a and a.x == 'a'", TEXT | IN_NULL | OTHER},
      {"a.x", "a ~= null and a.x == 'a'", TEXT | NOWHERE | OTHER},
      {"a.x", "a and a ~= null and a.x == 'a'", TEXT | OTHER},
      {"a.x", "type(a) == 'table' and a.x == 'a'", TEXT | OTHER},
      {"a.x", "type(a) == 'table' and a.x >= 'a'", ALL & ~(unsigned)(NOWHERE | IN_NULL)},
      {"a.x", "b == 1 and a and a ~= null and a.x == 'a'", TEXT | OTHER},
      {"a.x", "a == null", IN_NULL | OTHER},
      {"a.x", "a == nil", NOWHERE | OTHER},
      {"a.x", "type(a) == 'userdata'", IN_NULL | OTHER},
      {"a.x", "a == nil or a == null or a.x == 'a'", TEXT | NOWHERE | IN_NULL | OTHER},
      {"a.x.y", "a and a ~= null and a.x.y == 'b'", TEXT | NOWHERE | IN_NULL | OTHER},
      {"a.x.y", "a and a ~= null and a.x and a.x ~= null and a.x.y == 'b'", TEXT | OTHER},
      {"a.x.y", "type(a) == 'table' and type(a.x) == 'table' and a.x.y == 'b'", TEXT | OTHER},
      {"a.x.y", "type(a) == 'table' and a.x == nil", NOWHERE | OTHER},
      {"a.x.y", "type(a) == 'table' and a.x == null", IN_NULL | OTHER},
  };
  hf_error err;
  for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
    set = hf_index_set_new();
    OK(hf_index_set_add(set, hf_text(text_of("{\"paths\":[\"%s\"]}", rows[i].path)), 0, true, &err));
    for (unsigned n = 0; n < ENTITIES; n++) hf_index_values(set, entities[n], values[n]);
    find_distinct(0);
    unsigned all = 0, classes = classes_of(rows[i].condition);
    for (unsigned n = 0; n < ENTITIES; n++) all |= BIT(values[n][0].bytes[0]);
    if (classes != (rows[i].classes & all))
      FAIL_AT(__FILE__, __LINE__, "%s leads to the classes %#x, and not %#x", rows[i].condition, classes,
              rows[i].classes & all);
    hf_index_set_free(set);
  }
}

/* Why there is none, with indexes over a, over b, and over a.x and c together. */
static void test_why_there_is_no_cover(void **state) {
  (void)state;
  static const struct {
    const char *condition, *why;
  } rows[] = {
      {"d == 1", "no index is over d"},
      {"d == 1 or e.f == 2 and g > h", "no index is over d, e.f, g, ..."},
      {"true", "the condition compares no field"},
      {"a == 1", "the index a leads to more than 5 entities"},
      {"a == 1 and b == 2", "each of the indexes a, b leads to more than 5 entities"},
      {"v ~= null and (a == 1 or b == 2)", "the indexes a, b together lead to more than 5 entities"},
      {"a == d", "no index is over d, and none decides by a: it is not compared with a value, or another part may "
                 "raise, or be true without it"},
      {"a == b", "no index decides by a, b: they are not compared with a value, or another part may raise, or be true "
                 "without them"},
      {"c == 1", "no index is over c"},
  };
  hf_error err;
  set = hf_index_set_new();
  unsigned calls = 0;
  static const char *const definitions[] = {"{\"paths\":[\"a\"]}", "{\"paths\":[\"b\"]}",
                                            "{\"paths\":[\"a.x\",\"c\"]}"};
  for (unsigned i = 0; i < 3; i++) OK(hf_index_set_add(set, hf_text(definitions[i]), i, true, &err));
  for (unsigned i = 0; i < ENTITIES; i++) hf_index_values(set, entities[i], values[i]);
  for (unsigned place = 0; place < 3; place++) find_distinct(place);
  for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
    const char *why = NULL;
    OK(hf_condition_parse(hf_text(rows[i].condition), &expression, &err));
    const hf__cover_wish wish = {expression, set, 5, false, count_entries, &calls};
    assert_null(hf__cover_make(&wish, &why));
    assert_string_equal(why, rows[i].why);
    hf_condition_free(expression);
  }
  hf_index_set_free(set);
}

static void test_why_without_indexes(void **state) {
  (void)state;
  hf_error err;
  const char *why = NULL;
  unsigned calls = 0;
  OK(hf_condition_parse(hf_text("a == 1"), &expression, &err));
  set = hf_index_set_new();
  const hf__cover_wish wish = {expression, set, 5, false, count_entries, &calls};
  assert_null(hf__cover_make(&wish, &why));
  assert_string_equal(why, "there is no index");
  OK(hf_index_set_add(set, hf_text("{\"paths\":[\"a\"]}"), 0, false, &err));
  assert_null(hf__cover_make(&wish, &why));
  assert_string_equal(why, "no index is built yet");
  hf_index_set_free(set);
  hf_condition_free(expression);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_covers_have_what_is_no_sure_no),
      cmocka_unit_test(test_guards_leave_out_what_they_mean),
      cmocka_unit_test(test_why_there_is_no_cover),
      cmocka_unit_test(test_why_without_indexes),
  };
  make_entities();
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  free_entities();
  return failed;
}
