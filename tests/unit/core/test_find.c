/* SPDX-License-Identifier: MIT
 *
 * Loops that go by an index, over a store whose indexes may say what is not so, or cannot be read: what such a loop
 * gives all the same, what is heard of it, and how much of an index is read before a loop does without.
 */
#include "core/backends.h"
#include "core/persist.h"

#include "unit/support.h"

enum { COUNT = 5000 };

/* ---- a store whose indexes lie */

/* One entry that the index over `n` has and should not have. */
static struct lie {
  int walks; /* that still have it */
  unsigned char position[HF_INDEX_VALUE_MAX + 64];
  size_t value_size, size;
} lie;

static hf_status broken;     /* what walks answer */
static unsigned broken_from; /* entries of each that can be read before that */
static const char *hidden;   /* an entity that is not there when it is read after an index, and is again soon */
static unsigned walks, entries, scans, reads;

static const hf_backend *memory(void) { return hf__backend_find("memory"); }

static int compare(hf_slice a, hf_slice b) {
  int c = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
  return c ? c : (a.size > b.size) - (a.size < b.size);
}

/* Hands entries on, and the lie in its place among them. */
struct passed {
  hf_index_entry_fn *fn;
  void *arg;
  bool lies, enough;
  unsigned left; /* before it breaks */
};

static bool hand_on(struct passed *p, hf_slice position, hf_slice order) {
  if (broken && !p->left--) return false;
  entries++;
  p->enough = !p->fn(position, order, p->arg);
  return !p->enough;
}

static bool tell(struct passed *p) {
  hf_slice position = {(const char *)lie.position, lie.size};
  p->lies = false;
  return hand_on(p, position, (hf_slice){position.data + lie.value_size, lie.size - lie.value_size});
}

static bool pass(hf_slice position, hf_slice order, void *arg) {
  struct passed *p = arg;
  if (p->lies && compare((hf_slice){(const char *)lie.position, lie.size}, position) < 0 && !tell(p)) return false;
  return hand_on(p, position, order);
}

static bool is_asked_for(const hf_index_walk *walk) {
  hf_slice value = {(const char *)lie.position, lie.value_size}, position = {(const char *)lie.position, lie.size};
  if (walk->after.size && compare(position, walk->after) <= 0) return false;
  for (size_t i = 0; i < walk->count; i++)
    if (compare(value, walk->ranges[i].lower) >= 0 && compare(value, walk->ranges[i].upper) < 0) return true;
  return false;
}

static hf_status each(void *store, void *txn, void *collection, const hf_index *index, const hf_index_walk *walk,
                      hf_index_entry_fn *fn, void *arg, hf_error *err) {
  struct passed passed = {fn, arg, lie.walks && is_asked_for(walk), false, broken_from};
  walks++;
  lie.walks -= passed.lies;
  hf_status status = memory()->index_each(store, txn, collection, index, walk, pass, &passed, err);
  if (status == HF_OK && passed.lies && !passed.enough) tell(&passed);
  if (status || !broken || passed.enough) return status;
  return broken == HF_NOT_FOUND ? HF_NOT_FOUND : hf_error_set(err, broken, "the index is unreadable");
}

static hf_status scan(void *store, void *txn, void *collection, const hf_scan *s, hf_page *page, bool *more,
                      hf_error *err) {
  scans++;
  return memory()->scan(store, txn, collection, s, page, more, err);
}

static hf_status get_many(void *store, void *txn, void *collection, const hf_key *keys, size_t count, hf_page *page,
                          hf_error *err) {
  reads += (unsigned)count;
  size_t first = page->count;
  hf_status status = memory()->get_many(store, txn, collection, keys, count, page, err);
  for (size_t i = first; hidden && i < page->count; i++)
    if (compare(page->entries[i].id, hf_text(hidden)) == 0) page->entries[i].status = HF_NOT_FOUND;
  return status;
}

/* The index over n has an entry for this entity, as if it had this text, in so many walks. */
static void tell_lie(const char *id, const char *json, int times) {
  hf_error err;
  hf_index_value value[HF_INDEXES_MAX];
  unsigned char order[HF_ORDER_KEY_MAX];
  hf_index_set *set = hf_index_set_new();
  OK(hf_index_set_add(set, hf_text("{\"paths\":[\"n\"],\"unique\":false}"), 1, true, &err));
  hf_index_values(set, hf_text(json), value);
  hf_index_set_free(set);
  size_t size = hf_order_key(hf_text(id), order);
  memcpy(lie.position, value->bytes, value->size);
  memcpy(lie.position + value->size, order, size);
  lie.value_size = value->size;
  lie.size = value->size + size;
  lie.walks = times;
}

/* ---- warnings */

static char warning[1024];
static unsigned warnings;

static void hear(const char *message, void *arg) {
  (void)arg;
  snprintf(warning, sizeof warning, "%s", message);
  warnings++;
}

/* ---- each test */

static hf_persist *signals;

static void write_all(hf_persist *p) {
  hf_error err;
  hf_item *items = calloc(COUNT, sizeof *items);
  char(*texts)[2][48] = calloc(COUNT, sizeof *texts);
  for (size_t i = 0; i < COUNT; i++) {
    snprintf(texts[i][0], sizeof texts[i][0], "s-%zu", i);
    snprintf(texts[i][1], sizeof texts[i][1], "{\"n\":%zu,\"few\":%zu}", i, i % 100);
    items[i] = (hf_item){.id = hf_text(texts[i][0]), .json = hf_text(texts[i][1])};
  }
  OK(hf_persist_write_many(p, items, COUNT, &err));
  free(texts);
  free(items);
}

static int setup(void **state) {
  static hf_backend lying;
  static const char *const paths[] = {"n", "few"};
  hf_error err;
  if (!lying.name) {
    lying = *memory();
    lying.name = "lying";
    lying.struct_size = sizeof lying;
    lying.next = NULL;
    lying.index_each = each;
    lying.scan = scan;
    lying.get_many = get_many;
    OK(hf_backend_register(&lying, &err));
  }
  struct store *s = new_store("memory");
  snprintf(s->base, sizeof s->base, "lying:store");
  *state = s;
  signals = open_persist(s, "signal");
  write_all(signals);
  for (size_t i = 0; i < 2; i++) OK(hf_persist_index_create(signals, &paths[i], 1, false, &err));
  memset(&lie, 0, sizeof lie);
  broken = HF_OK;
  broken_from = 0;
  hidden = NULL;
  warnings = walks = entries = scans = reads = 0;
  hf_set_warning_handler(hear, NULL);
  return 0;
}

static int teardown(void **state) {
  hf_set_warning_handler(NULL, NULL);
  hf_persist_close(signals);
  return teardown_store(state);
}

static hf_range range_of(const char *condition) {
  hf_error err;
  hf_range range = HF_RANGE_INIT;
  OK(hf_condition_parse(hf_text(condition), &range.where, &err));
  return range;
}

/* The numbers of the entities that a loop gives; where it fails, "!" and the id.  It goes on after that. */
static const char *given(const hf_range *range) {
  static char out[COUNT * 8];
  hf_error err;
  hf_iter *it;
  const hf_entry *e;
  size_t size = 0;
  out[0] = '\0';
  OK(hf_iter_open(signals, range, &it, &err));
  for (;;) {
    hf_status status = hf_iter_next(it, &e, &err);
    if (status == HF_OK && !e) break;
    const char *space = size ? " " : "";
    if (status)
      size += (size_t)snprintf(out + size, sizeof out - size, "%s!%s", space, err.entity_id);
    else
      size += (size_t)snprintf(out + size, sizeof out - size, "%s%.*s", space, (int)e->id.size - 2, e->id.data + 2);
  }
  hf_iter_close(it);
  return out;
}

static const char *found(const char *condition) {
  hf_range range = range_of(condition);
  const char *out = given(&range);
  hf_condition_free(range.where);
  return out;
}

static uint64_t counted(const char *condition) {
  hf_error err;
  hf_range range = range_of(condition);
  uint64_t n = UINT64_MAX;
  OK(hf_persist_count_where(signals, &range, &n, &err));
  hf_condition_free(range.where);
  return n;
}

static const char *explained(const char *condition) {
  static char out[1024];
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  hf_range range = range_of(condition);
  OK(hf_persist_explain(signals, &range, &json, &err));
  snprintf(out, sizeof out, "%s", json.data);
  hf_buffer_free(&json);
  hf_condition_free(range.where);
  return out;
}

/* ---- loops whose condition changes, as those of scripts */

static hf_iter *begin(void) {
  hf_error err;
  hf_iter *it;
  OK(hf_iter_open(signals, NULL, &it, &err));
  assert_true(hf__iter_learn_indexes(it));
  return it;
}

/* The number of the next entity; -1: there is none. */
static int next(hf_iter *it) {
  hf_error err;
  const hf_entry *e;
  OK(hf_iter_next(it, &e, &err));
  return e ? atoi(e->id.data + 2) : -1;
}

/* That of the next one for which a condition is true. */
static int next_where(hf_iter *it, const char *condition) {
  hf_range range = range_of(condition);
  assert_true(hf__iter_ask(it, range.where, false));
  hf_condition_free(range.where);
  return next(it);
}

/* ---- what an index says and is not so */

static void an_entry_of_nothing_is_heard_of_and_the_loop_scans(void **state) {
  (void)state;
  tell_lie("gone", "{\"n\":-5}", 1000);
  assert_string_equal(found("n < 3"), "0 1 2");
  assert_int_equal(warnings, 1);
  assert_string_equal(warning, "signal: the index n is damaged, and a loop scans in its place: what it says of gone is "
                               "not so; verify --repair builds it again");
  assert_true(scans > 0);
}

static void an_entry_of_another_value_is_heard_of_and_the_loop_scans(void **state) {
  (void)state;
  tell_lie("s-7", "{\"n\":-5}", 1000);
  assert_string_equal(found("n < 3"), "0 1 2");
  assert_int_equal(warnings, 1);
  CONTAINS(warning, "what it says of s-7 is not so");
  assert_true(scans > 0);
}

static void a_damaged_index_is_not_used_for_another_condition_either(void **state) {
  (void)state;
  hf_iter *it = begin();
  tell_lie("gone", "{\"n\":-5}", 1000);
  assert_int_equal(next_where(it, "n < 3"), 0);
  assert_int_equal(warnings, 1);
  assert_int_equal(next_where(it, "n == 4"), 4);
  assert_false(hf__iter_goes_by_index(it));
  hf_iter_close(it);
}

/* Somebody has changed the entity since the index was read: it has no such entry any more. */
static void an_entry_that_is_gone_when_it_is_looked_at_again_is_no_damage(void **state) {
  (void)state;
  tell_lie("gone", "{\"n\":-5}", 1);
  assert_string_equal(found("n < 3"), "0 1 2");
  tell_lie("s-7", "{\"n\":-5}", 1);
  assert_string_equal(found("n < 3"), "0 1 2");
  tell_lie("s-7", "{\"n\":-5}", 1);
  hf_range range = HF_RANGE_INIT;
  range.index = hf_text("n");
  range.prefix = hf_text("s-500");
  assert_string_equal(given(&range), "500");
  assert_int_equal(warnings, 0);
  assert_int_equal(scans, 0);
}

static void damage_is_come_upon_after_what_is_gone_for_a_moment(void **state) {
  (void)state;
  hf_range range = HF_RANGE_INIT;
  range.index = hf_text("n");
  range.has_limit = true;
  range.limit = 4;
  hidden = "s-0";
  tell_lie("s-7", "{\"n\":1.5}", 1000);
  assert_string_equal(found("n < 3"), "0 1 2");
  assert_int_equal(warnings, 1);
  CONTAINS(warning, "what it says of s-7 is not so");
  assert_string_equal(given(&range), "1 !s-7 2 3 4");
}

static void in_the_order_of_an_index_such_an_entry_is_an_error_in_its_place(void **state) {
  (void)state;
  hf_range range = HF_RANGE_INIT;
  range.index = hf_text("n");
  range.has_limit = true;
  range.limit = 3;
  tell_lie("s-7", "{\"n\":-5}", 1000);
  assert_string_equal(given(&range), "!s-7 0 1 2");
  tell_lie("gone", "{\"n\":-5}", 1000);
  assert_string_equal(given(&range), "!gone 0 1 2");
  hf_error err;
  hf_iter *it;
  const hf_entry *e;
  OK(hf_iter_open(signals, &range, &it, &err));
  FAILS(HF_CORRUPT, hf_iter_next(it, &e, &err));
  hf_iter_close(it);
  assert_string_equal(err.message, "the index n of signal is damaged: what it says of gone is not so; verify --repair "
                                   "builds it again");
  assert_string_equal(err.entity_name, "signal");
  assert_false(err.in_quarantine);
}

static void what_comes_before_such_an_entry_is_given_first(void **state) {
  (void)state;
  hf_range range = HF_RANGE_INIT;
  range.index = hf_text("n");
  range.has_limit = true;
  range.limit = 5;
  tell_lie("s-7", "{\"n\":1.5}", 1000);
  assert_string_equal(given(&range), "0 1 !s-7 2 3 4");
}

static void what_lies_far_on_in_an_index_is_come_upon(void **state) {
  (void)state;
  hf_range range = HF_RANGE_INIT;
  range.index = hf_text("n");
  range.prefix = hf_text("s-4999");
  assert_string_equal(given(&range), "4999");
  range.reverse = true;
  range.prefix = hf_text("s-12");
  range.has_limit = true;
  range.limit = 2;
  assert_string_equal(given(&range), "1299 1298");
}

/* ---- indexes that cannot be read */

static void a_loop_scans_where_an_index_cannot_be_read_and_says_so(void **state) {
  (void)state;
  broken = HF_IO;
  assert_string_equal(found("n < 3"), "0 1 2");
  assert_int_equal(warnings, 1);
  assert_string_equal(warning, "signal: a loop that could go by an index scans, since that cannot be read: the index "
                               "is unreadable");
  assert_int_equal(counted("few == 7"), COUNT / 100);
}

/* In the order of the index: up to it, once each time, and a loop that goes on ends. */
static void what_comes_before_what_cannot_be_read_is_given_first(void **state) {
  (void)state;
  hf_error err;
  hf_iter *it;
  const hf_entry *e;
  hf_range range = HF_RANGE_INIT;
  range.index = hf_text("n");
  broken = HF_CORRUPT;
  broken_from = 3;
  OK(hf_iter_open(signals, &range, &it, &err));
  for (int i = 0; i < 3; i++) assert_int_equal(next(it), i);
  broken_from = 0;
  FAILS(HF_CORRUPT, hf_iter_next(it, &e, &err));
  assert_string_equal(err.message, "the index n of signal cannot be read: the index is unreadable; verify --repair "
                                   "builds it again");
  assert_string_equal(err.entity_id, "");
  assert_false(err.in_quarantine);
  assert_int_equal(next(it), -1);
  hf_iter_close(it);
}

static void an_entry_that_names_no_entity_is_an_error_in_its_place(void **state) {
  (void)state;
  hf_error err;
  uint64_t n;
  hf_range range = HF_RANGE_INIT;
  range.index = hf_text("n");
  range.has_limit = true;
  range.limit = 3;
  tell_lie("s-7", "{\"n\":0.5}", 1000);
  memset(lie.position + lie.value_size, 0, lie.size - lie.value_size);
  assert_string_equal(given(&range), "0 ! 1 2");
  tell_lie("s-7", "{\"n\":-5}", 1000);
  memset(lie.position + lie.value_size, 0, lie.size - lie.value_size);
  assert_string_equal(given(&range), "! 0 1 2");
  FAILS(HF_CORRUPT, hf_persist_count_where(signals, &range, &n, &err));
  assert_string_equal(err.message, "the index n of signal is damaged: an entry names no entity; verify --repair "
                                   "builds it again");
}

static void a_loop_says_once_that_an_index_cannot_be_read(void **state) {
  (void)state;
  broken = HF_IO;
  assert_int_equal(counted("few == 7"), COUNT / 100);
  assert_int_equal(warnings, 1);
  hf_iter *it = begin();
  assert_int_equal(next_where(it, "n == 3"), 3);
  assert_int_equal(next_where(it, "n == 5"), 5);
  hf_iter_close(it);
  assert_int_equal(warnings, 2);
}

static void a_loop_scans_where_an_index_was_dropped_meanwhile(void **state) {
  (void)state;
  hf_error err;
  hf_iter *it;
  const hf_entry *e;
  hf_range range = HF_RANGE_INIT;
  range.index = hf_text("n");
  broken = HF_NOT_FOUND;
  assert_string_equal(found("n < 3"), "0 1 2");
  assert_int_equal(counted("few == 7"), COUNT / 100);
  assert_int_equal(warnings, 0);
  OK(hf_iter_open(signals, &range, &it, &err));
  FAILS(HF_NOT_FOUND, hf_iter_next(it, &e, &err));
  assert_string_equal(err.message, "the index n of signal was dropped meanwhile");
  hf_iter_close(it);
}

/* ---- how much is read */

static void a_loop_by_an_index_reads_what_it_leads_to(void **state) {
  (void)state;
  assert_string_equal(found("n >= 10 and n < 13 and few ~= 11"), "10 12");
  assert_int_equal(reads, 3);
  assert_int_equal(scans, 0);
  assert_true(entries <= 12);
  hf_range range = range_of("few == 7");
  range.has_limit = true;
  range.limit = 1;
  range.from = hf_text("s-200");
  assert_string_equal(given(&range), "207");
  hf_condition_free(range.where);
}

static void a_page_in_the_order_of_an_index_has_more_than_are_still_wanted(void **state) {
  (void)state;
  hf_range range = range_of("few == 99");
  range.index = hf_text("n");
  range.has_limit = true;
  range.limit = 2;
  assert_string_equal(given(&range), "99 199");
  assert_true(walks <= 8);
  hf_condition_free(range.where);
}

static void what_leads_to_too_many_costs_little(void **state) {
  (void)state;
  found("n >= 0"); /* all are wanted: soon it is not looked any more */
  assert_true(entries <= 2 * 17);
  entries = 0;
  found("n >= 0 and other == 1"); /* none is: up to a twentieth is counted, once */
  assert_true(entries > COUNT / 20);
  assert_true(entries <= COUNT / 10);
  assert_int_equal(reads, 0);
}

static void a_condition_that_goes_on_changing_is_looked_up_in_vain_only_so_often(void **state) {
  (void)state;
  char condition[48];
  hf_iter *it = begin();
  for (int i = 0; i < 400; i++) {
    snprintf(condition, sizeof condition, "n >= %d", i);
    assert_int_equal(next_where(it, condition), i);
  }
  assert_true(entries < 1600);
  hf_iter_close(it);
}

/* What another condition before it wanted says nothing. */
static void it_is_looked_again_by_what_this_condition_has_wanted(void **state) {
  (void)state;
  hf_iter *it = begin();
  assert_int_equal(next_where(it, "n >= 0"), 0);
  for (int i = 1; i < 1000; i++) assert_int_equal(next(it), i);
  assert_int_equal(next_where(it, "n >= 4800"), 4800);
  assert_true(hf__iter_goes_by_index(it));
  hf_iter_close(it);
}

static void a_count_by_an_index_alone_reads_no_entity(void **state) {
  (void)state;
  assert_int_equal(counted("n >= 1000"), COUNT - 1000);
  assert_int_equal(counted("few == 7"), COUNT / 100);
  hf_range range = range_of("few == 7");
  range.from = hf_text("s-200");
  range.to = hf_text("s-407");
  hf_error err;
  uint64_t n;
  OK(hf_persist_count_where(signals, &range, &n, &err));
  assert_int_equal(n, 3);
  hf_condition_free(range.where);
  assert_int_equal(reads, 0);
  assert_int_equal(scans, 0);
  assert_int_equal(counted("few == 7 and n < 500"), 5); /* which no entry alone says */
}

static void a_count_within_bounds_does_not_go_over_a_large_part_of_an_index(void **state) {
  (void)state;
  hf_error err;
  uint64_t n;
  hf_range range = range_of("n >= 1000");
  range.prefix = hf_text("s-499");
  OK(hf_persist_count_where(signals, &range, &n, &err));
  assert_int_equal(n, 10);
  assert_true(entries < 1200);
  hf_condition_free(range.where);
}

static void an_entity_that_the_condition_cannot_tell_is_come_upon(void **state) {
  (void)state;
  hf_error err;
  uint64_t n;
  hf_range range = range_of("n >= 4998");
  write_text(signals, "s-x", "{\"n\":\"text\"}");
  FAILS(HF_SCRIPT, hf_persist_count_where(signals, &range, &n, &err));
  assert_string_equal(err.entity_id, "s-x");
  assert_string_equal(given(&range), "4998 4999 !s-x");
  assert_string_equal(explained("n >= 4998"), "{\"of\":5001,\"index\":\"n\",\"candidates\":3,\"asked\":\"tested\","
                                              "\"why\":\"3 of 5001 entities can be those\"}");
  hf_condition_free(range.where);
}

static void what_is_in_quarantine_is_left_out_whatever_an_index_has_of_it(void **state) {
  (void)state;
  hf_error err;
  hf_range range = HF_RANGE_INIT;
  OK(hf_persist_quarantine(signals, hf_text("s-bad"), "it was broken", hf_text("{"), &err));
  tell_lie("s-bad", "{\"n\":2000.5}", 1000);
  assert_int_equal(counted("n >= 1000"), COUNT - 1000);
  assert_string_equal(found("n >= 1999 and n < 2002"), "1999 2000 2001");
  range.index = hf_text("n");
  range.from = hf_text("s-1999");
  range.has_limit = true;
  range.limit = 3;
  assert_string_equal(given(&range), "1999 2000 2001");
  assert_int_equal(warnings, 0);
}

static void says_what_it_would_do(void **state) {
  (void)state;
  assert_string_equal(explained("few == 7"), "{\"of\":5000,\"index\":\"few\",\"candidates\":50,\"asked\":\"nothing\","
                                             "\"why\":\"50 of 5000 entities can be those\"}");
  assert_string_equal(explained("few == 7 and n ~= 1 and n ~= 2"),
                      "{\"of\":5000,\"index\":\"few\",\"candidates\":50,\"asked\":\"tested\","
                      "\"why\":\"50 of 5000 entities can be those\"}");
  assert_string_equal(explained("n >= 1000"),
                      "{\"of\":5000,\"asked\":\"nothing\",\"why\":\"the index n leads to more than "
                      "250 entities\"}");
  assert_string_equal(explained("n >= 0 and n ~= 3 and few ~= 3"),
                      "{\"of\":5000,\"asked\":\"tested\",\"why\":\"the index n leads to more than 250 entities\"}");
  hf_error err;
  hf_persist *other;
  hf_buffer json = HF_BUFFER_INIT;
  hf_range range = range_of("n == 1");
  OK(hf_persist_open(hf_text("other"), "lying:store", NULL, &other, &err));
  OK(hf_persist_explain(other, &range, &json, &err));
  assert_string_equal(json.data, "{\"of\":0,\"asked\":\"tested\"}");
  hf_condition_free(range.where);
  hf_buffer_free(&json);
  hf_persist_close(other);
}

/* What explain says of a field of this name, which no index is over: the rest of its sentence is as it is always. */
static void assert_named(const char *name, const char *said) {
  char condition[512], sentence[700];
  snprintf(condition, sizeof condition, "v[\"%s\"] == 1", name);
  snprintf(sentence, sizeof sentence, "{\"of\":5000,\"asked\":\"tested\",\"why\":\"no index is over %s\"}", said);
  assert_string_equal(explained(condition), sentence);
}

#define LETTERS_50 "abcdefghijklmnopqrstuvwxyabcdefghijklmnopqrstuvwxy"
#define CYRILLIC_10 "дддддддддд"

static void names_what_no_index_is_over_cut_at_a_character(void **state) {
  (void)state;
  assert_named(LETTERS_50 "12345678", LETTERS_50 "12345678");
  assert_named(LETTERS_50 "123456789", LETTERS_50 "123456789");
  assert_named(LETTERS_50 "1234567890abcd", LETTERS_50 "1234567890...");
  assert_named("a" CYRILLIC_10 CYRILLIC_10 CYRILLIC_10 CYRILLIC_10, "a" CYRILLIC_10 CYRILLIC_10 "ддддддддд...");
}

static void names_indexes_of_long_names_cut_at_a_character(void **state) {
  (void)state;
  hf_error err;
  const char *const path = "a" CYRILLIC_10 CYRILLIC_10 CYRILLIC_10 CYRILLIC_10;
  OK(hf_persist_index_create(signals, &path, 1, false, &err));
  char condition[128];
  snprintf(condition, sizeof condition, "%s == nil", path);
  assert_string_equal(explained(condition),
                      "{\"of\":5000,\"asked\":\"tested\",\"why\":\"the index a" CYRILLIC_10 CYRILLIC_10
                      "ддддддддд... leads to more than 250 entities\"}");
}

static void names_an_index_that_is_used_by_its_whole_name_and_many_as_far_as_they_fit(void **state) {
  (void)state;
  hf_error err;
  char name[3][500], condition[1600], *at;
  for (size_t i = 0; i < 3; i++) {
    at = name[i] + sprintf(name[i], "%c", (char)('a' + i));
    for (size_t n = 0; n < 24; n++) at += sprintf(at, CYRILLIC_10);
    const char *const path = name[i];
    OK(hf_persist_index_create(signals, &path, 1, false, &err));
  }
  snprintf(condition, sizeof condition, "%s == 1", name[0]);
  CONTAINS(explained(condition), name[0]);
  snprintf(condition, sizeof condition, "%s == 1 or %s == 1 or %s == 1", name[0], name[1], name[2]);
  const char *json = explained(condition);
  OK(hf_json_validate(hf_text(json), &err));
}

/* A store may have indexes that conditions are not looked up in, and so give no set of them. */
static void explains_where_indexes_are_of_no_use_to_loops(void **state) {
  static hf_backend half;
  hf_error err;
  hf_persist *p;
  hf_buffer json = HF_BUFFER_INIT;
  half = *memory();
  half.name = "half";
  half.struct_size = sizeof half;
  half.next = NULL;
  half.capabilities &= ~(uint32_t)HF_CAP_INDEX_ORDER;
  half.index_set = NULL;
  OK(hf_backend_register(&half, &err));
  OK(hf_persist_open(hf_text("signal"), "half:store", NULL, &p, &err));
  hf_range range = range_of("n == 1");
  OK(hf_persist_explain(p, &range, &json, &err));
  assert_string_equal(json.data, "{\"of\":0,\"asked\":\"tested\"}");
  hf_condition_free(range.where);
  hf_buffer_free(&json);
  hf_persist_close(p);
  (void)state;
}

static void in_the_order_of_an_index_no_other_is_looked_in(void **state) {
  (void)state;
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  hf_range range = range_of("few == 7");
  range.index = hf_text("n");
  OK(hf_persist_explain(signals, &range, &json, &err));
  assert_string_equal(json.data,
                      "{\"of\":5000,\"index\":\"n\",\"asked\":\"tested\",\"why\":\"its order is asked for\"}");
  hf_condition_free(range.where);
  hf_buffer_free(&json);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(an_entry_of_nothing_is_heard_of_and_the_loop_scans),
      TEST(an_entry_of_another_value_is_heard_of_and_the_loop_scans),
      TEST(a_damaged_index_is_not_used_for_another_condition_either),
      TEST(an_entry_that_is_gone_when_it_is_looked_at_again_is_no_damage),
      TEST(damage_is_come_upon_after_what_is_gone_for_a_moment),
      TEST(in_the_order_of_an_index_such_an_entry_is_an_error_in_its_place),
      TEST(what_comes_before_such_an_entry_is_given_first),
      TEST(what_lies_far_on_in_an_index_is_come_upon),
      TEST(a_loop_scans_where_an_index_cannot_be_read_and_says_so),
      TEST(what_comes_before_what_cannot_be_read_is_given_first),
      TEST(an_entry_that_names_no_entity_is_an_error_in_its_place),
      TEST(a_loop_says_once_that_an_index_cannot_be_read),
      TEST(a_loop_scans_where_an_index_was_dropped_meanwhile),
      TEST(a_loop_by_an_index_reads_what_it_leads_to),
      TEST(a_page_in_the_order_of_an_index_has_more_than_are_still_wanted),
      TEST(what_leads_to_too_many_costs_little),
      TEST(a_condition_that_goes_on_changing_is_looked_up_in_vain_only_so_often),
      TEST(it_is_looked_again_by_what_this_condition_has_wanted),
      TEST(a_count_by_an_index_alone_reads_no_entity),
      TEST(a_count_within_bounds_does_not_go_over_a_large_part_of_an_index),
      TEST(an_entity_that_the_condition_cannot_tell_is_come_upon),
      TEST(what_is_in_quarantine_is_left_out_whatever_an_index_has_of_it),
      TEST(says_what_it_would_do),
      TEST(explains_where_indexes_are_of_no_use_to_loops),
      TEST(in_the_order_of_an_index_no_other_is_looked_in),
      TEST(names_what_no_index_is_over_cut_at_a_character),
      TEST(names_indexes_of_long_names_cut_at_a_character),
      TEST(names_an_index_that_is_used_by_its_whole_name_and_many_as_far_as_they_fit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
