/* SPDX-License-Identifier: MIT
 *
 * Conditions that LMDB evaluates in its map: how much one call looks at, what becomes of damaged records on the way,
 * and that the map grows while a loop finds nothing.
 */
#include "condition/condition.h"
#include "core/judge.h"
#include "core/persist.h"

#include <pthread.h>

#include "unit/lmdb/damage.h"

enum { MANY = 5000 };

/* v.n >= ? */
static hf_condition *at_least(double value) {
  hf_condition *c = hf__condition_new();
  hf_step step = {hf_text("n"), 0};
  int path = hf__condition_path(c, HF_ROOT_ENTITY, &step, 1), parameter = hf__condition_parameter(c, 0);
  int node = hf__condition_operator(c, HF_OPERATOR_GE, (const int[]){path, parameter});
  assert_true(node >= 0 && hf__condition_finish(c, node));
  assert_true(hf__condition_set(c, 0, &(hf_constant){.kind = HF_CONSTANT_NUMBER, .number = value}));
  return c;
}

static void set(hf_condition *c, double value) {
  assert_true(hf__condition_set(c, 0, &(hf_constant){.kind = HF_CONSTANT_NUMBER, .number = value}));
}

static void fill(hf_persist *p, size_t count) {
  hf_error err;
  hf_item *items = calloc(count, sizeof *items);
  char(*texts)[2][64] = calloc(count, sizeof *texts);
  for (size_t i = 0; i < count; i++) {
    snprintf(texts[i][0], sizeof texts[i][0], "%zu", i);
    snprintf(texts[i][1], sizeof texts[i][1], "{\"n\":%zu,\"mark\":\"mark-%zu-\"}", i, i);
    items[i] = (hf_item){.id = hf_text(texts[i][0]), .json = hf_text(texts[i][1])};
  }
  OK(hf_persist_write_many(p, items, count, &err));
  free(texts);
  free(items);
}

static void a_call_ends_after_what_it_may_look_at(void **state) {
  hf_error err;
  hf_persist *p = open_persist(*state, "signal");
  fill(p, MANY);
  hf_condition *c = at_least(MANY);
  hf_page *page = hf_page_new();
  hf_scan scan = {.limit = 128, .max_bytes = 1 << 20, .condition = c, .max_looked_at = HF__LOOKED_AT_MAX, .scan_id = 1};
  for (int reverse = 0; reverse < 2; reverse++) {
    bool more = true;
    size_t calls = 0;
    scan.reverse = reverse;
    scan.lower = scan.upper = (hf_slice){NULL, 0};
    char at[HF_ORDER_KEY_MAX];
    for (; more; calls++) {
      hf__page_reset(page);
      OK(p->backend->scan(p->impl, NULL, p->collection, &scan, page, &more, &err));
      assert_int_equal(page->count, 0);
      if (!more) continue;
      assert_non_null(page->resume.data);
      memcpy(at, page->resume.data, page->resume.size);
      *(reverse ? &scan.upper : &scan.lower) = (hf_slice){at, page->resume.size};
      *(reverse ? &scan.upper_open : &scan.lower_open) = true;
    }
    assert_int_equal(calls, MANY / HF__LOOKED_AT_MAX + 1);
  }
  hf_page_free(page);
  hf__condition_free(c);
  hf_persist_close(p);
}

/* The id that comes next, "damaged ID" or "end". */
static const char *next(hf_iter *it) {
  hf_error err;
  const hf_entry *e;
  hf_status status = hf_iter_next(it, &e, &err);
  if (status == HF_CORRUPT) return text_of("damaged %s", err.entity_id);
  OK(status);
  return e ? text_of("%.*s", (int)e->id.size, e->id.data) : "end";
}

/* A store in which the records 60 and 4000 are damaged. */
static hf_persist *damaged(const struct store *s) {
  hf_persist *p = open_persist(s, "signal");
  fill(p, MANY);
  hf_persist_close(p);
  damage(s, "mark-60-", "mArk-60-");
  damage(s, "mark-4000-", "mArk-4000-");
  return open_persist(s, "signal");
}

static void damage_is_told_in_its_place_whatever_is_left_out(void **state) {
  hf_error err;
  hf_iter *it;
  uint64_t n = 0;
  hf_persist *p = damaged(*state);
  hf_condition *c = at_least(MANY - 1);
  hf_range range = HF_RANGE_INIT;
  range.where = c;
  FAILS(HF_CORRUPT, hf_persist_count_where(p, &range, &n, &err));
  assert_string_equal(err.entity_id, "60");
  assert_true(err.in_quarantine);
  OK(hf_iter_open(p, &range, &it, &err));
  assert_string_equal(next(it), "damaged 4000");
  assert_string_equal(next(it), text_of("%d", MANY - 1));
  assert_string_equal(next(it), "end");
  hf_iter_close(it);
  hf__condition_free(c);
  hf_persist_close(p);
}

/* What was found ahead is found again when a parameter changes; damage that was found with it, and is in quarantine by
 * then, must not be lost. */
static void damage_ahead_is_told_after_going_back(void **state) {
  hf_error err;
  hf_iter *it;
  hf_persist *p = damaged(*state);
  hf_condition *c = at_least(50);
  OK(hf_iter_open(p, NULL, &it, &err));
  assert_true(hf__iter_ask(it, c, false));
  assert_string_equal(next(it), "50"); /* and the page ends at 60 */
  set(c, 58);
  assert_true(hf__iter_ask(it, c, false));
  assert_string_equal(next(it), "58");
  set(c, 59);
  assert_true(hf__iter_ask(it, c, false)); /* back once more, before the same damage */
  assert_string_equal(next(it), "59");
  assert_string_equal(next(it), "damaged 60");
  set(c, MANY - 1);
  assert_true(hf__iter_ask(it, c, false));
  assert_string_equal(next(it), "damaged 4000");
  assert_string_equal(next(it), text_of("%d", MANY - 1));
  assert_string_equal(next(it), "end");
  hf_iter_close(it);
  hf__condition_free(c);
  hf_persist_close(p);
}

static void damage_ahead_is_told_when_the_condition_is_dropped(void **state) {
  hf_error err;
  hf_iter *it;
  hf_persist *p = damaged(*state);
  hf_condition *c = at_least(3990);
  hf_range range = HF_RANGE_INIT;
  range.reverse = true;
  range.from = hf_text("3990");
  range.to = hf_text("4003");
  OK(hf_iter_open(p, &range, &it, &err));
  assert_true(hf__iter_ask(it, c, false));
  assert_string_equal(next(it), "4003");
  assert_true(hf__iter_ask(it, NULL, false));
  assert_string_equal(next(it), "4002");
  assert_string_equal(next(it), "4001");
  assert_string_equal(next(it), "damaged 4000");
  assert_string_equal(next(it), "3999");
  hf_iter_close(it);
  hf__condition_free(c);
  hf_persist_close(p);
}

/* ---- beside others */

struct loop {
  const struct store *store;
  _Atomic bool stop;
  uint64_t rounds;
};

/* Finds nothing, again and again. */
static void *find_nothing(void *arg) {
  struct loop *loop = arg;
  hf_persist *p;
  hf_error err;
  hf_condition *c = at_least(1e9);
  hf_range range = HF_RANGE_INIT;
  range.where = c;
  if (hf_persist_open(hf_text("signal"), loop->store->base, NULL, &p, &err)) return "open";
  while (!loop->stop) {
    uint64_t n;
    if (hf_persist_count_where(p, &range, &n, &err) || n) return "count";
    loop->rounds++;
  }
  hf_persist_close(p);
  hf__condition_free(c);
  return NULL;
}

static void the_map_grows_and_collections_close_beside_a_loop_that_finds_nothing(void **state) {
  struct store *s = *state;
  hf_error err;
  pthread_t thread;
  void *failed;
  strcat(s->base, "&mapsize=1m");
  hf_persist *p = open_persist(s, "signal");
  fill(p, MANY);
  struct loop loop = {.store = s};
  assert_int_equal(pthread_create(&thread, NULL, find_nothing, &loop), 0);
  char *large = malloc(1 << 20);
  memset(large, 'x', 1 << 20);
  large[0] = large[(1 << 20) - 2] = '"';
  large[(1 << 20) - 1] = '\0';
  for (int i = 0; i < 24; i++) {
    hf_persist *other = open_persist(s, text_of("other-%d", i));
    OK(hf_persist_write(other, hf_text("a"), hf_text(large), NULL, NULL, &err));
    hf_persist_close(other);
  }
  loop.stop = true;
  pthread_join(thread, &failed);
  assert_null(failed);
  assert_true(loop.rounds > 0);
  free(large);
  hf_persist_close(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_LMDB(a_call_ends_after_what_it_may_look_at),
      ON_LMDB(damage_is_told_in_its_place_whatever_is_left_out),
      ON_LMDB(damage_ahead_is_told_after_going_back),
      ON_LMDB(damage_ahead_is_told_when_the_condition_is_dropped),
      ON_LMDB(the_map_grows_and_collections_close_beside_a_loop_that_finds_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
